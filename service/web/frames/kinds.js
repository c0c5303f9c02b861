// What kind a file is: by its first bytes, as the service sees it, or by its name.
const MAGIC = [
  "89504e47",
  "49492a00",
  "4d4d002a",
  "49492b00",
  "4d4d002b",
  "ffd8ff",
  "424d",
  "934e554d5059",
  "0000000c6a5020",
  "ff4fff51",
  "5035",
  "53494d504c45",
]; // PNG, TIFF, BigTIFF, JPEG, BMP, NPY, JPEG 2000, PGM, FITS
const LONGEST = 7; // bytes
const MEDIA_TYPES = {
  png: "image/png",
  tif: "image/tiff",
  tiff: "image/tiff",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  bmp: "image/bmp",
  npy: "application/x-npy",
  jp2: "image/jp2",
  pgm: "image/x-portable-graymap",
  fits: "image/fits",
  fit: "image/fits",
};
const RAW = "application/octet-stream";
const VIDEO = /\.(mp4|m4v|mov|webm|mkv|avi|ogv|mpg|mpeg|ts)$/i;

export const isVideo = ({ name, type }) => type.startsWith("video/") || VIDEO.test(name);

// True for a file without a header that the service would know.
export async function isRaw(file) {
  const start = new Uint8Array(await file.slice(0, LONGEST).arrayBuffer());
  const hex = Array.from(start, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return !MAGIC.some((magic) => hex.startsWith(magic));
}

export function mediaTypeOf(name, raw) {
  return raw ? RAW : (MEDIA_TYPES[name.split(".").at(-1).toLowerCase()] ?? RAW);
}
