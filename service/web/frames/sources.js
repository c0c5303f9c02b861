// The files and videos of the page: how they come in, which one is shown, and when the others are asked for.
import { store } from "../app/state.js";
import { frameOf } from "../detection/frame.js";
import { faultOf } from "../service/faults.js";
import { loadModels } from "../service/models.js";
import { FileSource } from "./file_source.js";
import { isRaw, isVideo } from "./kinds.js";
import { guessRaw } from "./raw.js";
import { VideoSource } from "./video_source.js";

const MOST_TRIES = 5; // of a file that is not shown

let turn = new AbortController(); // of the frame that is being shown; a newer one aborts it
let round = new AbortController(); // of all requests with the same options

export async function addFiles(files, address = null) {
  const added = (await Promise.all(files.map((file) => sourceOf(file, address)))).filter(Boolean);
  if (!added.length) return;
  store.update({ sources: [...store.state.sources, ...added] });
  await show(added[0], 0);
  askForOthers();
}

async function sourceOf(file, address) {
  try {
    if (isVideo(file)) return await VideoSource.open(file);
    const raw = (await isRaw(file)) ? (guessRaw(file) ?? { width: "", height: "", dtype: "u16le" }) : null;
    return new FileSource(file, { raw, address });
  } catch (error) {
    store.update({ fault: { text: `${file.name}: ${error.message}.`, canRetry: false } });
    return null;
  }
}

// Show a frame. What is shown now stays until the new frame is there, and if it fails.
export async function show(source, index) {
  turn.abort();
  turn = new AbortController();
  const { signal } = turn;
  store.update({ source, index, busy: true, fault: null });
  if (!(await loadModels())) return store.update({ busy: false });
  try {
    const { answer, entry } = await source.answerOf(index, round.signal);
    if (signal.aborted) return;
    if (entry.error) throw faultOfEntry(source, entry);
    const frame = await frameOf(answer, entry, source, index);
    if (!signal.aborted) store.update({ frame, selected: null, hovered: null, pointer: null, needsKey: false });
  } catch (error) {
    if (!signal.aborted && error.name !== "AbortError") fail(source, error);
  }
  if (!signal.aborted) store.update({ busy: false, sources: [...store.state.sources] });
}

function faultOfEntry({ name, count }, { index, error }) {
  const place = count > 1 ? `frame ${index + 1} of ` : "";
  return { fault: { text: `${place}${name}: ${error.detail}`, canRetry: false } };
}

function fail(source, error) {
  source.fault = error.fault ?? faultOf(error, source.name);
  store.update({ fault: source.fault, needsKey: store.state.needsKey || error.status === 401 });
}

// Ask again for what is chosen, with the options of now; older answers no longer hold.
export function askAgain() {
  round.abort();
  round = new AbortController();
  const { sources, source, index } = store.state;
  for (const one of sources) one.forget();
  if (source) show(source, index).then(askForOthers);
}

export function retry() {
  const { source, index } = store.state;
  if (source) show(source, index);
}

// Ask for files that were not shown yet, one after the other, so that the list shows how many targets each has.
async function askForOthers() {
  const { signal } = round;
  const waits = (source) => source instanceof FileSource && !source.answer && !source.fault;
  for (let next; !signal.aborted && (next = store.state.sources.find(waits));) {
    const pause = await askFor(next, signal);
    if (signal.aborted) return;
    store.update({ sources: [...store.state.sources] });
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// Returns milliseconds to wait before the next request: a busy service is asked again some times.
async function askFor(source, signal) {
  try {
    await source.answerOf(0, signal);
  } catch (error) {
    const fault = error.fault ?? faultOf(error, source.name);
    source.tries = (source.tries ?? 0) + 1;
    if (fault.canRetry && source.tries < MOST_TRIES) return 1000 * (error.retryAfter ?? 1);
    source.fault = fault;
  }
  return 0;
}

// One frame on or back, over the ends of files too.
export function step(by) {
  const { sources, source, index } = store.state;
  const place = sources.indexOf(source);
  if (!source) return;
  if (index + by >= 0 && index + by < source.count) return void show(source, index + by);
  const other = sources[place + by];
  if (other) show(other, by > 0 ? 0 : other.count - 1);
}

// Read the rows of a file by another size.
export function readAs(source, raw) {
  source.forget();
  source.raw = raw;
  show(source, 0);
}
