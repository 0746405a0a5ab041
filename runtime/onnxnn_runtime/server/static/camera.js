// The camera of this device, and files that are chosen or dropped.

import { element, text } from './dom.js';

export const TYPES = 'image/jpeg,image/png,image/webp,image/bmp,image/gif';
let count = 0;

// The camera needs https or this machine; elsewhere a file input opens the camera of phones.
export function hasCamera() {
  return Boolean(window.isSecureContext && navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
}

// Shows a camera in a video, and returns its stream.
export async function startCamera(video, facing) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: 1280 } } });
  try {
    video.srcObject = stream;
    video.muted = true;
    video.classList.toggle('mirrored', facing === 'user');
    await video.play();
  } catch (error) {
    stopCamera(stream);
    throw error;
  }
  return stream;
}

export function stopCamera(stream) {
  if (stream !== null) stream.getTracks().forEach((track) => track.stop());
}

export async function hasSeveralCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((each) => each.kind === 'videoinput').length > 1;
}

// Returns what a video shows as a JPEG: all of it, or the square in its middle, of `side` pixels.
export function frameOf(video, side) {
  const [width, height] = [video.videoWidth, video.videoHeight];
  const canvas = element('canvas', { width: side || width, height: side || height });
  const least = Math.min(width, height);
  const [w, h] = side ? [least, least] : [width, height];
  canvas.getContext('2d').drawImage(video, (width - w) / 2, (height - h) / 2, w, h, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.92); });
}

// Returns an input and its label; take(files) is called with what is chosen.
export function fileButton(key, options, take) {
  count += 1;
  const id = 'file-' + count;
  const input = element('input', { type: 'file', class: 'file', id: id, ...options });
  input.addEventListener('change', () => {
    if (input.files.length) take(Array.from(input.files));
    input.value = '';
  });
  return [input, element('label', { for: id, class: 'button' }, text(key))];
}

export function listenForDrops(place, take) {
  place.addEventListener('dragover', (event) => {
    event.preventDefault();
    place.classList.add('over');
  });
  place.addEventListener('dragleave', () => place.classList.remove('over'));
  place.addEventListener('drop', (event) => {
    event.preventDefault();
    place.classList.remove('over');
    if (event.dataTransfer.files.length) take(Array.from(event.dataTransfer.files));
  });
}
