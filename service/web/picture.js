// The picture of a frame: its counts if pages.js could read them, else the browser's own drawing of the file, else the
// mask.

const JPEG = 0xffd8, SCAN = 0xffda, APP1 = 0xffe1, COMMENT = 0xfffe, PNG = 0x8950, EXIF = 0x65584966; // "eXIf"

// `page` is a page of pages.js, or null. `file` is the file if it holds this frame only, else null.
export async function pictureOf(frame, page, file) {
  const [low, high] = frame.input.range;
  const ways = [
    [`counts, ${low} is black and ${high} is white`, async () => stretched(frame, await page.read(), low, high), page],
    ["as drawn by the browser", () => byBrowser(file), file],
  ];
  for (const [how, way, possible] of ways) {
    const image = possible && await way().catch(() => null);
    if (image && image.width === frame.width && image.height === frame.height) return { image, how };
  }
  return { image: await load(`data:image/png;base64,${frame.mask.data}`), how: "mask only (the browser cannot draw this file)" };
}

async function byBrowser(file) {
  const url = await withoutOrientation(file);
  return load(url).finally(() => URL.revokeObjectURL(url));
}

// The URL of a copy of the file without Exif data. Browsers rotate a picture as its Exif orientation says, but the
// coordinates of targets belong to the pixels as they were sent.
async function withoutOrientation(file) {
  const bytes = new DataView(await file.arrayBuffer()), { buffer, byteLength } = bytes, parts = [buffer];
  if (bytes.getUint16(0) === JPEG)
    for (let at = 2; at + 4 <= byteLength && bytes.getUint16(at) !== SCAN; at += 2 + bytes.getUint16(at + 2))
      if (bytes.getUint16(at) === APP1) bytes.setUint16(at, COMMENT);
  if (bytes.getUint16(0) === PNG)
    for (let at = 8, end; at + 8 <= byteLength; at = end) {
      end = at + 12 + bytes.getUint32(at);
      if (bytes.getUint32(at + 4) === EXIF) parts.splice(0, 1, buffer.slice(0, at), buffer.slice(end));
    }
  return URL.createObjectURL(new Blob(parts));
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
