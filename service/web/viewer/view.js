// Which part of the frame is seen: `scale` screen pixels for a pixel of the frame, whose top-left corner is at (x, y).
import { store } from "../app/state.js";

const LARGEST = 96;
const SMALLEST = 1 / 8; // scales
const STEPS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];
const MARGIN = 8; // screen pixels around a frame that fits

export const view = { scale: 1, x: 0, y: 0, width: 1, height: 1, fits: true };
const listeners = [];

// `act` runs whenever another part of the frame is seen.
export const onView = (act) => listeners.push(act);

function set(changes) {
  Object.assign(view, changes);
  listeners.forEach((act) => act());
}

// The place of a screen position on the frame, in pixels from its top-left corner; and back.
export const toFrame = ({ x, y }) => ({ x: (x - view.x) / view.scale, y: (y - view.y) / view.scale });
export const toScreen = ({ x, y }) => ({ x: x * view.scale + view.x, y: y * view.scale + view.y });

// The window of the viewer has another size: a frame that fitted fits again.
export function resize(width, height) {
  const moved = { x: view.x + (width - view.width) / 2, y: view.y + (height - view.height) / 2 };
  set({ width, height, ...(view.fits ? {} : moved) });
  if (view.fits) fit();
}

export function fit() {
  const { frame } = store.state;
  if (frame) showBox({ x: 0, y: 0, width: frame.width, height: frame.height }, MARGIN, true);
}

// Show a box of the frame as large as it can be, with a margin in screen pixels.
export function showBox({ x, y, width, height }, margin, fits = false) {
  const largest = Math.min((view.width - 2 * margin) / width, (view.height - 2 * margin) / height);
  const scale = Math.min(Math.max(largest, SMALLEST), fits ? LARGEST / 4 : LARGEST / 3);
  set({
    scale,
    fits,
    x: view.width / 2 - (x + width / 2) * scale,
    y: view.height / 2 - (y + height / 2) * scale,
  });
}

// Change the scale; the point of the frame at `anchor` (a screen position, by default the middle) stays where it is.
export function zoomTo(wanted, anchor = { x: view.width / 2, y: view.height / 2 }) {
  const scale = Math.min(Math.max(wanted, SMALLEST), LARGEST);
  const place = toFrame(anchor);
  set({ scale, fits: false, x: anchor.x - place.x * scale, y: anchor.y - place.y * scale });
}

export const zoomBy = (factor, anchor) => zoomTo(view.scale * factor, anchor);

// The next round scale up or down.
export function stepZoom(by, anchor) {
  const next =
    by > 0 ? STEPS.find((step) => step > view.scale * 1.01) : STEPS.findLast((step) => step < view.scale / 1.01);
  zoomTo(next ?? view.scale, anchor);
}

export function pan(dx, dy) {
  set({ x: view.x + dx, y: view.y + dy, fits: false });
}

// Move the frame so that a place of it is in the middle, unless it is well in sight already.
export function bringIntoSight(place) {
  const { x, y } = toScreen(place);
  const edge = Math.min(view.width, view.height) / 8;
  const isInSight = x > edge && y > edge && x < view.width - edge && y < view.height - edge;
  if (!isInSight) pan(view.width / 2 - x, view.height / 2 - y);
}
