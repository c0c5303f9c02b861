// Reads the PNG files of the service's answers: gray, 8 or 16 bits, not interlaced (RFC 2083). The browser would reduce
// 16 bits to 8, and a threshold needs all of them.
const IDAT = 0x49444154;
const HEADER = 8;
const SIZE = 16;
const BITS = 24;

// Returns `{width, height, values}`; `values` is a Uint8Array or a Uint16Array.
export async function readGrayPng(base64) {
  const file = bytesOf(base64);
  const view = new DataView(file.buffer);
  const width = view.getUint32(SIZE);
  const height = view.getUint32(SIZE + 4);
  const size = file[BITS] / 8;
  const rows = await inflate(new Blob(chunks(file, view)));
  const bytes = unfilter(rows, height, width * size, size);
  return { width, height, values: size === 1 ? bytes : toUint16(bytes) };
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function chunks(file, view) {
  const parts = [];
  for (let at = HEADER, length; at < file.length; at += 12 + length) {
    length = view.getUint32(at);
    if (view.getUint32(at + 4) === IDAT) parts.push(file.subarray(at + 8, at + 8 + length));
  }
  return parts;
}

async function inflate(blob) {
  const stream = blob.stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// What each filter type adds to a byte: made of the byte to the left, the one above, and the one above on the left.
const FILTERS = [() => 0, (left) => left, (_, above) => above, (left, above) => (left + above) >> 1, paeth];

function unfilter(rows, height, stride, size) {
  const bytes = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    const kind = rows[from - 1];
    if (kind === 0) bytes.set(rows.subarray(from, from + stride), to);
    else unfilterRow(bytes, rows, from, to, stride, size, FILTERS[kind]);
  }
  return bytes;
}

function unfilterRow(bytes, rows, from, to, stride, size, filter) {
  const hasAbove = to > 0;
  for (let x = 0; x < stride; x++) {
    const left = x < size ? 0 : bytes[to + x - size];
    const above = hasAbove ? bytes[to + x - stride] : 0;
    const corner = hasAbove && x >= size ? bytes[to + x - stride - size] : 0;
    bytes[to + x] = rows[from + x] + filter(left, above, corner);
  }
}

// The one of the three that is nearest to left + above - corner.
function paeth(left, above, corner) {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function toUint16(bytes) {
  const values = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = (bytes[2 * i] << 8) | bytes[2 * i + 1];
  return values;
}
