// The pixels of a frame as canvases of its own size: its intensities in a palette, and the mask above them.
import { make } from "../app/dom.js";
import { tableOf } from "./palettes.js";

const MASK = [255, 0, 170]; // red, green, blue

export function picture({ width, height, intensities }, palette, low, high) {
  const table = tableOf(palette, low, high);
  return canvasOf(width, height, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = table[intensities[i]];
  });
}

export function maskPicture({ width, height }, targets, [red, green, blue] = MASK) {
  const colour = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  return canvasOf(width, height, (pixels) => {
    for (const target of targets) for (const pixel of target.pixels) pixels[pixel] = colour;
  });
}

function canvasOf(width, height, fill) {
  const canvas = make("canvas", { width, height });
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
