// One image: chosen, dropped, pasted or taken with the camera.

import { TYPES, fileButton, frameOf, hasCamera, hasSeveralCameras, listenForDrops, startCamera, stopCamera } from './camera.js';
import { element, fill, text } from './dom.js';

// Returns an element; chosen(blob) is called with each image, failed(message) where the camera refuses.
export function imageInput(caption, chosen, failed) {
  const preview = element('div', {});
  const place = element('div', { class: 'drop', role: 'group', 'aria-label': caption });
  const buttons = element('div', {});
  let shownUrl = null;

  function take(blob) {
    if (shownUrl !== null) URL.revokeObjectURL(shownUrl);
    shownUrl = URL.createObjectURL(blob);
    const image = element('img', { class: 'shown', alt: text('your_image'), src: shownUrl });
    image.addEventListener('load', () => image.classList.toggle('small', image.naturalWidth < 100));
    image.addEventListener('error', () => fill(preview));
    fill(preview, image);
    chosen(blob);
  }

  const first = (files) => take(files[0]);
  const photo = hasCamera()
    ? [cameraButton(preview, take, failed)]
    : fileButton('take_photo', { accept: 'image/*', capture: 'environment' }, first);
  buttons.append(...photo, ...fileButton('choose_image', { accept: TYPES }, first));
  place.append(element('p', { class: 'soft' }, caption), buttons, preview);
  listenForDrops(place, first);
  return place;
}

function cameraButton(preview, take, failed) {
  const button = element('button', { type: 'button' }, text('take_photo'));
  button.addEventListener('click', () => openCamera(preview, take, failed, button));
  return button;
}

async function openCamera(preview, take, failed, opener) {
  let facing = 'environment';
  let stream = null;
  const video = element('video', { class: 'shown', playsinline: true, muted: true, 'aria-label': text('camera') });

  function stop() {
    stopCamera(stream);
    stream = null;
  }

  async function start() {
    stop();
    stream = await startCamera(video, facing);
  }

  function close() {
    stop();
    opener.disabled = false;
    fill(preview);
  }

  async function shoot() {
    const taken = frameOf(video);
    close();
    opener.focus();
    take(await taken);
  }

  function refused() {
    close();
    failed(text('camera_refused'));
  }

  opener.disabled = true;
  try {
    await start();
  } catch (error) {
    refused();
    return;
  }
  if (!preview.isConnected) {
    close(); // another model was chosen while the browser asked
    return;
  }
  const shutter = element('button', { type: 'button', class: 'main', click: shoot }, text('shoot'));
  const controls = [shutter];
  if (await hasSeveralCameras()) {
    const turn = () => {
      facing = facing === 'user' ? 'environment' : 'user';
      start().catch(refused);
    };
    controls.push(element('button', { type: 'button', click: turn }, text('turn_camera')));
  }
  controls.push(element('button', { type: 'button', click: close }, text('close_camera')));
  fill(preview, video, element('div', { class: 'controls' }, ...controls));
  shutter.focus();
  new MutationObserver((changes, observer) => {
    if (!video.isConnected) {
      observer.disconnect();
      stop(); // another model was chosen, or another image
      opener.disabled = false;
    }
  }).observe(document.body, { childList: true, subtree: true });
}
