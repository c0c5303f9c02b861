// Dark or light: as the system has it, until the switch is used. The choice is kept for the next visit.
import { at } from "./dom.js";

const CHOICE = "theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);

export function startTheme() {
  const kept = localStorage.getItem(CHOICE);
  if (kept) root.dataset.theme = kept;
  at("theme").addEventListener("click", toggleTheme);
  dark.addEventListener("change", showChoice);
  showChoice();
}

export function toggleTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem(CHOICE, root.dataset.theme);
  showChoice();
}

function showChoice() {
  at("theme").setAttribute("aria-pressed", isDark());
}
