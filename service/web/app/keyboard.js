// Keys of the whole page. Fields for text keep theirs.
import { stepTarget } from "../detection/selection.js";
import { step } from "../frames/sources.js";
import { nextPalette, stretch, toggleMarkers, toggleMask } from "../panels/display.js";
import { movePointer } from "../viewer/cursor.js";
import { fit, pan, stepZoom, view, zoomTo } from "../viewer/view.js";
import { zoomToTargets } from "../viewer/viewer.js";
import { at, make } from "./dom.js";
import { store } from "./state.js";
import { toggleTheme } from "./theme.js";

const SHARE = 0.15; // of the viewer, that an arrow key moves the picture by

// Keys, what they do in words, and what they do.
const KEYS = [
  [["n"], "next target", () => stepTarget(1)],
  [["p"], "previous target", () => stepTarget(-1)],
  [["."], "next frame or file", () => step(1)],
  [[","], "previous frame or file", () => step(-1)],
  [["+", "="], "zoom in", () => stepZoom(1)],
  [["-"], "zoom out", () => stepZoom(-1)],
  [["0"], "fit the frame", fit],
  [["1"], "one screen pixel for a pixel", () => zoomTo(1)],
  [["z"], "zoom to the selected target, or to all", zoomToTargets],
  [["m"], "mask on or off", toggleMask],
  [["h"], "hide or show the markers", toggleMarkers],
  [["c"], "stretch the contrast, or back", stretch],
  [["i"], "next palette", nextPalette],
  [["o"], "open files", () => at("files").click()],
  [["t"], "dark or light", toggleTheme],
  [["Escape"], "close the menu, or select nothing", leave],
  [["?"], "these keys", () => at("help").showModal()],
];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function startKeyboard() {
  document.addEventListener("keydown", press);
  document.addEventListener("click", ({ target }) => target.closest(".menu") ?? closeMenu());
  at("viewer").addEventListener("keydown", move);
  at("help-button").addEventListener("click", () => at("help").showModal());
  at("help-close").addEventListener("click", () => at("help").close());
  const rows = KEYS.map(([keys, words]) => [keys.join(" "), words]);
  const more = [
    ["arrows", "in the picture: move it"],
    ["Shift arrows", "in the picture: point at a pixel"],
  ];
  at("keys").replaceChildren(...[...rows, ...more].map(rowOf));
}

function rowOf([keys, words]) {
  const row = make("tr", {}, make("th", { scope: "row" }, make("kbd", { textContent: keys })));
  row.insertCell().textContent = words;
  return row;
}

function closeMenu() {
  const menu = document.querySelector(".menu[open]");
  menu?.removeAttribute("open");
  return Boolean(menu);
}

function leave() {
  if (!closeMenu()) store.update({ selected: null, pointer: null });
}

function press(event) {
  const isTyping = event.target.matches("input:not([type=range], [type=checkbox], [type=file]), select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const [, , act] = KEYS.find(([keys]) => keys.includes(event.key)) ?? [];
  if (!act) return;
  event.preventDefault();
  act();
}

function move(event) {
  const [dx, dy] = ARROWS[event.key] ?? [];
  if (dx === undefined || event.target !== at("viewer")) return;
  event.preventDefault();
  if (event.shiftKey) movePointer(dx, dy);
  else pan(-dx * view.width * SHARE, -dy * view.height * SHARE);
}
