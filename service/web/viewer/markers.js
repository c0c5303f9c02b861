// Draws the marks of targets: four thin corners around each one, with a gap, so that no pixel of a target is covered.
import { at, draw } from "../app/dom.js";
import { store } from "../app/state.js";
import { placeLabels } from "./labels.js";
import { boxesInSight, marksOf } from "./marks.js";
import { onView, view } from "./view.js";

const CLICK = 5; // screen pixels around a target's box that belong to it

let boxes = []; // of the targets in sight

export function startMarkers() {
  store.on(["targets", "selected", "hovered", "showsMarkers"], redraw);
  onView(redraw);
}

// The target at a screen position: the nearest whose box is at most `reach` screen pixels away.
export function targetAt({ x, y }, reach) {
  let best = null;
  let nearest = reach + CLICK;
  for (const { target, left, top, right, bottom } of boxes) {
    const outside = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    const distance = outside || Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2) / 1000;
    if (distance < nearest) [best, nearest] = [target.id, distance];
  }
  return best;
}

function redraw() {
  const { targets, selected, hovered, showsMarkers } = store.state;
  boxes = showsMarkers ? boxesInSight(targets) : [];
  const marks = marksOf(boxes, [selected, hovered]);
  const halo = draw("path", { class: "halo", d: marks.map(cornersOf).join("") });
  at("markers").replaceChildren(halo, ...marks.map(elementOf), ...placeLabels(marks, store.state, view));
}

function elementOf(mark) {
  const { targets } = mark;
  const [{ id }] = targets;
  const name = targets.length > 1 ? { "data-group": targets.length } : { "data-id": id };
  return draw("path", { class: targets.length > 1 ? "group" : classOf(id), d: cornersOf(mark), ...name });
}

function cornersOf({ left, top, right, bottom }) {
  const arm = Math.max(2, Math.min(7, Math.min(right - left, bottom - top) / 3.2));
  return [
    [left, top, 1, 1],
    [right, top, -1, 1],
    [right, bottom, -1, -1],
    [left, bottom, 1, -1],
  ]
    .map(([x, y, dx, dy]) => `M${x + dx * arm} ${y}H${x}V${y + dy * arm}`)
    .join("");
}

function classOf(id) {
  const { selected, hovered } = store.state;
  return `marker${id === selected ? " selected" : ""}${id === hovered ? " hovered" : ""}`;
}
