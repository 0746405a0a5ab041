// A heat map over the image that it explains, drawn as onnxnn_runtime.outputs.heat_image does.

import { element, text } from './dom.js';

const LARGEST = 640;
const STRENGTH = 0.6;
const UNSEEN = 0.4;
const INFERNO = [
  [0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84], [228, 90, 49], [249, 142, 9], [249, 203, 53], [252, 255, 164],
];

function colorOf(heat) {
  const place = Math.min(Math.max(heat, 0), 1) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low].map((value, i) => value + (place - low) * (INFERNO[low + 1][i] - value));
}

// Left, top, right and bottom of what the network looks at, as onnxnn_runtime.card.region has it.
export function regionOf(steps, width, height) {
  let scale = [1, 1];
  let size = [width, height];
  const origin = [0, 0];
  for (const [name, ...values] of steps) {
    const before = size;
    let edges = [0, 0];
    if (name.startsWith('resize_short')) size = before.map((side) => Math.floor((side * values[0]) / Math.min(...before)));
    else if (name.startsWith('resize')) size = [values[1], values[0]];
    else if (name === 'center_crop') {
      size = [values[1], values[0]];
      edges = before.map((side, i) => {
        const added = Math.max(0, size[i] - side);
        return Math.floor(added / 2) - Math.floor((side + added - size[i]) / 2);
      });
    } else if (name === 'pad') {
      edges = values.slice(0, 2);
      size = [before[0] + values[0] + values[2], before[1] + values[1] + values[3]];
    }
    for (const i of [0, 1]) origin[i] -= scale[i] * edges[i];
    if (name.startsWith('resize')) scale = scale.map((factor, i) => (factor * before[i]) / size[i]);
  }
  return [origin[0], origin[1], origin[0] + scale[0] * size[0], origin[1] + scale[1] * size[1]];
}

// The heat at a place of the region, 0..1 in both directions: linear between the middles of the cells.
function heatAt(heat, x, y) {
  const place = (share, cells) => Math.min(Math.max(share * cells - 0.5, 0), cells - 1);
  const [row, column] = [place(y, heat.length), place(x, heat[0].length)];
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [bottom, right] = [Math.min(top + 1, heat.length - 1), Math.min(left + 1, heat[0].length - 1)];
  const above = heat[top][left] + (column - left) * (heat[top][right] - heat[top][left]);
  const below = heat[bottom][left] + (column - left) * (heat[bottom][right] - heat[bottom][left]);
  return above + (row - top) * (below - above);
}

// A canvas with the heat map of an image file, and its legend.
export async function heatElement(file, heat, steps) {
  const image = await createImageBitmap(file);
  const factor = Math.min(1, LARGEST / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * factor)));
  const canvas = element('canvas', { width: width, height: height, class: 'heat', role: 'img', 'aria-label': text('heat_map') });
  canvas.classList.toggle('small', width < 100);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = '#fff'; // below what is transparent, as the network sees it
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  const [left, top, right, bottom] = regionOf(steps, image.width, image.height).map((edge) => edge * factor);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const grey = 0.299 * pixels.data[at] + 0.587 * pixels.data[at + 1] + 0.114 * pixels.data[at + 2];
      const [across, down] = [(x + 0.5 - left) / (right - left), (y + 0.5 - top) / (bottom - top)];
      const isSeen = across >= 0 && across < 1 && down >= 0 && down < 1;
      const color = isSeen ? colorOf(heatAt(heat, across, down)) : [0, 0, 0];
      for (const i of [0, 1, 2]) pixels.data[at + i] = isSeen ? (1 - STRENGTH) * grey + STRENGTH * color[i] : UNSEEN * grey;
    }
  }
  context.putImageData(pixels, 0, 0);
  return element('figure', {}, canvas, element('figcaption', { class: 'soft' }, text('heat_help')));
}
