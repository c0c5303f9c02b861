// The models that the service has.
import { store } from "../app/state.js";
import { nameOf } from "../detection/card.js";
import { chooseSensitivity } from "../detection/selection.js";
import { fetchModels } from "./api.js";
import { faultOf } from "./faults.js";

let loading = null; // so that the page and its first frame ask once

// Load the cards, unless they are known. Returns whether they are.
export async function loadModels() {
  if (!store.state.models.length) await (loading ??= load().finally(() => (loading = null)));
  return store.state.models.length > 0;
}

async function load() {
  try {
    const models = await fetchModels();
    store.update({ models, model: nameOf(models[0]) });
    chooseSensitivity("");
  } catch (error) {
    store.update({ fault: faultOf(error), needsKey: error.status === 401 });
  }
}
