// How the picture looks: palette, contrast, mask, markers. Nothing here changes what is detected.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { format, stepOf } from "../detection/counts.js";
import { PALETTES } from "../viewer/palettes.js";

export function startDisplay() {
  at("palette").addEventListener("change", ({ target }) => store.update({ palette: target.value }));
  at("low").addEventListener("input", ({ target }) =>
    setContrast(Math.min(target.value, store.state.high - 1), store.state.high),
  );
  at("high").addEventListener("input", ({ target }) =>
    setContrast(store.state.low, Math.max(target.value, store.state.low + 1)),
  );
  at("stretch").addEventListener("click", stretch);
  at("mask-opacity").addEventListener("input", ({ target }) => store.update({ maskOpacity: Number(target.value) }));
  at("shows-markers").addEventListener("change", ({ target }) => store.update({ showsMarkers: target.checked }));
  store.on(["palette", "low", "high", "maskOpacity", "showsMarkers", "frame"], show);
}

const setContrast = (low, high) => store.update({ low: Number(low), high: Number(high) });

// The full contrast for all but the darkest and brightest thousandth of the pixels; or back.
export function stretch() {
  const { frame, low, high } = store.state;
  if (!frame) return;
  const values = Uint8Array.from(frame.intensities).sort();
  const skipped = Math.floor(values.length / 1000);
  const narrow = [values[skipped], Math.max(values[values.length - 1 - skipped], values[skipped] + 1)];
  if (low === narrow[0] && high === narrow[1]) setContrast(0, 255);
  else setContrast(...narrow);
}

export function nextPalette() {
  const place = PALETTES.indexOf(store.state.palette);
  store.update({ palette: PALETTES[(place + 1) % PALETTES.length] });
}

let opacityBefore = 0.35;

export function toggleMask() {
  const { maskOpacity } = store.state;
  if (maskOpacity) opacityBefore = maskOpacity;
  store.update({ maskOpacity: maskOpacity ? 0 : opacityBefore });
}

export function toggleMarkers() {
  store.update({ showsMarkers: !store.state.showsMarkers });
}

function show({ palette, low, high, maskOpacity, showsMarkers, frame }) {
  at("palette").value = palette;
  at("low").value = low;
  at("high").value = high;
  at("low-value").value = countOf(frame, low);
  at("high-value").value = countOf(frame, high);
  at("mask-opacity").value = maskOpacity;
  at("shows-markers").checked = showsMarkers;
}

function countOf(frame, intensity) {
  return frame ? format(Math.round(frame.entry.input.range[0] + intensity * stepOf(frame)), 1) : "";
}
