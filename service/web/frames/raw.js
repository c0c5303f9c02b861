// Raw rows: which size a file may have, and their exact counts.
const SIZES = [
  [640, 512],
  [640, 480],
  [320, 256],
  [320, 240],
  [1280, 1024],
  [1280, 720],
  [1024, 768],
  [384, 288],
  [336, 256],
  [160, 120],
  [80, 60],
  [256, 256],
  [512, 512],
];
const READERS = {
  u8: ["getUint8", 1],
  i8: ["getInt8", 1],
  u16: ["getUint16", 2],
  i16: ["getInt16", 2],
  u32: ["getUint32", 4],
  i32: ["getInt32", 4],
  f32: ["getFloat32", 4],
  f64: ["getFloat64", 8],
};

export const DTYPES = [
  "u16le",
  "u16be",
  "u8",
  "i16le",
  "i16be",
  "u12le",
  "u12be",
  "u32le",
  "i32le",
  "f32le",
  "f32be",
  "f64le",
];

// The most likely size of a file: the first usual one that it holds without rest, 16 bits before 8; null if none fits.
export function guessRaw({ size }) {
  for (const [dtype, bytes] of [
    ["u16le", 2],
    ["u8", 1],
  ])
    for (const [width, height] of SIZES)
      if (size && size % (width * height * bytes) === 0) return { width, height, dtype };
  return null;
}

// The counts of a frame, or null for types that are not read here (12 bits packed).
export async function countsOfRows(file, { dtype, skip = 0 }, index, pixels) {
  const [kind, order] = dtype.split(/(le|be)$/);
  const [method, size] = READERS[kind] ?? [];
  if (!method) return null;
  const start = Number(skip) + index * pixels * size;
  const view = new DataView(await file.slice(start, start + pixels * size).arrayBuffer());
  return Float64Array.from({ length: pixels }, (_, i) => view[method](i * size, order === "le"));
}
