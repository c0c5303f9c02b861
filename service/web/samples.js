// Reads numbers from a file. Their kind is named as in NumPy, without the byte order.
const READ = {
  u1: DataView.prototype.getUint8, u2: DataView.prototype.getUint16, u4: DataView.prototype.getUint32,
  i2: DataView.prototype.getInt16, i4: DataView.prototype.getInt32, f4: DataView.prototype.getFloat32,
};

export const isKnown = (kind) => Object.hasOwn(READ, kind);
export const sizeOf = (kind) => Number(kind[1]);

// Read `count` numbers; `place(i)` is the position of number i in bytes.
export function samples(view, kind, little, count, place) {
  if (count * sizeOf(kind) > view.byteLength) throw new RangeError("more numbers than bytes");
  const read = READ[kind], numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) numbers[i] = read.call(view, place(i), little);
  return numbers;
}
