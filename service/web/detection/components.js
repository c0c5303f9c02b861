// Groups of touching pixels: 8-connected components, as the service makes targets.

// The components of the pixels with a greater value than `floor`, each a list of pixels (y * width + x), in the order
// in which their first pixels are read.
export function componentsOf(values, width, height, floor) {
  const seen = new Uint8Array(values.length);
  const found = [];
  for (let start = 0; start < values.length; start++)
    if (values[start] > floor && !seen[start]) found.push(grow(start, values, width, height, floor, seen));
  return found;
}

function grow(start, values, width, height, floor, seen) {
  const pixels = [start];
  seen[start] = 1;
  for (let next = 0; next < pixels.length; next++) {
    const x = pixels[next] % width;
    const y = (pixels[next] - x) / width;
    for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++)
      for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
        const pixel = row * width + column;
        if (seen[pixel] || values[pixel] <= floor) continue;
        seen[pixel] = 1;
        pixels.push(pixel);
      }
  }
  return pixels;
}
