// The classes and their images.

import { getImage, post, postFiles } from './api.js';
import { TYPES, fileButton, hasCamera, listenForDrops } from './camera.js';
import { byId, element, fill, text } from './dom.js';
import { cameraProblem, openCamera } from './live.js';

const EVERY = 250; // milliseconds between two photos while the button is held
const WAITING = 4; // photos that may wait to be saved; more are not taken
const SHOWN = 24;
const COLORS = 8;
const cards = new Map();
const urls = new Map();

export function colorOf(number) {
  return 'var(--c' + (number % COLORS) + ')';
}

export function forgetClasses() {
  for (const card of cards.values()) card.close();
  cards.clear();
  fill(byId('classes'));
}

export function showClasses(facts, page) {
  const names = facts.classes.map((each) => each.name);
  for (const [name, card] of cards) {
    if (names.includes(name)) continue;
    card.close();
    card.place.remove();
    cards.delete(name);
  }
  facts.classes.forEach((each, number) => {
    if (!cards.has(each.name)) cards.set(each.name, classCard(each.name, page));
    const card = cards.get(each.name);
    const at = byId('classes').children[number];
    if (at !== card.place) byId('classes').insertBefore(card.place, at || null);
    card.place.style.setProperty('--own', colorOf(number));
    card.show(each.images);
  });
}

export function watchNewClass(page) {
  byId('add-class').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = byId('class-name').value;
    page.act(async () => {
      await post('/studio/classes', { name: name });
      byId('class-name').value = '';
    });
  });
}

function classCard(name, page) {
  const count = element('span', { class: 'count' });
  const photos = element('ul', { class: 'photos' });
  const more = element('button', { type: 'button', class: 'quiet', hidden: true, click: () => { isWhole = true; show(images); } });
  const saving = element('p', { class: 'soft', 'aria-live': 'polite' });
  const view = element('div', {});
  let images = null;
  let isWhole = false;
  let shown = '';

  function show(found) {
    images = found;
    const key = found.join('/') + isWhole;
    if (key === shown) return;
    shown = key;
    count.textContent = found.length > 1 ? text('images_count', { count: found.length }) : text(found.length ? 'image_one' : 'image_none');
    const newest = found.slice().reverse().slice(0, isWhole ? undefined : SHOWN);
    const before = new Map(Array.from(photos.children).map((each) => [each.dataset.name, each]));
    fill(photos, ...newest.map((each) => before.get(each) || photo(name, each, page)));
    more.hidden = newest.length === found.length;
    more.textContent = text('images_all', { count: found.length });
  }

  const collector = collecting(name, view, saving, page);
  const place = element('section', { class: 'card', 'aria-label': name },
    element('div', { class: 'head' }, element('h2', {}, name), count,
      element('span', {},
        element('button', { type: 'button', class: 'quiet', click: () => rename(name, page) }, text('class_rename')),
        element('button', { type: 'button', class: 'quiet', click: () => remove(name, images.length, page) }, text('class_remove')))),
    view, collector.place, saving, photos, more);
  return { place: place, show: show, close: collector.close };
}

function rename(name, page) {
  const wanted = window.prompt(text('class_name', { name: name }), name);
  if (wanted !== null && wanted !== name) page.act(() => post('/studio/classes/rename', { name: name, to: wanted }));
}

function remove(name, count, page) {
  if (count && !window.confirm(text('class_sure', { name: name, count: count }))) return;
  page.act(() => post('/studio/classes/remove', { name: name }));
}

function photo(name, file, page) {
  const place = element('li', { 'data-name': file });
  const drop = () => page.act(() => post('/studio/images/remove', { class: name, images: [file] }));
  const button = element('button', { type: 'button', 'aria-label': text('image_remove'), title: text('image_remove'), click: drop }, '×');
  place.append(button);
  imageUrl(name, file).then((url) => place.prepend(element('img', { src: url, alt: '' })), () => undefined);
  return place;
}

async function imageUrl(name, file) {
  const path = '/studio/image?class=' + encodeURIComponent(name) + '&name=' + encodeURIComponent(file);
  if (!urls.has(path)) urls.set(path, URL.createObjectURL(await getImage(path)));
  return urls.get(path);
}

// What adds images to a class: the camera, files, and a place to drop them.
function collecting(name, view, saving, page) {
  let camera = null;
  const waiting = [];
  let isSaving = false;

  async function save() {
    if (isSaving) return;
    isSaving = true;
    while (waiting.length) {
      try {
        await postFiles('/studio/images', [waiting.shift()], { class: name });
      } catch (error) {
        waiting.length = 0;
        page.act(() => { throw error; });
      }
      await page.refresh();
    }
    isSaving = false;
  }

  async function saveAll(files) {
    const failed = [];
    let reason = '';
    for (const [number, file] of files.entries()) {
      saving.textContent = text('saving', { done: number + 1, all: files.length });
      try {
        await postFiles('/studio/images', [file], { class: name });
      } catch (error) {
        failed.push(file.name);
        reason = reason || error.detail || error.message;
        if (![400, 413, 415].includes(error.status)) break; // the next one would fare no better
      }
      if (number % 5 === 4) await page.refresh();
    }
    saving.textContent = '';
    await page.refresh();
    if (failed.length) {
      const names = failed.slice(0, 3).join(', ') + (failed.length > 3 ? ', …' : '');
      page.showProblem(text('not_saved', { count: failed.length, all: files.length, names: names }), reason);
    }
  }

  async function shoot() {
    if (camera === null || waiting.length >= WAITING) return;
    const image = await camera.frame();
    if (image !== null) waiting.push(image);
    save();
  }

  const place = element('div', { class: 'drop', role: 'group', 'aria-label': name });
  const files = fileButton('photos_choose', { accept: TYPES, multiple: true }, saveAll);
  const hint = element('span', { class: 'soft hint' }, text('photos_drop'));

  function showClosed() {
    camera = null;
    const first = hasCamera()
      ? [element('button', { type: 'button', click: start }, text('camera_open'))]
      : fileButton('photos_take', { accept: 'image/*', capture: 'environment' }, saveAll);
    fill(place, ...first, ...files, hint);
  }

  async function start() {
    try {
      camera = await openCamera(view, showClosed);
    } catch (error) {
      page.showProblem(cameraProblem(error));
      return;
    }
    if (!camera.isOn) return;
    const controls = [holdButton(camera, shoot)];
    if (camera.isSeveral) {
      const turn = () => camera.turn().catch((error) => page.showProblem(cameraProblem(error)));
      controls.push(element('button', { type: 'button', click: turn }, text('turn_camera')));
    }
    controls.push(element('button', { type: 'button', click: () => camera.close() }, text('close_camera')));
    fill(place, ...controls, ...files);
    controls[0].focus();
  }

  showClosed();
  listenForDrops(place, saveAll);
  return { place: place, close: () => { if (camera !== null) camera.close(); } };
}

// A button that takes one photo when it is pressed, and more as long as it is held.
function holdButton(camera, shoot) {
  const button = element('button', { type: 'button', class: 'hold' }, text('camera_hold'));
  let timer = null;

  function end() {
    clearInterval(timer);
    timer = null;
    camera.view.classList.remove('recording');
  }

  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || timer !== null) return;
    button.setPointerCapture(event.pointerId);
    camera.view.classList.add('recording');
    shoot();
    timer = setInterval(() => (camera.isOn ? shoot() : end()), EVERY);
  });
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) button.addEventListener(name, end);
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  button.addEventListener('keydown', (event) => {
    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault();
      shoot();
    }
  });
  return button;
}
