// Writes the counts into the pixels, once there is room.
import { store } from "../app/state.js";
import { countText } from "../detection/counts.js";
import { view } from "./view.js";

const FROM = 44; // screen pixels of a pixel
const FONT = "11px ui-monospace, monospace";

export function writeCounts(pen, { left, top, right, bottom }, ratio) {
  if (view.scale < FROM) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  Object.assign(pen, { font: FONT, textAlign: "center", textBaseline: "middle" });
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) writeCount(pen, { x, y });
}

function writeCount(pen, pixel) {
  const { frame } = store.state;
  pen.fillStyle = isBright(pixel) ? "#000" : "#fff";
  const text = countText(frame, pixel).replace("≈ ", "");
  pen.fillText(text, (pixel.x + 0.5) * view.scale + view.x, (pixel.y + 0.5) * view.scale + view.y, view.scale - 4);
}

function isBright({ x, y }) {
  const { frame, palette, low, high } = store.state;
  const share = (frame.intensities[y * frame.width + x] - low) / Math.max(high - low, 1);
  return palette === "black-hot" ? share < 0.5 : share > 0.5;
}
