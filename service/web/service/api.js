// Requests to the service. Addresses are relative to the page, so a proxy may serve it below any path.
import { store } from "../app/state.js";
import { queryOfPage } from "./request.js";

const DETECT = "v1/detect";
const MODELS = "v1/models";

export const addressOf = (path) => new URL(path, document.baseURI).href;

// What the service answered if it was no success; `reason` and `detail` are those of the problem.
export class Refusal extends Error {
  constructor(status, { detail, reason }, retryAfter) {
    super(detail);
    Object.assign(this, { status, reason, retryAfter });
  }
}

export async function fetchModels() {
  return (await ask(MODELS)).models;
}

// The answer for all frames of a body; `source` says how raw rows are read.
export function detect(body, source, signal) {
  const headers = { "Content-Type": source.mediaType };
  return ask(`${DETECT}?${queryOfPage(store.state, source)}`, { method: "POST", body, headers, signal });
}

async function ask(path, { headers = {}, ...options } = {}) {
  const { key } = store.state;
  const answer = await fetch(path, {
    ...options,
    headers: key ? { ...headers, Authorization: `Bearer ${key}` } : headers,
  });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
  throw new Refusal(answer.status, problem, answer.headers.get("Retry-After"));
}
