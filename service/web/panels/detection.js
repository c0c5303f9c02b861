// Which model, and which of its targets: sensitivity, threshold, lowest confidence, polarity and range.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { cardOf, nameOf } from "../detection/card.js";
import { chooseByHand, chooseSensitivity } from "../detection/selection.js";
import { askAgain } from "../frames/sources.js";
import { loadModels } from "../service/models.js";

export function startDetection() {
  at("model").addEventListener("change", ({ target }) => chooseModel(target.value));
  at("sensitivity").addEventListener("change", ({ target }) => chooseSensitivity(target.value));
  at("threshold").addEventListener("input", ({ target }) => chooseByHand({ threshold: Number(target.value) }));
  at("min-confidence").addEventListener("input", ({ target }) => chooseByHand({ minConfidence: Number(target.value) }));
  at("polarity").addEventListener("change", ({ target }) => ask({ polarity: target.value }));
  at("range").addEventListener("change", takeRange);
  at("counts").addEventListener("change", takeRange);
  store.on(["models"], listModels);
  store.on(["model", "models", "sensitivity", "threshold", "minConfidence"], show);
  loadModels();
}

function chooseModel(model) {
  store.update({ model });
  chooseSensitivity("");
  askAgain();
}

function ask(changes) {
  store.update(changes);
  askAgain();
}

function listModels({ models }) {
  at("model").replaceChildren(...models.map((card) => new Option(nameOf(card).replace("@", " "), nameOf(card))));
}

function show(state) {
  const { model, sensitivity, threshold, minConfidence } = state;
  const card = cardOf(state);
  const isByHand = card && !sensitivity && (threshold !== card.threshold || minConfidence > 0);
  for (const option of at("sensitivity").options) option.disabled = Boolean(option.value) && !card?.operating_points;
  at("model").value = model;
  at("sensitivity").value = isByHand ? "" : sensitivity;
  at("sensitivity").options[0].text = isByHand ? "set by hand" : "all targets";
  at("threshold").value = threshold;
  at("threshold-value").value = threshold.toFixed(2);
  at("min-confidence").value = minConfidence;
  at("min-confidence-value").value = minConfidence.toFixed(2);
}

// The two fields for counts come with `from count to count`; at first they hold the range of the frame.
function takeRange({ target }) {
  const range = at("range").value;
  const needsCounts = range === "counts";
  if (needsCounts && target === at("range"))
    [at("range-low").value, at("range-high").value] = store.state.frame?.entry.input.range ?? [0, 16383];
  at("counts").hidden = !needsCounts;
  ask({ range: needsCounts ? `${at("range-low").value}:${at("range-high").value}` : range });
}
