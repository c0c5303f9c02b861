// Reads NumPy's .npy (NEP 1): [H, W] or [N, H, W], either byte order, either memory order.
import { isKnown, samples, sizeOf } from "./samples.js";

export function npyPages(view) {
  const [start, length] = view.getUint8(6) === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = new TextDecoder("latin1").decode(new Uint8Array(view.buffer, start, length));
  const [, order, kind] = /["']descr["']: *["']([<>|])(\w\d)["']/.exec(header) ?? [];
  const shape = /["']shape["']: *\(([\d, ]+)\)/.exec(header)?.[1].split(",").map(Number);
  if (!kind || !shape || !isKnown(kind)) return [];
  return stack(shape.filter(Boolean), /["']fortran_order["']: *True/.test(header), (count, place) =>
    samples(view, kind, order === "<", count, (i) => start + length + sizeOf(kind) * place(i)));
}

function stack(shape, fortran, take) {
  const [height, width] = shape.slice(-2), count = shape.length === 3 ? shape[0] : 1;
  const [page, row, column] = fortran ? [1, count, count * height] : [height * width, width, 1]; // steps in numbers
  const read = async (index) =>
    take(width * height, (i) => index * page + Math.floor(i / width) * row + (i % width) * column);
  return Array.from({ length: count }, (_, index) => ({ width, height, read: () => read(index) }));
}
