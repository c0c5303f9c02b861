// The line below the picture: position, counts and probability of the pixel under the cursor, or of the peak of the
// selected target.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { countText, exactness } from "../detection/counts.js";
import { onView, view } from "./view.js";

export function startReadout() {
  store.on(["frame", "pointer", "selected", "targets"], show);
  onView(showZoom);
}

function show({ frame, pointer, selected, targets }) {
  const pixel = pointer ?? targets.find(({ id }) => id === selected)?.peak;
  at("readout-x").textContent = pixel?.x ?? "–";
  at("readout-y").textContent = pixel?.y ?? "–";
  at("readout-counts").textContent = pixel ? countText(frame, pixel) : "–";
  at("readout-probability").textContent = pixel ? probability(frame, pixel) : "–";
  at("exactness").textContent = frame ? exactness(frame) : "";
}

const probability = ({ probabilities: { values, width } }, { x, y }) => (values[y * width + x] / 65535).toFixed(3);

function showZoom() {
  at("zoom").textContent = `${Math.round(view.scale * 100)} %`;
}
