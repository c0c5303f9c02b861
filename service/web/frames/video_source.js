// A video that the browser decodes: each frame is sent as a PNG, when it is shown.
import { store } from "../app/state.js";
import { detect } from "../service/api.js";
import { openVideo } from "./video.js";

export class VideoSource {
  constructor(file, video) {
    Object.assign(this, { file, video, name: file.name, raw: null, address: null, mediaType: "image/png" });
    this.forget();
  }

  static async open(file) {
    return new VideoSource(file, await openVideo(file));
  }

  get count() {
    return this.video.count;
  }

  nameOf(index) {
    return `${this.stemOf(index)}.png`;
  }

  stemOf(index) {
    return `${this.name.replace(/\.[^.]*$/, "")}-${String(index).padStart(6, "0")}`;
  }

  forget() {
    Object.assign(this, { answers: new Map(), fault: null });
  }

  async answerOf(index, signal) {
    const { polarity } = store.state;
    if (!this.answers.has(index)) {
      const answer = await detect(await this.fileOf(index), this, signal);
      this.polarity = polarity;
      this.answers.set(index, answer);
    }
    const answer = this.answers.get(index);
    return { answer, entry: answer.frames[0] };
  }

  entryOf(index) {
    return this.answers.get(index)?.frames[0] ?? null;
  }

  countsOf() {
    return null;
  }

  async fileOf(index) {
    return new File([await this.video.grab(index)], this.nameOf(index), { type: "image/png" });
  }
}
