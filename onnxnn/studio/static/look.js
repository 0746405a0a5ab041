// The report: what the model gets right and wrong.

import { post } from './api.js';
import { byId, element, fill, text } from './dom.js';

let shown = '';

export function watchReport(page) {
  byId('look-start').addEventListener('click', async () => {
    byId('look-start').disabled = true;
    byId('look-start').textContent = text('preparing');
    await page.act(async () => showReport((await post('/studio/report', {})).address));
    byId('look-start').disabled = false;
    byId('look-start').textContent = text('look_start');
  });
}

// A report of another model, or in another language, is shown no longer.
export function showLooking(facts) {
  byId('look').hidden = facts.model === null;
  const key = text('look') + facts.training.phase + facts.training.rows.length;
  if (key !== shown) fill(byId('report'));
  shown = key;
}

function showReport(address) {
  fill(byId('report'),
    element('iframe', { src: address, title: text('look'), sandbox: '' }),
    element('a', { href: address, target: '_blank', rel: 'noopener', class: 'quiet' }, text('look_open')),
    element('a', { href: address, download: 'report.html', class: 'quiet' }, text('look_save')));
  byId('report').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}
