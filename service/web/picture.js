// What is shown of a frame: its counts, else what the browser makes of the file, else the mask.
import { unturned } from "./unturned.js";

// `page` as of pages.js, if the file was read here; `file` if the frame is all that is in it.
export async function pictureOf(frame, page, file) {
  const [low, high] = frame.input.range;
  const ways = [
    [`counts, ${low} black and ${high} white`, async () => stretched(frame, await page.read(), low, high), page],
    ["as the browser draws the file", () => byBrowser(file), file],
  ];
  for (const [how, way, possible] of ways) {
    const image = possible && await way().catch(() => null);
    if (image && image.width === frame.width && image.height === frame.height) return { image, how };
  }
  return { image: await load(`data:image/png;base64,${frame.mask.data}`), how: "the mask alone: no browser draws such a file" };
}

async function byBrowser(file) {
  const url = await unturned(file);
  return load(url).finally(() => URL.revokeObjectURL(url));
}

function stretched({ width, height }, counts, low, high) {
  const pixels = new Uint8ClampedArray(4 * counts.length), gain = high > low ? 255 / (high - low) : 0;
  for (let i = 0, to = 0; i < counts.length; i++) {
    pixels[to++] = pixels[to++] = pixels[to++] = (counts[i] - low) * gain; // rounded and clamped; NaN becomes 0
    pixels[to++] = 255;
  }
  return createImageBitmap(new ImageData(pixels, width, height));
}

function load(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = url;
  });
}
