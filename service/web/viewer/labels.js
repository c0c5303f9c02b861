// Labels of marks: always of those that are selected or under the cursor; of others where there is room, so that a
// label covers neither a target nor another label.
import { draw } from "../app/dom.js";

const HEIGHT = 16;
const LETTER = 6.7;
const PADDING = 4;
const DISTANCE = 3; // screen pixels
const MOST = 40; // marks in sight that all have labels; more would hide the picture

export function placeLabels(marks, { selected, hovered }, view) {
  const isFirst = ({ targets: [{ id }] }) => id === selected || id === hovered;
  const others = marks.length > MOST ? [] : marks.filter((mark) => !isFirst(mark));
  const taken = [...marks];
  const labels = [];
  for (const mark of [...marks.filter(isFirst), ...others]) {
    const place = placeOf(mark, textOf(mark), taken, view, isFirst(mark));
    if (!place) continue;
    taken.push(place);
    labels.push(elementOf(place, mark, isFirst(mark)));
  }
  return labels;
}

function textOf({ targets }) {
  const [{ id, confidence }] = targets;
  return targets.length > 1 ? `${targets.length} targets` : `${id} · ${confidence.toFixed(2)}`;
}

function placeOf(mark, text, taken, view, must) {
  const width = text.length * LETTER + 2 * PADDING;
  const places = around(mark, width).map((place) => ({ ...place, text }));
  const inside = places.filter((place) => isInside(place, view));
  return (
    inside.find((place) => !taken.some((other) => overlap(place, other))) ?? (must ? (inside[0] ?? places[0]) : null)
  );
}

function around({ left, top, right, bottom }, width) {
  const middle = (top + bottom - HEIGHT) / 2;
  const centre = (left + right - width) / 2;
  return [
    [right + DISTANCE, middle],
    [left - DISTANCE - width, middle],
    [centre, top - DISTANCE - HEIGHT],
    [centre, bottom + DISTANCE],
  ].map(([x, y]) => ({ left: x, top: y, right: x + width, bottom: y + HEIGHT }));
}

const isInside = ({ left, top, right, bottom }, { width, height }) =>
  left >= 0 && top >= 0 && right <= width && bottom <= height;

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function elementOf({ left, top, right, text }, { targets: [{ id }] }, isFirst) {
  const back = draw("rect", { x: left, y: top, width: right - left, height: HEIGHT, rx: 2 });
  const letters = draw("text", { x: (left + right) / 2, y: top + HEIGHT / 2 }, text);
  return draw("g", { class: isFirst ? "label first" : "label", "data-label": id }, back, letters);
}
