// Palettes: 256 colours from the coldest to the hottest.
const STOPS = {
  "white-hot": ["#000000", "#ffffff"],
  "black-hot": ["#ffffff", "#000000"],
  iron: ["#00000a", "#1f0068", "#7a009c", "#c71f6b", "#ee5f1b", "#ffa500", "#ffdf52", "#fffff2"],
  rainbow: ["#00004d", "#0057d9", "#00b3a6", "#4fc21f", "#f2d900", "#f25c05", "#b30000"],
};

export const PALETTES = Object.keys(STOPS);

// The colour of each intensity, as one number a pixel of an ImageData; `low` and `high` get the first and last colour.
export function tableOf(palette, low, high) {
  const colours = STOPS[palette].map(parse);
  const gain = 1 / Math.max(high - low, 1);
  return Uint32Array.from({ length: 256 }, (_, value) => mix(colours, Math.min(Math.max((value - low) * gain, 0), 1)));
}

const parse = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function mix(colours, share) {
  const place = share * (colours.length - 1);
  const below = Math.min(Math.floor(place), colours.length - 2);
  const [red, green, blue] = colours[below].map(
    (value, i) => value + (colours[below + 1][i] - value) * (place - below),
  );
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0; // little endian
}
