// The picture viewer as a whole.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { startCanvas } from "./canvas.js";
import { startCursor } from "./cursor.js";
import { startGestures } from "./gestures.js";
import { startMarkers } from "./markers.js";
import { startReadout } from "./readout.js";
import { bringIntoSight, fit, resize, showBox, stepZoom, zoomTo } from "./view.js";

const AROUND = 12; // pixels of the frame around a target that is zoomed to

let size = ""; // of the frame before

export function startViewer() {
  startCanvas();
  startMarkers();
  startCursor();
  startReadout();
  startGestures();
  new ResizeObserver(([{ contentRect }]) => resize(contentRect.width, contentRect.height)).observe(at("viewer"));
  store.on(["frame"], welcome);
  store.on(["selected"], followSelection);
  for (const [id, act] of Object.entries({
    fit,
    actual: () => zoomTo(1),
    in: () => stepZoom(1),
    out: () => stepZoom(-1),
  }))
    at(`zoom-${id}`).addEventListener("click", act);
  at("zoom-targets").addEventListener("click", zoomToTargets);
}

// A frame of the same size as the one before is seen at the same place, so that frames can be compared.
function welcome({ frame }) {
  if (!frame) return;
  at("empty").hidden = true;
  const now = `${frame.width}x${frame.height}`;
  if (now !== size) fit();
  size = now;
}

function followSelection({ targets, selected }) {
  const target = targets.find(({ id }) => id === selected);
  if (target) bringIntoSight({ x: target.centroid.x + 0.5, y: target.centroid.y + 0.5 });
}

// Show the selected target, or all of them, as large as possible.
export function zoomToTargets() {
  const { frame, targets, selected } = store.state;
  const wanted = targets.filter(({ id }) => selected === null || id === selected);
  if (!frame || !wanted.length) return;
  const left = Math.min(...wanted.map(({ bbox }) => bbox.x));
  const top = Math.min(...wanted.map(({ bbox }) => bbox.y));
  const right = Math.max(...wanted.map(({ bbox }) => bbox.x + bbox.width));
  const bottom = Math.max(...wanted.map(({ bbox }) => bbox.y + bbox.height));
  const box = {
    x: left - AROUND,
    y: top - AROUND,
    width: right - left + 2 * AROUND,
    height: bottom - top + 2 * AROUND,
  };
  showBox(box, 0);
}
