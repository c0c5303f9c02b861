// Files to keep: targets of one frame or of all, the mask, and the picture with its markers.
import { at, make } from "../app/dom.js";
import { store } from "../app/state.js";
import { rateWarning } from "../detection/card.js";
import { frameOf } from "../detection/frame.js";
import { cardOfAnswer } from "../detection/selection.js";
import { targetsOf } from "../detection/targets.js";
import { maskPicture } from "../viewer/picture.js";
import { toCoco, toCsv, toJson } from "./formats.js";
import { overlayOf } from "./overlay.js";

const TABLES = {
  json: ["targets.json", "application/json", toJson],
  csv: ["targets.csv", "text/csv", toCsv],
  coco: ["coco.json", "application/json", toCoco],
};
const PICTURES = { mask: blackAndWhite, overlay: overlayOf };

export function startDownloads() {
  for (const kind of Object.keys(TABLES)) at(`save-${kind}`).addEventListener("click", () => saveTable(kind));
  for (const kind of Object.keys(PICTURES)) at(`save-${kind}`).addEventListener("click", () => savePicture(kind));
  at("save-frame").addEventListener("click", saveFrame);
  store.on(["frame", "sources"], offer);
}

function offer({ frame, sources }) {
  for (const button of document.querySelectorAll("#export button")) button.disabled = !frame;
  at("all-frames-line").hidden = sources.length < 2 && (sources[0]?.count ?? 1) < 2;
}

async function saveTable(kind) {
  const [suffix, type, write] = TABLES[kind];
  const results = at("all-frames").checked ? await resultsOfAll() : [resultOfShown()];
  const stem = results.length > 1 ? "" : `${stemOf(results[0].frame.name)}-`;
  save(new Blob([write(results)], { type }), `${stem}${suffix}`);
}

const resultOfShown = () => resultOf(store.state.frame, store.state.targets);

// The sentence stands in the file, because the service does not know which sensitivity the page has chosen.
function resultOf(frame, targets) {
  return { frame, targets, uncertain: rateWarning(cardOfAnswer(store.state, frame.answer), store.state.sensitivity) };
}

// Every frame that was answered, with the thresholds that are chosen.
async function resultsOfAll() {
  const results = [];
  const { threshold, minConfidence } = store.state;
  for (const source of store.state.sources)
    for (let index = 0; index < source.count; index++) {
      if (!source.entryOf(index) || source.entryOf(index).error) continue;
      const { answer, entry } = await source.answerOf(index);
      const frame = await frameOf(answer, entry, source, index);
      const { targets } = targetsOf(frame, cardOfAnswer(store.state, answer), threshold, minConfidence);
      results.push(resultOf(frame, targets));
    }
  return results;
}

function savePicture(kind) {
  const { frame } = store.state;
  PICTURES[kind](store.state).toBlob((blob) => save(blob, `${stemOf(frame.name)}-${kind}.png`), "image/png");
}

function blackAndWhite({ frame, targets }) {
  const canvas = make("canvas", { width: frame.width, height: frame.height });
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, frame.width, frame.height);
  pen.drawImage(maskPicture(frame, targets, [255, 255, 255]), 0, 0);
  return canvas;
}

// The file as it was sent: a video frame or a pasted picture is on no disk yet.
async function saveFrame() {
  const { source, index } = store.state.frame;
  const file = await source.fileOf(index);
  save(file, file.name);
}

const stemOf = (name) => name.replace(/\.[^.]*$/, "");

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
