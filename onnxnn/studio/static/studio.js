// The page of the studio: asks every second how the project is, and hands it to the parts of the page.

import { get, hasToken, setToken } from './api.js';
import { byId, currentLanguage, element, fill, loadTexts, setLanguage, text } from './dom.js';
import { forgetClasses, showClasses, watchNewClass } from './collect.js';
import { hasCamera } from './camera.js';
import { showLooking, watchReport } from './look.js';
import { showExports } from './take.js';
import { showTraining, watchTraining } from './train.js';
import { showTrying } from './try.js';

const SLOW = 1500;
const FAST = 400;
let facts = null;
let timer = null;
let isLost = false; // whether the server did not answer the last time

function showProblem(message, detail) {
  const lines = [element('p', {}, message)];
  if (detail) lines.push(element('p', { class: 'detail' }, detail));
  const close = element('button', { type: 'button', class: 'quiet', click: clearProblem }, text('close_camera'));
  fill(byId('problem'), element('div', { class: 'problem' }, ...lines, close));
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
  byId('token').hidden = false;
  if (hasToken()) showProblem(text('token_wrong'));
  byId('token-value').focus();
}

// Runs what a button does; what goes wrong is shown, and the project is looked at again in any case.
async function act(work) {
  clearProblem();
  try {
    await work();
  } catch (error) {
    showError(error);
  }
  await refresh();
}

const page = { act, showProblem, refresh: () => refresh() };

function show() {
  byId('project').textContent = facts.name;
  byId('token').hidden = true;
  byId('work').hidden = false;
  byId('insecure').hidden = hasCamera();
  showClasses(facts, page);
  showTraining(facts);
  showTrying(facts, page);
  showLooking(facts);
  showExports(facts, page);
}

async function refresh() {
  clearTimeout(timer);
  try {
    facts = await get('/studio/project');
    if (isLost) clearProblem();
    isLost = false;
    show();
  } catch (error) {
    if (error.status === 401) {
      askForToken();
      return; // the form begins again
    }
    if (!isLost) showError(error);
    isLost = true;
  }
  clearTimeout(timer);
  const isTraining = facts !== null && ['load', 'train', 'export'].includes(facts.training.phase);
  timer = setTimeout(refresh, isTraining ? FAST : SLOW);
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
  forgetClasses();
  if (facts !== null && byId('token').hidden) show();
}

function sendToken(event) {
  event.preventDefault();
  const token = byId('token-value').value.trim();
  if (!/^[\x20-\x7e]+$/.test(token)) {
    showProblem(text('token_wrong')); // headers hold no other characters
    return;
  }
  setToken(token);
  clearProblem();
  refresh();
}

async function main() {
  await loadTexts();
  showLanguage();
  byId('language').addEventListener('click', changeLanguage);
  byId('token').addEventListener('submit', sendToken);
  for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => event.preventDefault());
  watchNewClass(page);
  watchTraining(page);
  watchReport(page);
  refresh();
}

main();
