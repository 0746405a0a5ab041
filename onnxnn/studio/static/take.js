// What is taken along: a page, the model, and what a board needs.

import { getImage } from './api.js';
import { byId, element, fill, text } from './dom.js';

const KINDS = ['html', 'onnx', 'zip'];
let built = '';

export function showExports(facts, page) {
  byId('take').hidden = facts.model === null;
  byId('old-model').hidden = !facts.is_changed || facts.model === null || ['load', 'train', 'export'].includes(facts.training.phase);
  const key = text('take') + facts.name;
  if (facts.model === null || key === built) return;
  built = key;
  fill(byId('exports'), ...KINDS.map((kind) => line(kind, facts.name, page)));
}

function line(kind, name, page) {
  const button = element('button', { type: 'button', 'data-kind': kind, 'aria-label': text('download') + ': ' + text('export_' + kind) }, text('download'));
  button.addEventListener('click', async () => {
    button.disabled = true;
    button.textContent = text('preparing');
    await page.act(() => download(kind, name));
    button.disabled = false;
    button.textContent = text('download');
  });
  return element('li', {}, element('p', {}, element('b', {}, text('export_' + kind)), text('export_' + kind + '_help')), button);
}

async function download(kind, name) {
  const url = URL.createObjectURL(await getImage('/studio/export/' + kind));
  const link = element('a', { href: url, download: name + '.' + kind, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
