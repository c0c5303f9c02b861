// Where marks stand on the screen: one around each target, or one around several that are too close at this zoom.
import { toScreen, view } from "./view.js";

const WIDEST_GAP = 5; // screen pixels between a target's box and its corners
const NARROWEST_GAP = 1.5;
const LINE = 1.5; // screen pixels
const LEAST_ROOM = 5; // screen pixels between two targets whose corners do not run into each other

// The boxes of the targets that are in sight: {target, left, top, right, bottom}, in screen pixels.
export function boxesInSight(targets) {
  return targets.map(screenBox).filter(isInSight);
}

function screenBox(target) {
  const { bbox } = target;
  const from = toScreen(bbox);
  const to = toScreen({ x: bbox.x + bbox.width, y: bbox.y + bbox.height });
  return { target, left: from.x, top: from.y, right: to.x, bottom: to.y };
}

const isInSight = ({ left, top, right, bottom }) => right > 0 && bottom > 0 && left < view.width && top < view.height;

// The marks of boxes: {targets, left, top, right, bottom}, with a gap around the targets. Those of `alone` (ids) are
// never in a group.
export function marksOf(boxes, alone) {
  const marks = [];
  const isAlone = ({ target }) => alone.includes(target.id);
  for (const group of groupsOf(boxes.filter((box) => !isAlone(box)))) marks.push(union(group));
  for (const box of boxes.filter(isAlone)) marks.push(union([box]));
  return marks.map((mark) => widened(mark, marks));
}

// Boxes that are too close to each other, directly or through others.
function groupsOf(boxes) {
  const groups = [];
  const waiting = new Set(boxes);
  for (const box of boxes) {
    if (!waiting.delete(box)) continue;
    const group = [box];
    for (const member of group)
      for (const other of waiting) if (room(member, other) < LEAST_ROOM && waiting.delete(other)) group.push(other);
    groups.push(group);
  }
  return groups;
}

function union(group) {
  return {
    targets: group.map(({ target }) => target),
    left: Math.min(...group.map(({ left }) => left)),
    top: Math.min(...group.map(({ top }) => top)),
    right: Math.max(...group.map(({ right }) => right)),
    bottom: Math.max(...group.map(({ bottom }) => bottom)),
  };
}

// With its gap: narrower where another mark is near.
function widened(mark, others) {
  const rooms = others.map((other) => (other === mark ? Infinity : room(mark, other)));
  const gap = Math.min(WIDEST_GAP, Math.max(NARROWEST_GAP, Math.min(...rooms) / 2 - LINE));
  return {
    targets: mark.targets,
    left: mark.left - gap,
    top: mark.top - gap,
    right: mark.right + gap,
    bottom: mark.bottom + gap,
  };
}

// Screen pixels between two boxes; less than 0 if they overlap.
function room(one, other) {
  const across = Math.max(other.left - one.right, one.left - other.right);
  const down = Math.max(other.top - one.bottom, one.top - other.bottom);
  return Math.max(across, down);
}
