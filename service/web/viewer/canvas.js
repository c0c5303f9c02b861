// Draws the part of the frame that is seen: pixels as sharp squares, the mask, and a grid once pixels are large.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { maskPicture, picture } from "./picture.js";
import { onView, toFrame, view } from "./view.js";
import { writeCounts } from "./pixel_counts.js";

const GRID_FROM = 12; // screen pixels of a pixel
const GRID = "rgb(128 128 128 / 35%)";

let shown = null,
  mask = null,
  isAsked = false; // canvases; whether the next animation frame draws

export function startCanvas() {
  store.on(["frame", "palette", "low", "high"], repaint);
  store.on(["targets"], remask);
  store.on(["maskOpacity"], ask);
  onView(ask);
}

function repaint({ frame, palette, low, high }) {
  shown = frame && picture(frame, palette, low, high);
  ask();
}

function remask({ frame, targets }) {
  mask = frame && maskPicture(frame, targets);
  ask();
}

function ask() {
  if (!isAsked) requestAnimationFrame(redraw);
  isAsked = true;
}

function redraw() {
  isAsked = false;
  const canvas = at("canvas");
  const ratio = devicePixelRatio;
  const pen = canvas.getContext("2d");
  setSize(canvas, Math.round(view.width * ratio), Math.round(view.height * ratio));
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!shown) return;
  pen.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
  pen.imageSmoothingEnabled = view.scale < 1;
  pen.drawImage(shown, 0, 0);
  pen.globalAlpha = store.state.maskOpacity;
  if (mask) pen.drawImage(mask, 0, 0);
  pen.globalAlpha = 1;
  if (view.scale >= GRID_FROM) drawGrid(pen);
  writeCounts(pen, seen(), ratio);
}

function setSize(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

// The pixels that are in sight: {left, top, right, bottom}; the last two are not among them.
function seen() {
  const { frame } = store.state;
  const from = toFrame({ x: 0, y: 0 });
  const to = toFrame({ x: view.width, y: view.height });
  return {
    left: Math.max(0, Math.floor(from.x)),
    top: Math.max(0, Math.floor(from.y)),
    right: Math.min(frame.width, Math.ceil(to.x)),
    bottom: Math.min(frame.height, Math.ceil(to.y)),
  };
}

function drawGrid(pen) {
  const { left, top, right, bottom } = seen();
  pen.beginPath();
  for (let x = left; x <= right; x++) line(pen, x, top, x, bottom);
  for (let y = top; y <= bottom; y++) line(pen, left, y, right, y);
  Object.assign(pen, { strokeStyle: GRID, lineWidth: 1 / view.scale });
  pen.stroke();
}

function line(pen, fromX, fromY, toX, toY) {
  pen.moveTo(fromX, fromY);
  pen.lineTo(toX, toY);
}
