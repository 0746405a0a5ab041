// What a model can be asked, and the form for it.

import { element, field, text } from './dom.js';
import { post, postFiles } from './api.js';
import { heatElement } from './heat.js';
import { imageInput } from './image.js';
import { imagesResult, matchesResult, predictionResult, similarityResult, textResult } from './results.js';

const MOST_BARS = 5;

// Returns [{key, build}] for a model of GET /models; build(ask, failed) makes the form, and ask(promise) shows a result.
export function modesOf(model, facts) {
  const isImage = model.input !== null && model.input.kind === 'image';
  const modes = [];
  if (model.does === 'classify' || model.does === 'regress') {
    modes.push({ key: 'mode_predict', build: isImage ? predictImage : predictNumbers });
  }
  if (model.has_vector && isImage) modes.push({ key: 'mode_compare', build: compare });
  if (model.has_vector && isImage && facts.gallery === model.name) modes.push({ key: 'mode_search', build: search });
  if (model.does === 'generate') modes.push({ key: 'mode_generate', build: generate });
  if (model.does === 'translate') modes.push({ key: 'mode_translate', build: translate });
  if (model.does === 'sample') modes.push({ key: 'mode_sample', build: sample });
  return modes.map((mode) => ({ key: mode.key, build: (ask, failed) => mode.build(model, ask, failed, facts) }));
}

function predictImage(model, ask, failed) {
  const send = (file) =>
    ask(async () => {
      const options = model.has_heatmap ? Object.assign(asked(model), { heatmap: true }) : asked(model);
      const found = (await postFiles('/predict', [file], options)).predictions[0];
      const shown = found.heat ? [await heatElement(file, found.heat, model.input.steps)] : [];
      return [...predictionResult(found), ...shown];
    });
  return [imageInput(text('drop_here'), send, failed)];
}

function asked(model) {
  const k = Math.min(MOST_BARS, model.classes.length);
  const options = k ? { model: model.name, k: k } : { model: model.name };
  return model.detects_unknown ? Object.assign(options, { unknown: true }) : options;
}

function search(model, ask, failed) {
  const send = (file) =>
    ask(async () => {
      const found = await postFiles('/search', [file], { model: model.name, k: 8 });
      return matchesResult(found.matches[0]);
    });
  return [imageInput(text('drop_here'), send, failed)];
}

function compare(model, ask, failed) {
  const files = [null, null];
  const taker = (i) => (file) => {
    files[i] = file;
    if (files[0] && files[1]) {
      ask(async () => similarityResult(await postFiles('/similarity', files, { model: model.name })));
    }
  };
  const inputs = [0, 1].map((i) => imageInput(text('image_number', { number: i + 1 }), taker(i), failed));
  return [element('div', { class: 'pair' }, ...inputs)];
}

// A form that asks when it is sent; `send` returns elements.
function form(key, children, ask, send) {
  const made = element('form', {}, ...children, element('button', { type: 'submit', class: 'main' }, text(key)));
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    ask(send);
  });
  return [made];
}

// Columns of a table have a field each; steps, tokens and arrays are typed as text.
function predictNumbers(model, ask) {
  const input = model.input;
  const send = (value) => async () => {
    const body = Object.assign(asked(model), { input: value() });
    return predictionResult((await post('/predict', body)).predictions[0]);
  };
  if (input.columns.length) {
    const cells = input.columns.map(cellInput);
    const titles = input.columns.map((column, i) => column.name || text('column', { number: i + 1 }));
    const fields = titles.map((title, i) => field(title, cells[i]));
    const row = () => input.columns.map((column, i) => cellValue(column, cells[i].value));
    return form('ask', [element('div', { class: 'fields' }, ...fields)], ask, send(row));
  }
  const width = input.features.length || input.width;
  if (input.kind === 'table' && width) {
    const names = Array.from({ length: width }, (_, i) => input.features[i] || text('column', { number: i + 1 }));
    const controls = names.map(() => element('input', { type: 'number', step: 'any', inputmode: 'decimal', required: true }));
    const fields = names.map((name, i) => field(name, controls[i]));
    const value = () => controls.map((control) => Number(control.value));
    return form('ask', [element('div', { class: 'fields' }, ...fields)], ask, send(value));
  }
  const area = element('textarea', { required: true, spellcheck: 'false' });
  const key = { sequence: 'type_steps', tokens: 'type_' + input.tokens, table: 'type_row' }[input.kind] || 'type_array';
  return form('ask', [field(text(key), area)], ask, send(() => typed(area.value, input)));
}

// The field of one column of a table; what is left empty is a missing value.
function cellInput(column) {
  if (column.kind === 'number') return element('input', { type: 'number', step: 'any', inputmode: 'decimal' });
  if (column.kind === 'date') return element('input', { type: 'text', placeholder: '2025-03-31' });
  const known = column.kind === 'boolean' ? ['true', 'false'] : column.categories.filter(Boolean);
  return element('select', {}, ...['', ...known].map((each) => element('option', { value: each }, each)));
}

function cellValue(column, value) {
  if (value === '') return null;
  return column.kind === 'number' ? Number(value) : value;
}

// What is typed, as the server takes it: texts for a vocabulary, else numbers.
function typed(value, input) {
  if (input.tokens === 'characters') return value;
  if (input.tokens === 'words') return words(value);
  if (/^\s*\[/.test(value)) return parsed(value);
  const lines = value.trim().split(/\n+/).map(numbers);
  return input.kind === 'sequence' ? lines : [].concat(...lines);
}

function words(value) {
  return value.trim().split(/\s+/);
}

function parsed(value) {
  try {
    return JSON.parse(value);
  } catch (error) {
    return value; // the server says what it expected
  }
}

function numbers(line) {
  return line.trim().split(/[\s,;，；]+/).filter(Boolean).map((each) => (isNaN(Number(each)) ? each : Number(each)));
}

function generate(model, ask) {
  const prompt = element('textarea', { required: true });
  const length = element('input', { type: 'number', min: 1, max: 2000, step: 1, value: 60, required: true });
  const heat = element('input', { type: 'range', min: 0, max: 2, step: 0.1, value: 0.8 });
  const shown = element('span', {}, heat.value);
  heat.addEventListener('input', () => { shown.textContent = heat.value; });
  const seed = seedField();
  const heatField = field(text('temperature') + ' ', heat);
  heatField.firstChild.append(shown);
  const children = [
    field(text('prompt'), prompt),
    element('div', { class: 'fields' }, field(text('length'), length), field(text('seed'), seed)),
    heatField,
    element('p', { class: 'soft' }, text('temperature_help')),
  ];
  return form('write', children, ask, async () => {
    const body = { model: model.name, length: Number(length.value), temperature: Number(heat.value) };
    body.prompt = model.input.tokens === 'words' ? words(prompt.value) : prompt.value;
    if (seed.value !== '') body.seed = Number(seed.value);
    const found = (await post('/generate', body)).text;
    return textResult([Array.isArray(found) ? found.join(' ') : found]);
  });
}

function seedField() {
  return element('input', { type: 'number', min: 0, max: 4294967295, step: 1, placeholder: text('seed_any') });
}

function translate(model, ask) {
  const source = element('textarea', { required: true, spellcheck: 'false' });
  return form('write', [field(text('type_ids'), source)], ask, async () => {
    const found = (await post('/generate', { model: model.name, prompt: typed(source.value, model.input) })).target;
    return textResult([found.join(' ')]);
  });
}

function sample(model, ask, failed, facts) {
  const num = element('input', { type: 'number', min: 1, max: facts.max_items, step: 1, value: Math.min(8, facts.max_items), required: true });
  const seed = seedField();
  const fields = [];
  let label = null;
  if (model.classes.length) {
    const options = [['', text('label_any')]].concat(model.classes.map((name) => [name, name]));
    label = element('select', {}, ...options.map((each) => element('option', { value: each[0] }, each[1])));
    fields.push(field(text('label'), label));
  }
  fields.push(field(text('num'), num));
  let steps = null;
  if (model.sampling.fixed_steps === null) {
    const most = model.sampling.timesteps;
    steps = element('input', { type: 'number', min: 1, max: most, step: 1, value: Math.min(20, most), required: true });
    fields.push(field(text('steps'), steps));
  }
  fields.push(field(text('seed'), seed));
  return form('draw', [element('div', { class: 'fields' }, ...fields)], ask, async () => {
    const body = { model: model.name, num: Number(num.value) };
    if (label !== null && label.value !== '') body.label = label.value;
    if (steps !== null) body.steps = Number(steps.value);
    if (seed.value !== '') body.seed = Number(seed.value);
    return imagesResult(await post('/sample', body));
  });
}
