// A frame that can be shown: the entry of an answer, with its pictures unpacked.
import { readGrayPng } from "./gray_png.js";

// Attributes: `entry`, as answered; `width`, `height`; `intensities`, a byte a pixel, bright where counts are high;
// `probabilities` {values, width, height}; `counts` if the page can read them exactly, else null; `answer`, which has
// the model and the times; `name`, and `place`: "2 of 8", or "".
export async function frameOf(answer, entry, source, index) {
  const [preview, probabilities] = await Promise.all([entry.preview, entry.mask].map(({ data }) => readGrayPng(data)));
  const { width, height } = entry;
  const intensities = source.polarity === "black_hot" ? preview.values.map((value) => 255 - value) : preview.values;
  return {
    answer,
    entry,
    source,
    index,
    width,
    height,
    intensities,
    probabilities,
    name: source.nameOf(index),
    place: source.count > 1 ? `${index + 1} of ${source.count}` : "",
    counts: await source.countsOf(index, entry),
  };
}
