// What the server answered, as elements.

import { element, field, text } from './dom.js';
import { getImage } from './api.js';

export function percent(score) {
  return (100 * score).toFixed(1) + '%';
}

export function bar(label, number, share) {
  const inner = element('div', {});
  inner.style.width = Math.max(0, Math.min(1, share)) * 100 + '%';
  return element(
    'li',
    {},
    element('div', { class: 'line' }, element('span', {}, label), element('span', { class: 'number' }, number)),
    element('div', { class: 'track', 'aria-hidden': 'true' }, inner),
  );
}

// One prediction of /predict: values by name, one class with others, or a class for each step.
export function predictionResult(found) {
  if (found.values) return [values(found.values)];
  if (Array.isArray(found.label)) return [steps(found)];
  const top = found.top && found.top.length ? found.top : [found];
  const scores = top.map((each) => each.score);
  const isRaw = found.score_kind !== undefined || scores.some((each) => each < 0 || each > 1);
  const lowest = Math.min(0, ...scores);
  const highest = isRaw ? Math.max(...scores) : 1;
  const bars = top.map((each) =>
    bar(each.label, isRaw ? shortNumber(each.score) : percent(each.score), (each.score - lowest) / (highest - lowest || 1)),
  );
  const isUnknown = found.distance > 1;
  const best = element('p', { class: 'best' }, isUnknown ? text('unknown') : found.label);
  const help = isUnknown ? element('p', { class: 'soft' }, text('unknown_help')) : null;
  const note = found.score_kind !== undefined ? element('p', { class: 'soft' }, text('raw_scores')) : null;
  return [best, help, element('ol', { class: isUnknown ? 'bars unknown' : 'bars' }, ...bars), note];
}

// "value 2" is how the server calls what has no name.
function valueName(name) {
  const made = /^value (\d+)$/.exec(name);
  return made ? text('value_number', { number: made[1] }) : name;
}

function values(found) {
  const rows = Object.keys(found).map((name) =>
    element('tr', {}, element('th', { scope: 'row' }, valueName(name)), element('td', { class: 'number' }, shortNumber(found[name]))),
  );
  return element('table', {}, element('tbody', {}, ...rows));
}

function steps(found) {
  const head = ['step', 'class', 'score'].map((key) => element('th', { scope: 'col' }, text(key)));
  const rows = found.label.map((label, i) =>
    element('tr', {}, element('td', {}, String(i + 1)), element('td', {}, label),
      element('td', { class: 'number' }, found.score_kind === undefined ? percent(found.score[i]) : shortNumber(found.score[i]))),
  );
  return element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...rows));
}

export function shortNumber(value) {
  return value === null ? '—' : String(Number(value.toPrecision(5)));
}

export function similarityResult(found) {
  const value = found.similarity === null ? 0 : found.similarity;
  const key = value >= 0.9 ? 'very_similar' : value >= 0.6 ? 'similar' : 'different';
  return [
    element('p', { class: 'best' }, text(key)),
    element('ol', { class: 'bars' }, bar(text('cosine'), value.toFixed(3), value)),
    element('p', { class: 'soft' }, text('cosine_help')),
  ];
}

export function textResult(found) {
  const lines = found.map((each) => element('p', { class: 'written' }, each));
  return lines;
}

export function imagesResult(found) {
  const links = found.images.map((url, i) => {
    const image = element('img', { src: url, alt: text('drawn_image', { number: i + 1 }) });
    image.addEventListener('load', () => image.classList.toggle('small', image.naturalWidth < 100));
    return element('a', { href: url, download: `${found.model}-${found.seed}-${i + 1}.png` }, image);
  });
  return [
    found.frames ? stepSlider(found.frames, links) : null,
    element('ul', { class: 'images' }, ...links.map((link) => element('li', {}, link))),
    element('p', { class: 'soft' }, text('seed_was', { seed: found.seed })),
  ];
}

// Shows the images as they were after each denoising step; frames are [image][step].
function stepSlider(frames, links) {
  const last = frames[0].length - 1;
  const range = element('input', { type: 'range', min: 0, max: last, step: 1, value: last });
  const made = field('', range);
  const show = () => {
    const step = Number(range.value);
    made.firstChild.textContent = text('step_of', { step: step, steps: last });
    links.forEach((link, i) => {
      link.href = frames[i][step];
      link.firstChild.src = frames[i][step];
    });
  };
  range.addEventListener('input', show);
  show();
  return made;
}

// Matches of /search, with the image of each where the server has it.
export function matchesResult(matches) {
  if (!matches.length) return [element('p', {}, text('no_match'))];
  const entries = matches.map((match) => {
    const place = element('div', {});
    getImage('/thumbnail?name=' + encodeURIComponent(match.name)).then(
      (blob) => place.append(element('img', { src: URL.createObjectURL(blob), alt: '' })),
      () => place.append(element('p', { class: 'soft' }, text('no_image'))),
    );
    const name = match.name.split(/[\\/]/).pop();
    return element('li', {}, place, element('div', { class: 'line' }, match.label || name, ' · ', match.score.toFixed(3)));
  });
  return [element('ol', { class: 'images' }, ...entries)];
}
