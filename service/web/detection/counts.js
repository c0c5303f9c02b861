// The counts of pixels: exact where they are known, else mapped back from the 8 bits of the preview.

// Counts between two intensities that follow each other.
export function stepOf({ entry }) {
  const [low, high] = entry.input.range;
  return (high - low) / 255;
}

// True if every count within the range can be mapped back without error.
export function isExact(frame) {
  return Boolean(frame.counts) || (/^u?int/.test(frame.entry.input.dtype) && stepOf(frame) <= 1);
}

// The count of a pixel as text: `5231`, `≈ 5231`, or `≥ 9080` where the range clips it.
export function countText(frame, { x, y }) {
  const pixel = y * frame.width + x;
  if (frame.counts) return format(frame.counts[pixel], 1);
  const intensity = frame.intensities[pixel], [low, high] = frame.entry.input.range;
  if (intensity === 0) return `≤ ${format(low, 1)}`;
  if (intensity === 255) return `≥ ${format(high, 1)}`;
  const step = stepOf(frame), count = low + intensity * step;
  return isExact(frame) ? format(Math.round(count), 1) : `≈ ${format(count, step)}`;
}

// As many digits as `step` makes sense of.
export function format(count, step) {
  if (Number.isInteger(count)) return String(count);
  return count.toFixed(Math.max(0, Math.ceil(-Math.log10(step)) + 1));
}

// How well the counts are known, for a person.
export function exactness(frame) {
  if (isExact(frame)) return "exact counts";
  const half = stepOf(frame) / 2;
  return `±${format(half, half)}: counts are mapped back from 8 bits`;
}
