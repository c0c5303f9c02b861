// Reads gray PNG of 8 or 16 bits that is not interlaced (RFC 2083).
import { samples } from "./samples.js";

const IHDR = 0x49484452, IDAT = 0x49444154, GRAY = 0;

export function pngPages(view) {
  const width = view.getUint32(16), height = view.getUint32(20);
  const [bits, colour, , , interlaced] = new Uint8Array(view.buffer, 24, 5);
  if (view.getUint32(12) !== IHDR || colour !== GRAY || bits < 8 || interlaced) return [null];
  return [{ width, height, read: () => read(view, width, height, bits / 8) }];
}

async function read(view, width, height, size) {
  const rows = await inflate(new Blob(data(view)), height * (1 + width * size));
  const bytes = unfilter(rows, height, width * size, size);
  return samples(new DataView(bytes.buffer), `u${size}`, false, width * height, (i) => i * size);
}

function data(view) {
  const parts = [];
  for (let at = 8, length; at + 8 <= view.byteLength; at += 12 + length) {
    length = view.getUint32(at);
    if (view.getUint32(at + 4) === IDAT) parts.push(new Uint8Array(view.buffer, at + 8, length));
  }
  return parts;
}

// Unpack the first `size` bytes. A hostile file may contain more, which is never unpacked.
async function inflate(blob, size) {
  const reader = blob.stream().pipeThrough(new DecompressionStream("deflate")).getReader(), bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("fewer bytes than pixels");
    bytes.set(value.subarray(0, size - at), at);
    at += value.length;
  }
  reader.cancel().catch(() => {}); // the rest is not needed, so it may be damaged
  return bytes;
}

// For each filter type, the prediction of a byte from the byte to the left, the byte above, and the one left of that.
const EXPECTED = [() => 0, (left) => left, (_, above) => above, (left, above) => (left + above) >> 1, paeth];

// Undo the filters. Each row has one byte with the number of its filter, then `stride` bytes.
function unfilter(rows, height, stride, size) {
  const bytes = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1) + 1, to = y * stride, expected = EXPECTED[rows[from - 1]];
    for (let x = 0; x < stride; x++) {
      const left = x < size ? 0 : bytes[to + x - size], above = y ? bytes[to + x - stride] : 0;
      const corner = x < size || !y ? 0 : bytes[to + x - stride - size];
      bytes[to + x] = rows[from + x] + expected(left, above, corner);
    }
  }
  return bytes;
}

// The one of the three that is nearest to left + above - corner.
function paeth(left, above, corner) {
  const [far, farther, farthest] = [above - corner, left - corner, left + above - 2 * corner].map(Math.abs);
  if (far <= farther && far <= farthest) return left;
  return farther <= farthest ? above : corner;
}
