// Marks the targets: four thin corners around each one, with a gap, so that no pixel of a target is covered.
import { at, draw } from "../app/dom.js";
import { store } from "../app/state.js";
import { placeLabels } from "./labels.js";
import { onView, toScreen, view } from "./view.js";

const WIDEST_GAP = 5;
const NARROWEST_GAP = 1.5; // screen pixels between a target's box and its corners
const LINE = 1.5; // screen pixels

let boxes = []; // of the targets on the screen: {target, left, top, right, bottom}, with the gap

export function startMarkers() {
  store.on(["targets", "selected", "hovered", "showsMarkers"], redraw);
  onView(redraw);
}

// The target at a screen position: the nearest whose corners are at most `reach` screen pixels away.
export function targetAt({ x, y }, reach) {
  let best = null,
    nearest = reach;
  for (const { target, left, top, right, bottom } of boxes) {
    const outside = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    const distance = outside || Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2) / 1000;
    if (distance < nearest) [best, nearest] = [target.id, distance];
  }
  return best;
}

function redraw() {
  const { targets, showsMarkers } = store.state;
  boxes = showsMarkers ? separated(targets.map(screenBox).filter(isInSight)) : [];
  const corners = boxes.map(pathOf);
  const halo = draw("path", { class: "halo", d: corners.join("") });
  const marks = boxes.map(({ target }, i) =>
    draw("path", { class: classOf(target), d: corners[i], "data-id": target.id }),
  );
  at("markers").replaceChildren(halo, ...marks, ...placeLabels(boxes, store.state, view));
}

function screenBox(target) {
  const { bbox } = target,
    from = toScreen(bbox);
  const to = toScreen({ x: bbox.x + bbox.width, y: bbox.y + bbox.height });
  return { target, left: from.x, top: from.y, right: to.x, bottom: to.y };
}

const isInSight = ({ left, top, right, bottom }) => right > 0 && bottom > 0 && left < view.width && top < view.height;

// Give each box its gap: narrower where another target is near, so that corners do not run into each other.
function separated(tight) {
  return tight.map((box) => {
    const gap = Math.min(WIDEST_GAP, Math.max(NARROWEST_GAP, room(box, tight) / 2 - LINE));
    return {
      target: box.target,
      left: box.left - gap,
      top: box.top - gap,
      right: box.right + gap,
      bottom: box.bottom + gap,
    };
  });
}

// Screen pixels to the nearest other box.
function room(box, others) {
  let least = 2 * WIDEST_GAP + 2 * LINE;
  for (const other of others) {
    if (other === box) continue;
    const across = Math.max(other.left - box.right, box.left - other.right);
    const down = Math.max(other.top - box.bottom, box.top - other.bottom);
    least = Math.min(least, Math.max(across, down));
  }
  return least;
}

function pathOf({ left, top, right, bottom }) {
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

function classOf({ id }) {
  const { selected, hovered } = store.state;
  return `marker${id === selected ? " selected" : ""}${id === hovered ? " hovered" : ""}`;
}
