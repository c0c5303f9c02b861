// Reads uncompressed gray TIFF in strips (TIFF 6.0). Each directory is a page.
import { isKnown, samples, sizeOf } from "./samples.js";

const WIDTH = 256, LENGTH = 257, BITS = 258, COMPRESSION = 259, PHOTOMETRIC = 262, FILL_ORDER = 266, STRIPS = 273;
const SAMPLES_PER_PIXEL = 277, ROWS_PER_STRIP = 278, TILE_WIDTH = 322, SAMPLE_FORMAT = 339;
const WHITE_IS_ZERO = 0, BLACK_IS_ZERO = 1;
const TYPES = { 1: "u1", 3: "u2", 4: "u4" }; // of the values of the tags that are read here
const LETTERS = { 1: "u", 2: "i", 3: "f" }; // values of SAMPLE_FORMAT

export function tiffPages(view, count) {
  const little = view.getUint16(0) === 0x4949, pages = [];
  for (let at = view.getUint32(4, little); at && pages.length < count;) {
    const end = at + 2 + 12 * view.getUint16(at, little);
    if (end + 4 > view.byteLength) break;
    pages.push(pageOf(view, little, tagsOf(view, little, at + 2, end)));
    at = view.getUint32(end, little);
  }
  return pages;
}

function tagsOf(view, little, start, end) {
  const tags = new Map();
  for (let entry = start; entry < end; entry += 12)
    tags.set(view.getUint16(entry, little), () => valuesOf(view, little, entry));
  return tags;
}

function valuesOf(view, little, entry) {
  const type = TYPES[view.getUint16(entry + 2, little)], count = view.getUint32(entry + 4, little);
  if (!type) return [];
  const size = sizeOf(type), start = count * size <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
  return samples(view, type, little, count, (i) => start + i * size);
}

function pageOf(view, little, tags) {
  const first = (tag, otherwise) => tags.get(tag)?.()[0] ?? otherwise;
  const width = first(WIDTH), height = first(LENGTH), kind = LETTERS[first(SAMPLE_FORMAT, 1)] + first(BITS, 1) / 8;
  const plain = [COMPRESSION, SAMPLES_PER_PIXEL, FILL_ORDER].every((tag) => first(tag, 1) === 1);
  const photometric = first(PHOTOMETRIC, BLACK_IS_ZERO), gray = photometric <= BLACK_IS_ZERO;
  if (!plain || !gray || !isKnown(kind) || !tags.has(STRIPS) || tags.has(TILE_WIDTH)) return null;
  const rows = Math.min(height, first(ROWS_PER_STRIP, height));
  const read = async () => {
    const counts = stripped(view, little, kind, tags.get(STRIPS)(), width * rows, width * height);
    return photometric === WHITE_IS_ZERO ? inverted(counts, kind) : counts;
  };
  return { width, height, read };
}

function stripped(view, little, kind, strips, inStrip, count) {
  const size = sizeOf(kind);
  if (strips.length * inStrip < count) throw new RangeError("fewer strips than rows");
  return samples(view, kind, little, count, (i) => strips[Math.floor(i / inStrip)] + size * (i % inStrip));
}

// Invert unsigned counts, as the service does; it does not invert others.
function inverted(counts, kind) {
  return kind === "u1" || kind === "u2" ? counts.map((count) => 256 ** sizeOf(kind) - 1 - count) : counts;
}
