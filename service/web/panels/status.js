// What the page says: what it shows, what it waits for, what went wrong, and which key it needs.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { cardOf, rateWarning } from "../detection/card.js";
import { askAgain, retry } from "../frames/sources.js";
import { loadModels } from "../service/models.js";

export function startStatus() {
  at("key-form").addEventListener("submit", takeKey);
  at("retry").addEventListener("click", retry);
  at("dismiss").addEventListener("click", () => store.update({ fault: null }));
  store.on(["fault", "frame", "source", "busy"], showFault);
  store.on(["needsKey"], ({ needsKey }) => (at("key-form").hidden = !needsKey));
  store.on(["busy", "frame", "total", "targets", "sensitivity"], showStatus);
}

async function takeKey(event) {
  event.preventDefault();
  store.update({ key: at("key").value.trim(), fault: null });
  if (!(await loadModels())) return;
  store.update({ needsKey: false });
  askAgain();
}

function showFault({ fault, frame, source, busy }) {
  const isOther = fault && frame && source && frame.source !== source;
  at("fault").hidden = !fault;
  at("fault-text").textContent = fault ? `${fault.text}${isOther ? ` The picture is still ${frame.name}.` : ""}` : "";
  at("retry").hidden = !fault?.canRetry || !source || busy;
}

function showStatus(state) {
  const { busy, frame, total, sensitivity } = state;
  document.body.classList.toggle("busy", busy);
  at("status").textContent = busy ? "Detecting…" : frame ? summaryOf(frame, total) : "";
  const warnings = frame ? [...(frame.entry.warnings ?? []), rateWarning(cardOf(state), sensitivity)] : [];
  at("warnings").replaceChildren(...warnings.filter(Boolean).map(itemOf));
  const place = frame?.place ? `, frame ${frame.place}` : "";
  at("viewer").setAttribute("aria-label", frame ? `${frame.name}${place}: ${total} targets` : "Picture");
}

function summaryOf({ answer: { model, timing_ms: times }, entry, name, place }, total) {
  const size = `${entry.width}x${entry.height} ${entry.input.dtype}`;
  const where = place ? `${name}, frame ${place}` : name;
  const targets = `${total} target${total === 1 ? "" : "s"}`;
  return `${where}: ${targets}, ${size}, ${times.total.toFixed(0)} ms, ${model.name} ${model.version}`;
}

function itemOf(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}
