// Ways in: a file field, drop anywhere, paste, and the scenes that come with the page.
import { at, make } from "../app/dom.js";
import { addFiles } from "./sources.js";

const SAMPLES = [
  ["cluster.png", "Eight targets close together", "14 bits, sky"],
  ["clouds.png", "Faint targets in front of clouds", "14 bits"],
  ["passes.tiff", "A sequence of six frames", "TIFF, sea"],
];

export function startIntake() {
  at("files").addEventListener("change", takeChosen);
  at("open").addEventListener("click", () => at("files").click());
  document.addEventListener("paste", takePasted);
  addEventListener("dragover", offerDrop);
  addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? endDrop());
  addEventListener("drop", takeDropped);
  for (const list of document.querySelectorAll(".samples")) list.replaceChildren(...SAMPLES.map(itemOf));
}

function takeChosen({ target }) {
  addFiles([...target.files]);
  target.value = ""; // so that the same file can be chosen again
}

function takePasted({ clipboardData }) {
  const files = [...clipboardData.files].map((file, i) =>
    file.name === "image.png" ? new File([file], `pasted-${i + 1}.png`, { type: file.type }) : file,
  );
  if (files.length) addFiles(files);
}

function offerDrop(event) {
  event.preventDefault();
  document.body.classList.add("dropping");
}

function endDrop() {
  document.body.classList.remove("dropping");
}

function takeDropped(event) {
  event.preventDefault();
  endDrop();
  addFiles([...event.dataTransfer.files]);
}

function itemOf([name, title, kind]) {
  const button = make(
    "button",
    { type: "button" },
    make("span", { textContent: title }),
    make("small", { textContent: kind }),
  );
  button.addEventListener("click", () => takeSample(name, button));
  return make("li", {}, button);
}

async function takeSample(name, button) {
  button.closest("details")?.removeAttribute("open");
  const address = `page/samples/${name}`;
  const answer = await fetch(address);
  addFiles([new File([await answer.blob()], name)], address);
}
