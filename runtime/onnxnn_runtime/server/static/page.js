// The page: chooses the model and what to ask of it, and shows what the server answers.

import { byId, currentLanguage, element, fill, loadTexts, setLanguage, text } from './dom.js';
import { get, hasToken, setToken } from './api.js';
import { modesOf } from './modes.js';

let facts = null;
let asked = 0; // the newest question; answers to older ones are not shown

function showProblem(message, detail) {
  const lines = [element('p', {}, message)];
  if (detail) lines.push(element('p', { class: 'detail' }, detail));
  fill(byId('problem'), element('div', { class: 'problem' }, ...lines));
  byId('problem').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

function clearProblem() {
  fill(byId('problem'));
}

function showError(error) {
  if (error.status === 401) askForToken();
  else showProblem(error.message || text('error_500'), error.detail);
}

function askForToken() {
  byId('work').hidden = true;
  byId('models').hidden = true;
  byId('token').hidden = false;
  if (hasToken()) showProblem(text('token_wrong'));
  byId('token-value').focus();
}

async function ask(send) {
  asked += 1;
  const own = asked;
  const result = byId('result');
  clearProblem();
  fill(result, element('p', { class: 'soft' }, text('working')));
  result.setAttribute('aria-busy', 'true');
  const buttons = byId('input').querySelectorAll('button[type="submit"]');
  const focused = document.activeElement; // a button that is disabled loses the focus
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const found = await send();
    if (own === asked) {
      fill(result, ...found);
      byId('output').scrollIntoView({ block: 'nearest', behavior: 'smooth' }); // it is below the form on phones
    }
  } catch (error) {
    if (own === asked) {
      showHint();
      showError(error);
    }
  }
  result.setAttribute('aria-busy', 'false');
  buttons.forEach((button) => { button.disabled = false; });
  if (document.activeElement === document.body && focused.isConnected) focused.focus({ preventScroll: true });
}

function showHint() {
  fill(byId('result'), element('p', { class: 'soft' }, text('result_here')));
}

function chosenModel() {
  return facts.models[byId('model').selectedIndex] || facts.models[0];
}

function showModel() {
  const model = chosenModel();
  const modes = modesOf(model, facts);
  byId('title').textContent = model.name;
  byId('about').textContent = text('does_' + model.does);
  byId('modes').setAttribute('aria-label', text('modes'));
  byId('modes').hidden = modes.length < 2;
  byId('output').hidden = !modes.length;
  fill(byId('modes'), ...modes.map((mode) => element('button', { type: 'button', click: () => showMode(modes, mode) }, text(mode.key))));
  if (modes.length) showMode(modes, modes[0]);
  else fill(byId('input'), element('p', {}, text('no_form', { name: model.name })));
}

function showMode(modes, mode) {
  asked += 1;
  clearProblem();
  Array.from(byId('modes').children).forEach((button, i) => button.setAttribute('aria-pressed', String(modes[i] === mode)));
  fill(byId('input'), ...mode.build(ask, (message) => showProblem(message)));
  showHint();
}

function showModels() {
  const names = facts.models.map((each) => element('option', { value: each.name }, each.name));
  const index = Math.max(0, byId('model').selectedIndex);
  fill(byId('model'), ...names);
  byId('model').selectedIndex = index;
  byId('models').hidden = names.length < 2;
  byId('token').hidden = true;
  byId('work').hidden = false;
  showModel();
}

async function start() {
  clearProblem();
  try {
    facts = await get('/models');
    showModels();
  } catch (error) {
    showError(error);
  }
}

function showLanguage() {
  byId('language').textContent = text('other_language');
  byId('language').lang = currentLanguage() === 'zh' ? 'en' : 'zh-CN';
}

function changeLanguage() {
  const other = currentLanguage() === 'zh' ? 'en' : 'zh';
  sessionStorage.setItem('language', other);
  setLanguage(other);
  showLanguage();
  clearProblem();
  if (facts !== null && byId('token').hidden) showModels();
}

function sendToken(event) {
  event.preventDefault();
  const token = byId('token-value').value.trim();
  if (!/^[\x20-\x7e]+$/.test(token)) {
    showProblem(text('token_wrong')); // headers hold no other characters
    return;
  }
  setToken(token);
  start();
}

async function main() {
  await loadTexts();
  showLanguage();
  byId('language').addEventListener('click', changeLanguage);
  byId('model').addEventListener('change', showModel);
  byId('token').addEventListener('submit', sendToken);
  for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => event.preventDefault());
  start();
}

main();
