// One image: chosen, dropped, pasted or taken with the camera.

import { element, fill, text } from './dom.js';

const TYPES = 'image/jpeg,image/png,image/webp,image/bmp,image/gif';
let count = 0;

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

  const camera = cameraButton(preview, take, failed);
  buttons.append(...(camera ? [camera] : fileButton('take_photo', 'image/*', 'environment', take)));
  buttons.append(...fileButton('choose_image', TYPES, null, take));
  place.append(element('p', { class: 'soft' }, caption), buttons, preview);
  listenForDrops(place, take);
  return place;
}

function fileButton(key, accept, capture, take) {
  count += 1;
  const id = 'file-' + count;
  const input = element('input', { type: 'file', class: 'file', id: id, accept: accept, capture: capture });
  input.addEventListener('change', () => {
    if (input.files.length) take(input.files[0]);
    input.value = '';
  });
  return [input, element('label', { for: id, class: 'button' }, text(key))];
}

function listenForDrops(place, take) {
  place.addEventListener('dragover', (event) => {
    event.preventDefault();
    place.classList.add('over');
  });
  place.addEventListener('dragleave', () => place.classList.remove('over'));
  place.addEventListener('drop', (event) => {
    event.preventDefault();
    place.classList.remove('over');
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

// The camera needs https or this machine; elsewhere there is null, and a file input opens the camera of phones.
function cameraButton(preview, take, failed) {
  if (!window.isSecureContext || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return null;
  const button = element('button', { type: 'button' }, text('take_photo'));
  button.addEventListener('click', () => openCamera(preview, take, failed, button));
  return button;
}

async function openCamera(preview, take, failed, opener) {
  let facing = 'environment';
  let stream = null;
  const video = element('video', { class: 'shown', playsinline: true, muted: true, 'aria-label': text('camera') });

  function stop() {
    if (stream !== null) stream.getTracks().forEach((track) => track.stop());
    stream = null;
  }

  async function start() {
    stop();
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: 1280 } } });
    video.srcObject = stream;
    video.muted = true;
    video.classList.toggle('mirrored', facing === 'user');
    await video.play();
  }

  function close() {
    stop();
    opener.disabled = false;
    fill(preview);
  }

  function shoot() {
    const canvas = element('canvas', { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d').drawImage(video, 0, 0);
    close();
    opener.focus();
    canvas.toBlob(take, 'image/jpeg', 0.92);
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
  const devices = await navigator.mediaDevices.enumerateDevices();
  const controls = [shutter];
  if (devices.filter((each) => each.kind === 'videoinput').length > 1) {
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
