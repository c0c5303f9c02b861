// What went wrong, in plain words. `detail` of the service is written for people already.
import { Refusal } from "./api.js";

const ADVICE = {
  queue_full: "The service is busy.",
  too_slow: "The service is busy.",
  not_ready: "The service is still loading its models.",
  draining: "The service is stopping.",
  out_of_memory: "The service has too little memory for this file.",
  deadline_exceeded: "The service needed too long.",
  unknown_model: "The service has other models now. Load this page again.",
  unauthorized: "This service needs an API key.",
};
const PASSING = new Set(["queue_full", "too_slow", "not_ready", "draining", "out_of_memory", "deadline_exceeded"]);

// `name` is the file's; `canRetry` says whether the same request may succeed later.
export function faultOf(error, name) {
  if (!(error instanceof Refusal)) return { text: `The service cannot be reached: ${error.message}.`, canRetry: true };
  const { reason, message, retryAfter } = error;
  if (ADVICE[reason]) return { text: advice(reason, retryAfter), canRetry: PASSING.has(reason) };
  return { text: name ? `${name}: ${message}` : message, canRetry: false };
}

function advice(reason, seconds) {
  return PASSING.has(reason) && seconds ? `${ADVICE[reason]} Try again in ${seconds} s.` : ADVICE[reason];
}
