// The query of a request, from the state of the page. Values are not checked: the service says what is wrong with them.
import { cardOf } from "../detection/card.js";

const ANSWER = { mask: "probability", preview: "png" }; // all that the page shows comes from one answer

// What the page sends: every target of a low threshold is found here, so no threshold is sent.
export function queryOfPage(state, source) {
  return new URLSearchParams({ ...howToRead(state, source), ...ANSWER });
}

// What a program should send to get the targets that the page shows.
export function queryOfTargets(state, source) {
  return { ...howToRead(state, source), ...howToSelect(state) };
}

function howToRead({ model, polarity, range }, { raw }) {
  const query = { ...raw };
  if (model) query.model = model;
  if (range !== "auto") query.range = range;
  if (polarity !== "white_hot") query.polarity = polarity;
  return query;
}

function howToSelect(state) {
  if (state.sensitivity) return { sensitivity: state.sensitivity };
  const query = {};
  if (state.threshold !== cardOf(state)?.threshold) query.threshold = state.threshold;
  if (state.minConfidence > 0) query.min_confidence = state.minConfidence;
  return query;
}
