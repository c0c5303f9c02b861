// The table of targets: sorted by any column, and linked with the picture.
import { at, make } from "../app/dom.js";
import { store } from "../app/state.js";

const short = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(5));

const COLUMNS = [
  { name: "#", title: "rank by confidence", of: ({ id }) => id, text: String },
  { name: "conf.", title: "confidence", of: ({ confidence }) => confidence, text: (value) => value.toFixed(2) },
  {
    name: "x",
    title: "centre, pixels to the right",
    of: ({ centroid }) => centroid.x,
    text: (value) => value.toFixed(1),
  },
  { name: "y", title: "centre, pixels down", of: ({ centroid }) => centroid.y, text: (value) => value.toFixed(1) },
  { name: "area", title: "pixels", of: ({ area }) => area, text: String },
  { name: "peak", title: "highest count", of: ({ signal }) => signal?.peak, text: short },
  { name: "SCR", title: "signal-to-clutter ratio", of: ({ signal }) => signal?.scr, text: (value) => value.toFixed(1) },
  {
    name: "°C",
    title: "temperature of the peak",
    of: ({ signal }) => signal?.temperature_c,
    text: (value) => value.toFixed(1),
  },
];

let sorted = { column: COLUMNS[0], falls: false };

export function startTable() {
  const table = at("targets");
  table.tHead.replaceChildren(make("tr", {}, ...COLUMNS.map(headOf)));
  table.addEventListener("click", ({ target }) => select(target.closest("tr[data-id]")));
  table.addEventListener("mouseover", ({ target }) => hover(target.closest("tr[data-id]")));
  table.addEventListener("mouseleave", () => hover(null));
  table.addEventListener("keydown", walk);
  store.on(["targets"], fill);
  store.on(["selected", "hovered"], mark);
}

function headOf(column) {
  const button = make("button", { type: "button", textContent: column.name, title: column.title });
  button.addEventListener("click", () => sortBy(column));
  return make("th", { scope: "col" }, button);
}

function sortBy(column) {
  sorted = { column, falls: column === sorted.column ? !sorted.falls : column !== COLUMNS[0] };
  fill(store.state);
}

function fill({ frame, targets, total, selected }) {
  const { column, falls } = sorted;
  const side = falls ? -1 : 1;
  const rows = [...targets].sort(
    (a, b) => side * ((column.of(a) ?? -Infinity) - (column.of(b) ?? -Infinity)) || a.id - b.id,
  );
  at("targets").tBodies[0].replaceChildren(...rows.map(rowOf));
  at("targets").hidden = !targets.length;
  at("none").hidden = !frame || targets.length > 0;
  at("number").textContent = frame ? numberOf(targets.length, total) : "";
  showOrder(falls);
  showColumns(targets);
  store.update({ order: rows.map(({ id }) => id) });
  mark({ ...store.state, selected });
}

const numberOf = (shown, total) => (shown < total ? `${shown} of ${total}` : String(total));

function showOrder(falls) {
  [...at("targets").tHead.rows[0].cells].forEach((cell, i) => {
    if (COLUMNS[i] === sorted.column) cell.setAttribute("aria-sort", falls ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}

// Columns that no target has a value for are left out.
function showColumns(targets) {
  for (const row of at("targets").rows)
    COLUMNS.forEach((column, i) => (row.cells[i].hidden = !targets.some((target) => hasValue(column, target))));
}

const hasValue = ({ of }, target) => (of(target) ?? null) !== null;

function rowOf(target) {
  const row = make("tr");
  row.dataset.id = target.id;
  for (const column of COLUMNS)
    row.insertCell().textContent = hasValue(column, target) ? column.text(column.of(target)) : "–";
  const button = make("button", { type: "button", textContent: target.id, ariaLabel: `target ${target.id}` });
  row.cells[0].replaceChildren(button);
  return row;
}

const idOf = (row) => (row ? Number(row.dataset.id) : null);

function select(row) {
  if (row) store.update({ selected: idOf(row), pointer: null });
}

function hover(row) {
  store.update({ hovered: idOf(row) });
}

// One row is reached with Tab; the arrow keys go to the others.
function mark({ selected, hovered, order }) {
  const reached = selected ?? order[0];
  for (const row of at("targets").tBodies[0].rows) {
    const id = idOf(row);
    const button = row.cells[0].firstChild;
    row.classList.toggle("selected", id === selected);
    row.classList.toggle("hovered", id === hovered);
    button.tabIndex = id === reached ? 0 : -1;
    button.setAttribute("aria-pressed", id === selected);
    if (id === selected) bringIntoSight(row);
  }
}

// Scroll the table alone: on a phone the picture must stay where it is.
function bringIntoSight(row) {
  const box = row.closest(".scrolls");
  const head = at("targets").tHead.offsetHeight;
  const top = row.offsetTop - head;
  const bottom = row.offsetTop + row.offsetHeight - box.clientHeight;
  if (box.scrollTop > top) box.scrollTop = top;
  else if (box.scrollTop < bottom) box.scrollTop = bottom;
}

function walk(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest("tr[data-id]");
  const next = by && row && (by > 0 ? row.nextElementSibling : row.previousElementSibling);
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  select(next);
  next.cells[0].firstChild.focus();
}
