// A file: one request answers all its frames.
import { detect } from "../service/api.js";
import { store } from "../app/state.js";
import { mediaTypeOf } from "./kinds.js";
import { countsOfRows } from "./raw.js";

// Raw rows whose size nobody has entered yet.
class UnknownSize extends Error {
  constructor(name) {
    super();
    this.fault = { text: `${name} has no header that is known. Enter the width, height and type of its rows.` };
  }
}

export class FileSource {
  // `raw` says how rows without a header are read: {width, height, dtype, skip}; null for all other files. `address` is
  // where the service itself has the file.
  constructor(file, { raw = null, address = null } = {}) {
    Object.assign(this, { file, raw, address, name: file.name, mediaType: mediaTypeOf(file.name, raw) });
    this.forget();
  }

  // How many frames the file has, as far as is known.
  get count() {
    return this.answer?.frames.length ?? 1;
  }

  nameOf() {
    return this.name;
  }

  // Names a frame among all frames, for COCO.
  stemOf(index) {
    const stem = this.name.replace(/\.[^.]*$/, "");
    return this.count > 1 ? `${stem}_${index}` : stem;
  }

  // Forget the answer, because the next one will differ.
  forget() {
    Object.assign(this, { answer: null, fault: null, pending: null });
  }

  // The answer that has frame `index`, and its entry. A second call waits for the request of the first one; after a
  // failure it asks again.
  async answerOf(index, signal) {
    const asked = (this.pending ??= this.#ask(signal));
    const answer = await asked.catch((error) => this.#askNextTime(asked, error));
    return { answer, entry: answer.frames[Math.min(index, answer.frames.length - 1)] };
  }

  // The entry of a frame that was answered already.
  entryOf(index) {
    return this.answer?.frames[index] ?? null;
  }

  #askNextTime(asked, error) {
    if (this.pending === asked) this.pending = null;
    throw error;
  }

  async #ask(signal) {
    if (this.raw && !(this.raw.width && this.raw.height)) throw new UnknownSize(this.name);
    const { polarity } = store.state;
    const answer = await detect(this.file, this, signal);
    Object.assign(this, { answer, polarity, fault: null });
    return answer;
  }

  countsOf(index, { width, height }) {
    return this.raw ? countsOfRows(this.file, this.raw, index, width * height) : null;
  }

  // The file with the pixels of a frame.
  async fileOf() {
    return this.file;
  }
}
