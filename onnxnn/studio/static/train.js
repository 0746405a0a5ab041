// The training: what it still needs, how far it is, and its curve.

import { post } from './api.js';
import { byId, element, fill, text } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 360;
const HEIGHT = 170;
const LEFT = 30;
const BOTTOM = 20;
const GOOD = 10; // images of a class
const RUNNING = ['load', 'train', 'export'];
let shown = '';

export function watchTraining(page) {
  byId('start').addEventListener('click', () => page.act(() => post('/studio/train', { epochs: Number(byId('epochs').value) || 1 })));
  byId('stop').addEventListener('click', () => page.act(() => post('/studio/stop', {})));
}

export function showTraining(facts) {
  const training = facts.training;
  const isRunning = RUNNING.includes(training.phase);
  const lack = lacking(facts);
  if (byId('epochs').value === '') byId('epochs').value = facts.epochs;
  byId('needed').textContent = isRunning ? '' : lack || advice(facts);
  byId('needed').hidden = isRunning;
  byId('install').hidden = facts.package === null;
  byId('install').textContent = facts.package === null ? '' : text('install', { line: 'pip install ' + facts.package });
  byId('start').hidden = isRunning;
  byId('start').disabled = Boolean(lack);
  byId('start').textContent = text(facts.model === null ? 'train_start' : 'train_again');
  byId('stop').hidden = !isRunning || training.phase === 'export';
  byId('stop').textContent = text(training.is_stopping ? 'train_stop_now' : 'train_stop');
  byId('share').hidden = !isRunning;
  byId('share').firstElementChild.style.width = 100 * training.share + '%';
  const phase = phaseOf(training);
  if (byId('phase').textContent !== phase) byId('phase').textContent = phase;
  byId('phase').classList.toggle('note', training.phase === 'failed');
  showCurve(training);
}

function lacking(facts) {
  const poor = facts.classes.find((each) => each.images.length < facts.least_images);
  if (facts.classes.length < 2) return text('need_classes');
  return poor ? text('need_images', { name: poor.name, least: facts.least_images }) : '';
}

function advice(facts) {
  const sorted = facts.classes.slice().sort((a, b) => a.images.length - b.images.length);
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  if (least.images.length < GOOD) return text('few_images', { name: least.name });
  if (most.images.length > 3 * least.images.length) return text('uneven', { less: least.name, more: most.name });
  const count = facts.classes.reduce((sum, each) => sum + each.images.length, 0);
  return text('ready', { count: count, classes: facts.classes.length });
}

function phaseOf(training) {
  if (training.phase === 'idle') return '';
  if (training.is_stopping && RUNNING.includes(training.phase) && training.phase !== 'export') return text('phase_stopping');
  if (training.phase === 'train') {
    return text('phase_train', { epoch: Math.min(training.rows.length + 1, training.epochs), epochs: training.epochs });
  }
  if (training.phase === 'failed') return text('phase_failed') + ' ' + training.error;
  const last = training.rows[training.rows.length - 1];
  if (training.phase === 'done' && last) {
    const isTested = 'val_acc' in last;
    const right = Math.round(100 * (isTested ? last.val_acc : last.acc || 0));
    return text(isTested ? 'phase_done' : 'phase_done_learned', { right: right });
  }
  return training.phase === 'done' ? '' : text('phase_' + training.phase);
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const name of Object.keys(attributes)) made.setAttribute(name, String(attributes[name]));
  made.append(...children);
  return made;
}

function showCurve(training) {
  const key = training.rows.length + '/' + training.epochs + text('curve');
  if (key === shown) return;
  shown = key;
  if (!training.rows.length) {
    fill(byId('curve'));
    return;
  }
  const epochs = Math.max(training.epochs, training.rows.length, 2);
  const x = (i) => LEFT + ((WIDTH - LEFT - 10) * i) / (epochs - 1);
  const y = (share) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 10) * share;
  const made = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': text('curve') });
  for (const share of [0, 0.5, 1]) {
    made.append(svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - 10, y1: y(share), y2: y(share) }));
    made.append(svg('text', { x: LEFT - 6, y: y(share) + 4, 'text-anchor': 'end' }, String(100 * share)));
  }
  made.append(svg('text', { x: x(0), y: HEIGHT - 4 }, '1'), svg('text', { x: x(epochs - 1), y: HEIGHT - 4, 'text-anchor': 'end' }, String(epochs)));
  const keys = [];
  for (const [column, name] of [['acc', 'learned'], ['val_acc', 'tested']]) {
    const points = training.rows.map((row, i) => [x(i), row[column]]).filter((each) => typeof each[1] === 'number');
    if (!points.length) continue;
    if (points.length === 1) points.push([points[0][0] + 1, points[0][1]]);
    made.append(svg('polyline', { class: name, points: points.map((each) => each[0].toFixed(1) + ',' + y(each[1]).toFixed(1)).join(' ') }));
    keys.push(element('span', {}, element('i', { class: name }), text('curve_' + name)));
  }
  fill(byId('curve'), element('p', { class: 'soft' }, text('curve')), made, element('p', { class: 'key' }, ...keys));
}
