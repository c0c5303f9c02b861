// The pages of a file as the sensor counted them: browsers cut 16 bits to 8, and show neither TIFF nor NPY.
//
// A page has `width`, `height` and `read()`, which promises the counts row by row; null stands for one that is not read
// here. The service has read the file before: what is damaged may throw, and what is wrong is told by its answer.
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
