// The request as a line for a shell, and as Python.
import { at } from "../app/dom.js";
import { store } from "../app/state.js";
import { addressOf } from "../service/api.js";
import { queryOfTargets } from "../service/request.js";

const KEY = "RRCANET_API_KEY"; // the variable that the Python client reads; so no key is copied

export function startSnippets() {
  at("copy-curl").addEventListener("click", () => copy(curlOf(store.state), "curl"));
  at("copy-python").addEventListener("click", () => copy(pythonOf(store.state), "Python"));
}

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf(state) {
  const { source } = state.frame;
  const query = new URLSearchParams({ ...queryOfTargets(state, source), mask: "none" });
  const key = state.key ? ` -H "Authorization: Bearer $${KEY}"` : "";
  const send = `curl -sS -H ${quote(`Content-Type: ${source.mediaType}`)}${key}`;
  const address = quote(`${addressOf("v1/detect")}?${query}`);
  if (source.address) return `curl -sS ${quote(addressOf(source.address))} | ${send} --data-binary @- ${address}`;
  return `${send} --data-binary ${quote(`@${source.nameOf(state.frame.index)}`)} ${address}`;
}

export function pythonOf(state) {
  const { source, index } = state.frame;
  const frame = source.address
    ? `urlopen(${JSON.stringify(addressOf(source.address))}).read()`
    : JSON.stringify(source.nameOf(index));
  const server = JSON.stringify(addressOf(".").replace(/\/$/, ""));
  const options = Object.entries(queryOfTargets(state, source)).map(([name, value]) => `, ${name}=${literal(value)}`);
  return [
    ...(source.address ? ["from urllib.request import urlopen", ""] : []),
    "from rrcanet import Client",
    "",
    `with Client(${server}) as client:${state.key ? `  # the key: ${KEY}` : ""}`,
    `    for found in client.detect(${frame}${options.join("")}):`,
    "        print(found.to_dict())",
    "",
  ].join("\n");
}

const literal = (value) => (value !== "" && Number.isFinite(Number(value)) ? String(value) : JSON.stringify(value));

async function copy(text, what) {
  await navigator.clipboard.writeText(text).then(
    () => say(`Copied as ${what}.`),
    () => offer(text),
  );
}

// Browsers let pages write to the clipboard over HTTPS and on localhost only.
function offer(text) {
  say("Copy this:");
  at("copied-text").value = text;
  at("copied-text").hidden = false;
  at("copied-text").select();
}

function say(text) {
  at("copied").textContent = text;
  at("copied-text").hidden = true;
}
