// Which file and which of its frames: the line above the picture, and the fields for raw rows.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { readAs, show, step } from "../frames/sources.js";
import { DTYPES } from "../frames/raw.js";

export function startFrames() {
  at("source").addEventListener("change", ({ target }) => show(store.state.sources[target.value], 0));
  at("frame").addEventListener("change", ({ target }) => goTo(Number(target.value) - 1));
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("raw").addEventListener("submit", takeRaw);
  at("raw-dtype").replaceChildren(...DTYPES.map((dtype) => new Option(dtype)));
  store.on(["sources", "source", "index"], list);
  store.on(["source"], offerRaw);
}

function goTo(index) {
  const { source } = store.state;
  if (source) show(source, Math.min(Math.max(index || 0, 0), source.count - 1));
}

function list({ sources, source, index }) {
  at("frames").hidden = !sources.length;
  at("source").replaceChildren(...sources.map((one, i) => new Option(titleOf(one), i, false, one === source)));
  const count = source?.count ?? 1;
  const place = sources.indexOf(source);
  at("frame-of").hidden = count < 2;
  Object.assign(at("frame"), { value: index + 1, max: count });
  at("frame-count").textContent = `of ${count}`;
  at("previous").disabled = place <= 0 && index === 0;
  at("next").disabled = place === sources.length - 1 && index >= count - 1;
}

function titleOf(source) {
  if (source.fault) return `${source.name}: not read`;
  const entries = Array.from({ length: Math.min(source.count, 64) }, (_, i) => source.entryOf(i)).filter(Boolean);
  const targets = entries.reduce((sum, { targets = [] }) => sum + targets.length, 0);
  return entries.length ? `${source.name}: ${targets} target${targets === 1 ? "" : "s"}` : source.name;
}

function offerRaw({ source }) {
  at("raw").hidden = !source?.raw;
  for (const name of ["width", "height", "dtype", "skip"])
    at(`raw-${name}`).value = source?.raw?.[name] ?? (name === "skip" ? 0 : "");
}

function takeRaw(event) {
  event.preventDefault();
  const raw = { width: at("raw-width").value, height: at("raw-height").value, dtype: at("raw-dtype").value };
  const skip = at("raw-skip").value;
  readAs(store.state.source, Number(skip) ? { ...raw, skip } : raw);
}
