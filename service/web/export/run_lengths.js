// COCO's compressed run lengths: down the columns, beginning with a run of pixels outside.

// `pixels` are y * width + x.
export function runLengths(pixels, width, height) {
  const runs = runsOf(pixels, width, height);
  return runs.map((run, i) => groups(i > 2 ? run - runs[i - 2] : run)).join("");
}

function runsOf(pixels, width, height) {
  const places = pixels.map((pixel) => (pixel % width) * height + Math.floor(pixel / width)).sort((a, b) => a - b);
  const runs = [];
  let end = 0; // of the last run
  places.forEach((place, i) => {
    if (i && place === places[i - 1] + 1) runs[runs.length - 1]++;
    else runs.push(place - end, 1);
    end = place + 1;
  });
  return end < width * height ? [...runs, width * height - end] : runs;
}

// Groups of five bits, lowest first, each as a character; the sixth bit says that more follow.
function groups(value) {
  let text = "";
  for (;;) {
    const group = value & 31;
    value >>= 5;
    const isDone = value === (group & 16 ? -1 : 0);
    text += String.fromCharCode(48 + (isDone ? group : group | 32));
    if (isDone) return text;
  }
}
