// A camera that is on: its picture is a square, as the model sees it; only one is on at a time.

import { element, text } from './dom.js';
import { frameOf, hasSeveralCameras, startCamera, stopCamera } from './camera.js';

const SIDE = 480; // pixels of an image
let open = null;

// Says in words why there is no camera.
export function cameraProblem(error) {
  const key = {
    NotAllowedError: 'camera_denied',
    NotFoundError: 'camera_none',
    OverconstrainedError: 'camera_none',
    NotReadableError: 'camera_busy',
    AbortError: 'camera_busy',
  }[error.name];
  return text(key || 'camera_refused');
}

// Turns the camera on inside a place; returns {frame, turn, isOn, close}. `ended` is called when it is off again.
export async function openCamera(place, ended) {
  if (open !== null) open.close();
  let facing = window.matchMedia('(pointer: coarse)').matches ? 'environment' : 'user'; // a phone shows things
  let stream = null;
  const video = element('video', { playsinline: true, muted: true, 'aria-label': text('camera') });
  const view = element('div', { class: 'view' }, video);
  const camera = {
    isOn: true,
    view: view,
    frame: () => frameOf(video, SIDE),
    close: () => {
      if (!camera.isOn) return;
      camera.isOn = false;
      stopCamera(stream);
      view.remove();
      if (open === camera) open = null;
      ended();
    },
    turn: async () => {
      facing = facing === 'user' ? 'environment' : 'user';
      stopCamera(stream);
      stream = await startCamera(video, facing);
    },
  };
  open = camera;
  place.append(view);
  try {
    stream = await startCamera(video, facing);
    camera.isSeveral = await hasSeveralCameras();
  } catch (error) {
    camera.close();
    throw error;
  }
  if (!camera.isOn || !view.isConnected) {
    stopCamera(stream); // another one was opened while the browser asked
    camera.close();
  }
  return camera;
}
