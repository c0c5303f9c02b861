// The pixel that the arrow keys point at: a thin outline around it.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { bringIntoSight, onView, toScreen, view } from "./view.js";

const LEAST = 7; // screen pixels of the outline's sides

export function startCursor() {
  store.on(["pointer"], show);
  onView(show);
}

// Move the pointed pixel; it begins at the selected target, or else in the middle of the frame.
export function movePointer(dx, dy) {
  const { frame, pointer, targets, selected } = store.state;
  if (!frame) return;
  const from = pointer ??
    targets.find(({ id }) => id === selected)?.peak ?? { x: frame.width >> 1, y: frame.height >> 1 };
  const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
  const next = { x: within(from.x + dx, frame.width), y: within(from.y + dy, frame.height), byKey: true };
  store.update({ pointer: next });
  bringIntoSight(next);
}

function show() {
  const { pointer } = store.state;
  const outline = at("cursor");
  outline.toggleAttribute("hidden", !pointer?.byKey);
  if (!pointer?.byKey) return;
  const { x, y } = toScreen({ x: pointer.x + 0.5, y: pointer.y + 0.5 });
  const side = Math.max(view.scale, LEAST);
  const place = { x: x - side / 2, y: y - side / 2, width: side, height: side };
  for (const [name, value] of Object.entries(place)) outline.setAttribute(name, value);
}
