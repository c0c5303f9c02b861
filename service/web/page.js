// Handles what a user does on the page: choose a file, change an option, look at another frame of the file.
import { pagesOf } from "./pages.js";
import { pictureOf } from "./picture.js";

const at = (id) => document.getElementById(id);
const ask = at("ask");

let turn = new AbortController(); // the latest request; it aborts the one before
let shown = null; // the answer that is shown, its file and the pages of that file

ask.addEventListener("submit", (event) => event.preventDefault());
ask.addEventListener("change", detect);
at("key").addEventListener("change", detect);
at("page").addEventListener("change", () => show(nextTurn()));

function nextTurn() {
  turn.abort();
  turn = new AbortController();
  return turn.signal;
}

async function detect() {
  const signal = nextTurn(), file = at("frame").files[0];
  offerCounts();
  if (!file) return;
  at("error").textContent = "";
  at("status").textContent = "detecting…";
  at("pages").hidden = at("figure").hidden = at("targets").hidden = true;
  try {
    const [answer, buffer] = await Promise.all([post(file, signal), file.arrayBuffer()]);
    if (signal.aborted) return;
    const before = shown?.file === file ? at("page").value : null;
    shown = { answer, file, pages: pagesOf(buffer, answer.frames.length) };
    offerPages(answer.frames, before);
    await show(signal);
  } catch (error) {
    if (signal.aborted) return;
    at("status").textContent = "";
    at("error").textContent = error.message;
  }
}

async function post(file, signal) {
  const key = at("key").value.trim(), form = new FormData();
  form.append("image", file);
  const headers = key ? { Authorization: `Bearer ${key}` } : {}; // the key stays in its field and is not stored
  const response = await fetch(`${ask.action}?${query()}`, { method: "POST", headers, body: form, signal });
  const answer = await response.json();
  if (response.status === 401) at("locked").hidden = false;
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

// The query parameters of the request. Values are not checked here: the service says what is wrong with them.
function query() {
  const range = at("range").value, parameters = new URLSearchParams({ range });
  if (range === "counts") parameters.set("range", `${at("low").value}:${at("high").value}`);
  for (const { name, value } of ask.querySelectorAll("[name]"))
    if (value.trim()) parameters.set(name, value.trim());
  return parameters;
}

// Show the two fields for counts if they are needed; at first they hold the range of the last answer.
function offerCounts() {
  const needed = at("range").value === "counts";
  if (needed && at("counts").hidden) [at("low").value, at("high").value] = chosen()?.input.range ?? [0, 65535];
  at("counts").hidden = !needed;
}

function offerPages(frames, before) {
  const options = frames.map((frame) => {
    const option = new Option(`${frame.index + 1}: ${frame.error ? "not read" : `${frame.targets.length} targets`}`, frame.index);
    option.disabled = Boolean(frame.error);
    return option;
  });
  at("page").replaceChildren(...options);
  const readable = options.filter((option) => !option.disabled); // at least one is, since the service answers 422 if none is
  (readable.find((option) => option.value === before) ?? readable[0]).selected = true;
  at("pages").hidden = frames.length === 1;
}

function chosen() {
  return shown?.answer.frames[Number(at("page").value)];
}

async function show(signal) {
  const { answer, file, pages } = shown, frame = chosen();
  at("error").textContent = answer.frames.filter((one) => one.error)
    .map((one) => `frame ${one.index + 1}: ${one.error.detail}`).join("; ");
  at("status").textContent = summary(answer, frame);
  at("targets").tBodies[0].replaceChildren(...frame.targets.map(rowOf));
  at("targets").hidden = false;
  const { image, how } = await pictureOf(frame, pages[frame.index], answer.frames.length === 1 ? file : null);
  if (signal.aborted) return;
  draw(image, frame);
  at("caption").textContent = `${file.name}: ${how}`;
  at("view").setAttribute("aria-label", `${file.name}, ${frame.targets.length} targets marked`);
}

function summary(answer, frame) {
  const place = answer.frames.length > 1 ? `frame ${frame.index + 1} of ${answer.frames.length}: ` : "";
  const most = frame.truncated ? "the most confident " : "";
  return `${place}${most}${frame.targets.length} targets in ${frame.width}x${frame.height} pixels, ` +
    `${answer.timing_ms.total.toFixed(1)} ms, model ${answer.model.name} ${answer.model.version}`;
}

function rowOf({ id, confidence, centroid, area }) {
  const row = document.createElement("tr");
  for (const cell of [id, confidence.toFixed(2), centroid.x.toFixed(1), centroid.y.toFixed(1), area])
    row.insertCell().textContent = cell;
  return row;
}

function draw(image, frame) {
  const view = at("view");
  view.width = frame.width;
  view.height = frame.height;
  view.getContext("2d").drawImage(image, 0, 0);
  at("boxes").replaceChildren(...frame.targets.map((target) => boxOf(target, frame)));
  at("figure").hidden = false;
}

// Boxes are elements above the canvas, so that lines and letters keep their size even for a small frame.
function boxOf({ bbox, confidence }, { width, height }) {
  const box = document.createElement("div"), label = document.createElement("span");
  box.className = `box ${bbox.y < height / 8 ? "high" : ""} ${bbox.x > width * 7 / 8 ? "right" : ""}`;
  const sides = { left: bbox.x / width, top: bbox.y / height, width: bbox.width / width, height: bbox.height / height };
  for (const [side, share] of Object.entries(sides)) box.style[side] = `${100 * share}%`;
  label.textContent = confidence.toFixed(2);
  box.append(label);
  return box;
}
