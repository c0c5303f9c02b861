// The picture with its targets marked, large enough that the corners cover none of them.
import { make } from "../app/dom.js";
import { picture } from "../viewer/picture.js";

const LEAST = 1280; // pixels across, at least
const LINE = 2;
const GAP = 4;
const COLOUR = "#00d0ff";
const HALO = "#000b";

export function overlayOf({ frame, targets, palette, low, high }) {
  const scale = Math.max(1, Math.ceil(LEAST / frame.width));
  const canvas = make("canvas", { width: frame.width * scale, height: frame.height * scale });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture(frame, palette, low, high), 0, 0, canvas.width, canvas.height);
  for (const target of targets) mark(pen, target, scale);
  return canvas;
}

function mark(pen, { bbox, id, confidence }, scale) {
  const left = bbox.x * scale - GAP;
  const top = bbox.y * scale - GAP;
  const right = (bbox.x + bbox.width) * scale + GAP;
  const bottom = (bbox.y + bbox.height) * scale + GAP;
  for (const [colour, width] of [
    [HALO, LINE + 2],
    [COLOUR, LINE],
  ]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width });
    pen.stroke(corners(left, top, right, bottom));
  }
  Object.assign(pen, {
    font: "bold 12px system-ui, sans-serif",
    textBaseline: "middle",
    lineWidth: 3,
    fillStyle: COLOUR,
    strokeStyle: HALO,
  });
  const text = `${id} ${confidence.toFixed(2)}`;
  pen.strokeText(text, right + 4, (top + bottom) / 2);
  pen.fillText(text, right + 4, (top + bottom) / 2);
}

function corners(left, top, right, bottom) {
  const arm = Math.min(10, (right - left) / 3);
  const path = new Path2D();
  for (const [x, y, dx, dy] of [
    [left, top, 1, 1],
    [right, top, -1, 1],
    [right, bottom, -1, -1],
    [left, bottom, 1, -1],
  ]) {
    path.moveTo(x + dx * arm, y);
    path.lineTo(x, y);
    path.lineTo(x, y + dy * arm);
  }
  return path;
}
