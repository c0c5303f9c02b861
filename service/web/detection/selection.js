// Keeps the list of targets up to date with the frame and the thresholds; no request is needed.
import { store } from "../app/state.js";
import { cardOf, lowestConfidence, nameOf } from "./card.js";
import { targetsOf } from "./targets.js";

export function startSelection() {
  store.on(["frame", "threshold", "minConfidence", "models"], findAgain);
}

function findAgain(state) {
  const { frame, threshold, minConfidence } = state;
  const card = frame && cardOfAnswer(state, frame.answer);
  if (!card) return;
  const { targets, total } = targetsOf(frame, card, threshold, minConfidence);
  store.update({ targets, total, selected: sameTarget(state, targets), hovered: null });
}

export const cardOfAnswer = ({ models }, { model }) => models.find((card) => nameOf(card) === nameOf(model));

// The id that the selected target has now: another threshold changes its rank, but not its peak.
function sameTarget({ targets: before, selected }, targets) {
  const peak = before.find(({ id }) => id === selected)?.peak;
  return targets.find((one) => peak && one.peak.x === peak.x && one.peak.y === peak.y)?.id ?? null;
}

// Choose an operating point of the card: its threshold, and the lowest confidence of its curve.
export function chooseSensitivity(sensitivity) {
  const card = cardOf(store.state);
  const minConfidence = sensitivity ? lowestConfidence(card, sensitivity) : 0;
  store.update({ sensitivity, threshold: card.threshold, minConfidence });
}

export function chooseByHand(changes) {
  store.update({ sensitivity: "", ...changes });
}

// Select the target that is `by` places further in the table, and begin again at its ends.
export function stepTarget(by) {
  const { order, selected } = store.state;
  if (!order.length) return;
  const place = order.indexOf(selected);
  const next = place < 0 ? (by > 0 ? 0 : order.length - 1) : (place + by + order.length) % order.length;
  store.update({ selected: order[next] });
}
