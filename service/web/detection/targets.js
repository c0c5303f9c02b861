// Targets of a probability map at any threshold, measured as the service measures them.
import { confidenceOf } from "./card.js";
import { componentsOf } from "./components.js";

const FULL = 65535; // the value of probability 1
const MOST = 1000; // targets that are shown, as the service returns by default

// Returns `{targets, total}`. `frame` is one of frame.js; `card` is the model's.
export function targetsOf(frame, card, threshold, minConfidence) {
  const { values, width, height } = frame.probabilities, known = byPeak(frame);
  const found = componentsOf(values, width, height, threshold * FULL)
    .map((pixels) => measure(pixels, frame, card.calibration, known))
    .filter(({ confidence }) => confidence >= minConfidence)
    .sort((a, b) => b.confidence - a.confidence || a.rank - b.rank || b.score - a.score);
  const targets = found.slice(0, MOST).map((target, index) => ({ ...target, id: index + 1 }));
  return { targets, total: found.length };
}

// The service's own targets by their most probable pixel.
function byPeak({ entry, width }) {
  return new Map(entry.targets.map((target) => [target.peak.y * width + target.peak.x, target]));
}

function measure(pixels, frame, calibration, known) {
  const { values, width } = frame.probabilities;
  let mass = 0, x = 0, y = 0, peak = pixels[0], same = null;
  for (const pixel of pixels) {
    const weight = values[pixel], column = pixel % width;
    [mass, x, y] = [mass + weight, x + weight * column, y + (weight * (pixel - column)) / width];
    if (weight > values[peak]) peak = pixel;
    same = better(same, known.get(pixel));
  }
  const score = (calibration.score === "peak" ? values[peak] : mass / pixels.length) / FULL;
  const target = {
    pixels, score, area: pixels.length, rank: Infinity, confidence: confidenceOf(score, calibration),
    centroid: { x: x / mass, y: y / mass }, bbox: boxOf(pixels, width),
    peak: { x: peak % width, y: Math.floor(peak / width), probability: values[peak] / FULL },
  };
  return same ? { ...target, ...asAnswered(same, target, calibration) } : target;
}

const better = (one, other) => (one && other ? (one.id < other.id ? one : other) : one ?? other ?? null);

// The answer has more digits than the map has: it is right about everything that does not depend on the threshold.
function asAnswered(answered, { area }, { score }) {
  const kept = { rank: answered.id, peak: answered.peak };
  if (score === "peak" || area === answered.area) kept.confidence = answered.confidence;
  if (area === answered.area) Object.assign(kept, { centroid: answered.centroid, signal: answered.signal });
  return kept;
}

function boxOf(pixels, width) {
  let left = Infinity, right = -1, top = Infinity, bottom = -1;
  for (const pixel of pixels) {
    const x = pixel % width, y = (pixel - x) / width;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}
