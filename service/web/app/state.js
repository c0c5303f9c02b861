// The one store of the page, and what its fields mean.
import { createStore } from "./store.js";

export const store = createStore({
  models: [], // cards, as GET /v1/models lists them
  model: "", // NAME@VERSION that requests name
  polarity: "white_hot",
  range: "auto",

  sources: [], // files and videos, in the order in which they came
  source: null, // the source that is chosen
  index: 0, // which of its frames
  frame: null, // the frame that is shown (detection/frame.js); it stays while another one loads, or fails

  threshold: 0.5, // pixels of greater probability belong to targets
  minConfidence: 0,
  sensitivity: "", // the name of an operating point, or "" if the two above are set by hand
  targets: [], // of the frame that is shown, the most confident first
  total: 0, // how many there are; `targets` holds the first thousand
  order: [], // their ids, as the table is sorted
  selected: null, // id of a target
  hovered: null,

  palette: "white-hot",
  low: 0, // intensities that are shown as the darkest and the brightest colour
  high: 255,
  maskOpacity: 0, // so that nothing covers a target at first
  showsMarkers: true,
  pointer: null, // the pixel under the cursor: {x, y}

  key: "", // the API key; it is never stored
  needsKey: false,
  busy: false,
  fault: null, // what went wrong, in plain words
});
