// A file as the browser may draw it: it turns pictures as Exif says, and targets are of the pixels as sent.
const JPEG = 0xffd8, SCAN = 0xffda, APP1 = 0xffe1, COMMENT = 0xfffe, PNG = 0x8950, EXIF = 0x65584966; // "eXIf"

// URL of the file without Exif.
export async function unturned(file) {
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
