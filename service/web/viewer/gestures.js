// What hands do on the picture: drag, wheel, pinch, point and click.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { targetAt } from "./markers.js";
import { fit, pan, stepZoom, toFrame, view, zoomBy } from "./view.js";

const STILL = 4; // screen pixels that a click may move
const REACH = { mouse: 6, pen: 8, touch: 22 }; // screen pixels around the corners of a target
const fingers = new Map(); // pointers that are down: id -> screen position
let moved = 0; // screen pixels since the first pointer went down

export function startGestures() {
  const viewer = at("viewer");
  viewer.addEventListener("pointerdown", press);
  viewer.addEventListener("pointermove", move);
  viewer.addEventListener("pointerup", release);
  viewer.addEventListener("pointercancel", ({ pointerId }) => fingers.delete(pointerId));
  viewer.addEventListener("pointerleave", () => store.update({ pointer: null, hovered: null }));
  viewer.addEventListener("wheel", turnWheel, { passive: false });
  viewer.addEventListener("dblclick", (event) => (view.fits ? stepZoom(1, placeOf(event)) : fit()));
}

function placeOf({ clientX, clientY }) {
  const { left, top } = at("viewer").getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

function press(event) {
  if (event.button || !store.state.frame || event.target.closest("button, a")) return;
  if (!fingers.size) moved = 0;
  fingers.set(event.pointerId, placeOf(event));
  at("viewer").setPointerCapture(event.pointerId);
}

function move(event) {
  const place = placeOf(event);
  const before = fingers.get(event.pointerId);
  if (before && fingers.size === 2) pinch(event.pointerId, before, place);
  else if (before) drag(before, place);
  if (before) fingers.set(event.pointerId, place);
  else point(place, event.pointerType);
}

function drag(before, place) {
  moved += Math.hypot(place.x - before.x, place.y - before.y);
  if (moved > STILL) pan(place.x - before.x, place.y - before.y);
}

function pinch(id, before, place) {
  const [, other] = [...fingers].find(([one]) => one !== id);
  const distance = (one) => Math.hypot(one.x - other.x, one.y - other.y);
  moved += STILL + 1;
  pan((place.x - before.x) / 2, (place.y - before.y) / 2);
  zoomBy(distance(place) / Math.max(distance(before), 1), { x: (place.x + other.x) / 2, y: (place.y + other.y) / 2 });
}

function point(place, pointerType) {
  store.update({ pointer: pixelAt(place), hovered: targetAt(place, REACH[pointerType]) });
}

function release(event) {
  const wasDown = fingers.delete(event.pointerId);
  const place = placeOf(event);
  if (!wasDown || moved > STILL || fingers.size) return;
  store.update({ selected: targetAt(place, REACH[event.pointerType]), pointer: pixelAt(place) });
}

function turnWheel(event) {
  if (!store.state.frame) return;
  event.preventDefault();
  zoomBy(2 ** (-event.deltaY / (event.ctrlKey ? 60 : 240)), placeOf(event));
}

// The pixel of the frame at a screen position, or null outside of it.
function pixelAt(place) {
  const { frame } = store.state;
  const at = frame && toFrame(place);
  const [x, y] = at ? [Math.floor(at.x), Math.floor(at.y)] : [-1, -1];
  return frame && x >= 0 && y >= 0 && x < frame.width && y < frame.height ? { x, y } : null;
}
