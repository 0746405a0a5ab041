// Answers what server/static/api.js asks a server, by ONNX Runtime in the page itself. Nothing is fetched.

import { text } from './dom.js';

const facts = JSON.parse(document.getElementById('facts').textContent);
const card = facts.local;
let opened = null;

export class Problem extends Error {
  constructor(message, detail) {
    super(message);
    this.detail = detail || '';
    this.status = 0;
  }
}

export function setToken() {}

export function hasToken() {
  return false;
}

// Returns what the page packs under an id: gzip in base64.
async function packed(id) {
  const bytes = Uint8Array.from(atob(document.getElementById('packed-' + id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function open() {
  if (typeof DecompressionStream === 'undefined' || typeof WebAssembly === 'undefined') throw new Problem(text('old_browser'));
  const url = URL.createObjectURL(new Blob([await packed('ort')], { type: 'text/javascript' }));
  const ort = await import(url); // which reads itself again later, so the URL stays
  ort.env.wasm.wasmBinary = await packed('wasm');
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(await packed('model'), { executionProviders: ['wasm'] });
  return { ort: ort, session: session };
}

// Runs the graph once, and after what is running; feeds are {name: [type, data, shape]}.
let last = Promise.resolve();
async function run(feeds) {
  if (opened === null) opened = open();
  const before = last;
  let done;
  last = new Promise((resolve) => { done = resolve; });
  try {
    const { ort, session } = await opened;
    await before;
    const given = {};
    for (const name of Object.keys(feeds)) given[name] = new ort.Tensor(...feeds[name]);
    return await session.run(given);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(text('page_failed'), String(error.message || error));
  } finally {
    done();
  }
}

export async function get() {
  return facts;
}

export async function post(path, body) {
  if (path === '/predict') return { predictions: [predictionOf(await run({ [card.input]: numbersOf(body.input) }), body)] };
  if (path === '/generate') return { text: await generated(body) };
  return sampled(body);
}

export async function postFiles(path, files, options) {
  const found = [];
  for (const file of files) found.push(await run({ [card.input]: await pixelsOf(file) }));
  if (path === '/predict') return { predictions: [predictionOf(found[0], options)] };
  if (path === '/search') return { matches: [await matchesOf(found[0], options.k)] };
  const [a, b] = found.map((each) => each[card.vector].data);
  return { similarity: dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1) };
}

// The pixels of an image, upright and without transparency, as the graph takes them: uint8 (1, H, W, 3).
async function pixelsOf(file) {
  let image;
  try {
    image = await createImageBitmap(file, { colorSpaceConversion: 'none' });
  } catch (error) {
    throw new Problem(text('error_415'));
  }
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = '#fff';
  context.fillRect(0, 0, image.width, image.height);
  context.drawImage(image, 0, 0);
  const found = context.getImageData(0, 0, image.width, image.height).data;
  const pixels = new Uint8Array(image.width * image.height * 3);
  for (let i = 0, j = 0; j < pixels.length; i += 4, j += 3) {
    pixels[j] = found[i];
    pixels[j + 1] = found[i + 1];
    pixels[j + 2] = found[i + 2];
  }
  return ['uint8', pixels, [1, image.height, image.width, 3]];
}

// What was typed as a tensor with a batch axis: text, a row, steps, or nested lists of numbers.
function numbersOf(value) {
  if (typeof value === 'string' || (card.vocabulary && value.some((each) => typeof each === 'string'))) {
    const ids = idsOf(value);
    return ['int64', BigInt64Array.from(ids, BigInt), [1, ids.length]];
  }
  const shape = [1];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const flat = value.flat(Infinity);
  const expected = card.shape.slice(1);
  const fits = expected.length === shape.length - 1 && expected.every((size, i) => typeof size !== 'number' || size === shape[i + 1]);
  if (!fits || !flat.every((each) => typeof each === 'number' && isFinite(each)) || flat.length !== shape.reduce((a, b) => a * b)) {
    throw new Problem(text('error_400'), text('page_numbers', { shape: expected.join(' × ') }));
  }
  if (card.dtype === 'int64') {
    if (!flat.every((each) => Number.isInteger(each) && each >= 0 && (card.num_tokens === null || each < card.num_tokens))) throw new Problem(text('error_400'));
    return ['int64', BigInt64Array.from(flat, BigInt), shape];
  }
  return [card.dtype, card.dtype === 'float64' ? Float64Array.from(flat) : Float32Array.from(flat), shape];
}

const MARK = /^(<.+>|\[.+\])$/;

// The id of each token of a text, or of a list of words; marks such as <START> are one token.
function idsOf(value) {
  let tokens = value;
  if (typeof value === 'string' && !Object.hasOwn(card.vocabulary, value)) {
    const marks = Object.keys(card.vocabulary).filter((each) => MARK.test(each)).sort((a, b) => b.length - a.length);
    tokens = [];
    for (let place = 0; place < value.length; place += tokens[tokens.length - 1].length) {
      const mark = marks.find((each) => value.startsWith(each, place));
      tokens.push(mark === undefined ? String.fromCodePoint(value.codePointAt(place)) : mark);
    }
  } else if (typeof value === 'string') tokens = [value];
  for (const token of tokens) {
    if (!Object.hasOwn(card.vocabulary, token)) throw new Problem(text('error_400'), text('page_token', { token: token }));
  }
  if (!tokens.length) throw new Problem(text('error_400'));
  return tokens.map((token) => card.vocabulary[token]);
}

function label(index) {
  return index < card.classes.length ? card.classes[index] : String(index);
}

// The best classes of scores as {label, score}, best first; a binary network has one score, of the second class.
function best(scores, k) {
  let all = Array.from(scores);
  if (card.kind === 'binary' && all.length === 1) all = [Math.fround(1 - all[0]), all[0]];
  const order = all.map((score, i) => i).sort((a, b) => all[b] - all[a] || a - b);
  if (card.kind === 'binary' && scores.length === 1) order.sort((a, b) => (scores[0] >= 0.5 ? b - a : a - b));
  return order.slice(0, k || 1).map((i) => ({ label: label(i), score: all[i] }));
}

// Reference vectors of training samples, each of length 1: of int8, as the card has them.
let references = null;
function referencesOf(unknown) {
  const integers = new Int8Array(Uint8Array.from(atob(unknown.references), (letter) => letter.charCodeAt(0)).buffer);
  const count = integers.length / unknown.size;
  return Array.from({ length: count }, (_, i) => unit(integers.subarray(i * unknown.size, (i + 1) * unknown.size)));
}

function unit(vector) {
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return Float32Array.from(vector, (each) => each / length);
}

// How far a feature vector is from the k-th nearest reference, in thresholds, as onnxnn_runtime.unknown has it.
function distanceOf(vector) {
  if (references === null) references = referencesOf(card.unknown);
  const given = unit(vector);
  const cosines = references.map((each) => dot(given, each)).sort((a, b) => b - a);
  const squared = dot(given, given) + 1 - 2 * cosines[card.unknown.k - 1];
  return Math.sqrt(Math.max(0, squared)) / Math.max(card.unknown.threshold, 1e-3);
}

// What speaks for a class, 0..1, as rows; of a binary network the one map is that of the second class.
function heatOf(maps, index, scores) {
  const [count, height, width] = maps.dims.slice(1);
  const isBinary = card.kind === 'binary' && count === 1;
  const chosen = isBinary ? 0 : index;
  const sign = isBinary && scores[0] < 0.5 ? -1 : 1;
  const values = maps.data.subarray(chosen * height * width, (chosen + 1) * height * width).map((value) => Math.max(0, sign * value));
  const largest = values.reduce((a, b) => Math.max(a, b), 0) || 1;
  return Array.from({ length: height }, (_, y) => Array.from(values.subarray(y * width, (y + 1) * width), (value) => value / largest));
}

function predictionOf(found, options) {
  const { data, dims } = found[card.output];
  const raw = card.scores === 'probability' ? {} : { score_kind: card.scores };
  if (card.kind === 'values') {
    const values = {};
    data.forEach((value, i) => { values[i < card.targets.length ? card.targets[i] : 'value ' + i] = value; });
    return { values: values };
  }
  if (dims.length === 3) {
    const steps = Array.from({ length: dims[1] }, (_, i) => best(data.subarray(i * dims[2], (i + 1) * dims[2]), 1)[0]);
    return { label: steps.map((each) => each.label), score: steps.map((each) => each.score), ...raw };
  }
  const top = best(data, options.k);
  const predicted = { ...top[0], top: top, ...raw };
  if (options.unknown) predicted.distance = distanceOf(found[card.vector].data);
  if (options.heatmap) predicted.heat = heatOf(found.heatmap, data.indexOf(data.reduce((a, b) => Math.max(a, b))), data);
  if (predicted.distance > 1) predicted.label = 'unknown';
  return predicted;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}

// Uniform in 0..1 without 1; the same ones for the same seed (mulberry32).
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function anySeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

// Continues a text as onnxnn_runtime.generation does, with other random numbers.
async function generated(body) {
  const random = generator(body.seed === undefined ? anySeed() : body.seed);
  const isWords = Array.isArray(body.prompt);
  const words = Object.keys(card.vocabulary).sort((a, b) => card.vocabulary[a] - card.vocabulary[b]);
  let ids = idsOf(body.prompt);
  if (body.length <= ids.length) throw new Problem(text('error_400'), text('page_length', { count: ids.length }));
  const written = [];
  const count = ids.length;
  let states = {};
  for (const state of card.states) {
    const shape = state.shape.map((size) => (typeof size === 'number' ? size : 1));
    states[state.name] = ['float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape];
  }
  for (let position = count; position < body.length; position += 1) {
    const found = await run({ [card.input]: ['int64', BigInt64Array.from(ids, BigInt), [1, ids.length]], ...states });
    const { data, dims } = found[card.output];
    const chosen = draw(data.subarray(data.length - dims[dims.length - 1]).subarray(0, words.length), random(), body.temperature);
    written.push(words[chosen]);
    states = {};
    for (const state of card.states) states[state.name] = [found[state.next].type, found[state.next].data, found[state.next].dims];
    ids = [chosen];
  }
  return isWords ? body.prompt.concat(written) : body.prompt + written.join('');
}

function draw(probabilities, chance, temperature) {
  const largest = Math.max(...probabilities);
  if (temperature === 0) return probabilities.indexOf(largest);
  const weights = Array.from(probabilities, (each) => Math.pow(each / largest, 1 / temperature));
  const wanted = chance * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  const index = weights.findIndex((weight) => { sum += weight; return sum > wanted; });
  return index < 0 ? weights.length - 1 : index;
}

// Draws images with a graph that holds the whole loop: noise in, images out.
async function sampled(body) {
  const seed = body.seed === undefined ? anySeed() : body.seed;
  const random = generator(seed);
  const [channels, height, width] = card.image;
  const frames = [];
  for (let i = 0; i < body.num; i += 1) {
    const noise = Float32Array.from({ length: channels * height * width }, () => normal(random));
    const shape = [1, channels, height, width];
    const more = {};
    if (card.classes.length) {
      const index = body.label === undefined ? Math.floor(random() * card.classes.length) : card.classes.indexOf(body.label);
      more.label = ['int64', BigInt64Array.of(BigInt(index)), [1]];
    }
    const states = card.plan.length
      ? await denoised(noise, shape, more)
      : [(await run({ noise: ['float32', noise, shape], ...more }))[card.output].data];
    frames.push(states.map((values) => urlOf(values, channels, height, width)));
  }
  const found = { model: facts.models[0].name, images: frames.map((each) => each[each.length - 1]), seed: seed };
  return card.plan.length ? { ...found, frames: frames } : found;
}

// The image before the first step and after each, in 0..1: the loop of onnxnn_runtime.diffusion.sampler.
export async function denoised(noise, shape, more) {
  let x = noise;
  let before = null;
  const states = [x];
  for (const [t, p, q, a, b, c] of card.plan) {
    const predicted = (await run({ x: ['float32', x, shape], t: ['int64', BigInt64Array.of(BigInt(t)), [1]], ...more }))[card.output].data;
    const clean = x.map((value, i) => Math.min(1, Math.max(-1, p * value + q * predicted[i])));
    x = x.map((value, i) => a * value + b * clean[i] + (c ? c * before[i] : 0));
    before = clean;
    states.push(x);
  }
  return states.map((values) => values.map((value) => (value + 1) / 2));
}

// A number of the standard normal distribution (Box and Muller 1958).
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function urlOf(values, channels, height, width) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  const size = height * width;
  for (let i = 0; i < size; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      image.data[4 * i + c] = Math.round(255 * Math.min(1, Math.max(0, values[(channels === 1 ? 0 : c) * size + i])));
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL('image/png');
}

// The gallery that the page packs: entries with a name, a label and a thumbnail, and a vector of each.
let gallery = null;
async function packedGallery() {
  if (gallery === null) {
    const halves = new Uint16Array((await packed('vectors')).buffer);
    const entries = JSON.parse(new TextDecoder().decode(await packed('thumbnails')));
    gallery = { entries: entries, vectors: Float32Array.from(halves, half) };
  }
  return gallery;
}

// The number that a float16 stands for; vectors of length 1 hold no infinity and no NaN.
function half(bits) {
  const exponent = (bits >> 10) & 31;
  const size = exponent ? (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15) : (bits & 1023) * 2 ** -24;
  return bits & 32768 ? -size : size;
}

async function matchesOf(found, k) {
  const { entries, vectors } = await packedGallery();
  const given = unit(found[card.vector].data);
  const size = given.length;
  const scores = entries.map((entry, i) => dot(given, vectors.subarray(i * size, (i + 1) * size)));
  const order = scores.map((score, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, k).map((i) => ({ name: entries[i].name, label: entries[i].label, score: scores[i] }));
}

// The thumbnail of an entry.
export async function getImage(path) {
  const name = decodeURIComponent(path.split('name=')[1]);
  const { entries } = await packedGallery();
  const bytes = Uint8Array.from(atob(entries.find((each) => each.name === name).image), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: 'image/jpeg' });
}
