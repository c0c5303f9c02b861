// The targets as JSON, CSV and COCO, with the fields that `rrcanet detect` writes.
import { runLengths } from "./run_lengths.js";

const COLUMNS = [
  "name",
  "page",
  "id",
  "confidence",
  "centroid_x",
  "centroid_y",
  "x",
  "y",
  "width",
  "height",
  "area",
  "peak_x",
  "peak_y",
  "peak_probability",
];

const round = (value, digits) => Number(value.toFixed(digits));

// `results` are {frame, targets, uncertain}, one for each frame.
export function toJson(results) {
  return JSON.stringify({ model: results[0].frame.answer.model, frames: results.map(describe) }, null, 1);
}

function describe({ frame, targets, uncertain }) {
  const { name, width, height, input } = { ...frame.entry, name: frame.name };
  const warnings = [...(frame.entry.warnings ?? []), uncertain].filter(Boolean);
  const rest = warnings.length ? { warnings } : {};
  return { index: frame.index, name, width, height, input, ...rest, targets: targets.map(describeTarget) };
}

function describeTarget({ id, confidence, centroid, bbox, area, peak, signal }) {
  return {
    id,
    confidence: round(confidence, 4),
    centroid: { x: round(centroid.x, 3), y: round(centroid.y, 3) },
    bbox,
    area,
    peak: { ...peak, probability: round(peak.probability, 4) },
    ...(signal ? { signal } : {}),
  };
}

export function toCsv(results) {
  const rows = results.flatMap(({ frame, targets }) => targets.map((target) => rowOf(frame, target)));
  return [COLUMNS, ...rows].map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n";
}

function rowOf(frame, { id, confidence, centroid, bbox, area, peak }) {
  return [
    frame.name,
    frame.index,
    id,
    confidence.toFixed(4),
    centroid.x.toFixed(3),
    centroid.y.toFixed(3),
    bbox.x,
    bbox.y,
    bbox.width,
    bbox.height,
    area,
    peak.x,
    peak.y,
    peak.probability.toFixed(4),
  ];
}

const quote = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : String(cell));

// A list of COCO results; `image_id` is the name without suffix, as a number if it is one, with the number of the frame
// if the file has several.
export function toCoco(results) {
  return JSON.stringify(results.flatMap(({ frame, targets }) => targets.map((target) => annotate(frame, target))));
}

function annotate(frame, { bbox, confidence, pixels }) {
  return {
    image_id: imageId(frame),
    category_id: 1,
    bbox: [bbox.x, bbox.y, bbox.width, bbox.height],
    score: round(confidence, 4),
    segmentation: { size: [frame.height, frame.width], counts: runLengths(pixels, frame.width, frame.height) },
  };
}

function imageId({ index, source }) {
  const stem = source.stemOf(index);
  return /^\d+$/.test(stem) ? Number(stem) : stem;
}
