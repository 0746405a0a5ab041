// Trying the model: what the camera sees, or a file, and a bar for each class.

import { postFiles } from './api.js';
import { TYPES, fileButton, hasCamera, listenForDrops } from './camera.js';
import { colorOf } from './collect.js';
import { byId, element, fill, text } from './dom.js';
import { cameraProblem, openCamera } from './live.js';
import { bar, percent } from './results.js';

const MOST = 10; // bars
const PAUSE = 60; // milliseconds between two images
let camera = null;
let built = '';
let bars = new Map();

export function showTrying(facts, page) {
  byId('no-model').hidden = facts.model !== null;
  byId('trying').hidden = facts.model === null;
  if (facts.model === null) return;
  const key = text('try') + facts.model.classes.join('/');
  if (key === built) return;
  built = key;
  if (camera !== null) camera.close();
  fill(byId('result'));
  showClosed(facts.model, page);
}

function showClosed(model, page) {
  camera = null;
  const one = (files) => tryFile(files[0], model, page);
  const first = hasCamera()
    ? [element('button', { type: 'button', class: 'main', click: () => start(model, page) }, text('try_camera'))]
    : fileButton('photos_take', { accept: 'image/*', capture: 'environment' }, one);
  const place = element('div', { class: 'drop controls', role: 'group', 'aria-label': text('try') }, ...first, ...fileButton('photos_choose', { accept: TYPES }, one), element('span', { class: 'soft hint' }, text('photos_drop')));
  listenForDrops(place, one);
  fill(byId('try-input'), place);
}

async function ask(image, model) {
  const asked = { model: model.name, k: Math.min(MOST, model.classes.length) };
  if (model.detects_unknown) asked.unknown = true;
  const found = await postFiles('/predict', [image], asked);
  showBars(found.predictions[0], model);
}

// Bars stay where they are as long as all classes have one, so that a look is enough to see which grows.
function showBars(found, model) {
  const top = found.top && found.top.length ? found.top.slice() : [found];
  const likeliest = top.reduce((most, each) => (each.score > most.score ? each : most));
  if (model.classes.length <= MOST) top.sort((a, b) => model.classes.indexOf(a.label) - model.classes.indexOf(b.label));
  let best = byId('result').querySelector('.best');
  const labels = top.map((each) => each.label).join('/');
  if (best === null || byId('result').dataset.labels !== labels) {
    best = element('p', { class: 'best' });
    bars = new Map(top.map((each) => [each.label, bar(each.label, '', 0)]));
    for (const [label, line] of bars) line.style.setProperty('--own', colorOf(model.classes.indexOf(label)));
    fill(byId('result'), best, element('ul', { class: 'bars' }, ...bars.values()));
    byId('result').dataset.labels = labels;
  }
  const isKnown = !(found.distance > 1);
  best.textContent = isKnown ? found.label : text('stranger');
  byId('result').classList.toggle('stranger', !isKnown);
  for (const each of top) {
    const line = bars.get(each.label);
    line.classList.toggle('most', each === likeliest);
    line.querySelector('.number').textContent = percent(each.score);
    line.querySelector('.track > div').style.width = 100 * each.score + '%';
  }
}

function tryFile(file, model, page) {
  if (camera !== null) camera.close();
  const image = element('img', { alt: text('your_image'), src: URL.createObjectURL(file) });
  image.addEventListener('load', () => URL.revokeObjectURL(image.src));
  fill(byId('try-view'), element('div', { class: 'view' }, image));
  page.act(() => ask(file, model));
}

async function start(model, page) {
  fill(byId('try-view'));
  try {
    camera = await openCamera(byId('try-view'), () => showClosed(model, page));
  } catch (error) {
    page.showProblem(cameraProblem(error));
    return;
  }
  if (!camera.isOn) return;
  const own = camera;
  const controls = [element('button', { type: 'button', click: () => own.close() }, text('try_stop'))];
  if (own.isSeveral) {
    const turn = () => own.turn().catch((error) => page.showProblem(cameraProblem(error)));
    controls.push(element('button', { type: 'button', click: turn }, text('turn_camera')));
  }
  fill(byId('try-input'), element('div', { class: 'controls' }, ...controls));
  while (own.isOn) {
    try {
      const image = await own.frame();
      if (own.isOn && image !== null) await ask(image, model);
    } catch (error) {
      own.close();
      page.act(() => { throw error; });
    }
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
  }
}
