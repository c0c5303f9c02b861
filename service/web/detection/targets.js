// Targets of a probability map at any threshold, measured as the service measures them.
import { confidenceOf } from "./card.js";
import { componentsOf } from "./components.js";

const FULL = 65535; // the value of probability 1
const MOST = 1000; // targets that are shown, as the service returns by default

// Returns `{targets, total}`. `frame` is one of frame.js; `card` is the model's.
export function targetsOf(frame, card, threshold, minConfidence) {
  const { values, width, height } = frame.probabilities;
  const known = byPeak(frame);
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
  const peak = pixels.reduce((best, pixel) => (values[pixel] > values[best] ? pixel : best));
  const score = (calibration.score === "peak" ? values[peak] : massOf(pixels, values) / pixels.length) / FULL;
  const target = {
    pixels,
    score,
    area: pixels.length,
    rank: Infinity,
    confidence: confidenceOf(score, calibration),
    centroid: centroidOf(pixels, values, width),
    bbox: boxOf(pixels, width),
    peak: { x: peak % width, y: Math.floor(peak / width), probability: values[peak] / FULL },
  };
  const answered = pixels.reduce((best, pixel) => better(best, known.get(pixel)), null);
  return answered ? { ...target, ...asAnswered(answered, target, calibration) } : target;
}

const massOf = (pixels, values) => pixels.reduce((sum, pixel) => sum + values[pixel], 0);

// Weighted by probability.
function centroidOf(pixels, values, width) {
  const mass = massOf(pixels, values);
  const x = pixels.reduce((sum, pixel) => sum + values[pixel] * (pixel % width), 0);
  const y = pixels.reduce((sum, pixel) => sum + values[pixel] * Math.floor(pixel / width), 0);
  return { x: x / mass, y: y / mass };
}

const better = (one, other) => (one && other ? (one.id < other.id ? one : other) : (one ?? other ?? null));

// The answer has more digits than the map has: it is right about everything that does not depend on the threshold.
function asAnswered(answered, { area }, { score }) {
  const kept = { rank: answered.id, peak: answered.peak };
  if (score === "peak" || area === answered.area) kept.confidence = answered.confidence;
  if (area === answered.area) Object.assign(kept, { centroid: answered.centroid, signal: answered.signal });
  return kept;
}

function boxOf(pixels, width) {
  let left = Infinity;
  let right = -1;
  let top = Infinity;
  let bottom = -1;
  for (const pixel of pixels) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}
