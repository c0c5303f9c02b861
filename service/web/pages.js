// Reads the counts of each page of a file, since browsers reduce 16 bits to 8 and cannot show TIFF and NPY.
//
// A page has `width`, `height` and `read()`, which returns a promise of the counts, row by row. A page that cannot be
// read here is null. Damaged files may throw: the service has read the file already, and its answer names the faults.
import { npyPages } from "./npy.js";
import { pngPages } from "./png.js";
import { tiffPages } from "./tiff.js";

const READERS = new Map([[0x89504e47, pngPages], [0x49492a00, tiffPages], [0x4d4d002a, tiffPages], [0x934e554d, npyPages]]);

export function pagesOf(buffer, count) {
  const view = new DataView(buffer), reader = READERS.get(view.getUint32(0));
  try {
    return reader ? reader(view, count) : [];
  } catch {
    return [];
  }
}
