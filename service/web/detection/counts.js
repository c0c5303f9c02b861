// The counts of pixels: exact where they are known, else mapped back from the 8 bits of the preview.

// Counts between two intensities that follow each other.
export function stepOf({ entry }) {
  const [low, high] = entry.input.range;
  return (high - low) / 255;
}

// True if every count within the range can be mapped back without error.
export function isExact(frame) {
  const { dtype, range } = frame.entry.input;
  const isInteger = /^u?int/.test(dtype) && range.every(Number.isInteger); // the luminance of colours is not
  return Boolean(frame.counts) || (isInteger && stepOf(frame) <= 1);
}

// The count of a pixel as text: `5231`, `≈ 5231`, or `≥ 9080` where the range clips it.
export function countText(frame, { x, y }) {
  const pixel = y * frame.width + x;
  if (frame.counts) return format(frame.counts[pixel], 1);
  const intensity = frame.intensities[pixel];
  const step = stepOf(frame);
  const count = frame.entry.input.range[0] + intensity * step;
  const rounding = isExact(frame) ? 0 : step / 2;
  if (intensity === 0) return `≤ ${format(count + rounding, step)}`;
  if (intensity === 255) return `≥ ${format(count - rounding, step)}`;
  return isExact(frame) ? format(Math.round(count), 1) : `≈ ${format(count, step)}`;
}

// As many digits as `step` makes sense of.
export function format(count, step) {
  if (Number.isInteger(count) || !step) return String(count);
  return count.toFixed(Math.max(0, Math.ceil(-Math.log10(step)) + 1));
}

// How well the counts are known.
export function exactness(frame) {
  if (isExact(frame)) return "exact counts";
  const half = stepOf(frame) / 2;
  return `±${format(half, half)}, from 8 bits`;
}
