// The state of the page: one object whose fields never change in place. Each listener names the fields that it shows.
export function createStore(state) {
  const listeners = [];
  return {
    get state() {
      return state;
    },
    update(changes) {
      const changed = Object.keys(changes).filter((name) => changes[name] !== state[name]);
      if (!changed.length) return;
      state = { ...state, ...changes };
      for (const { names, act } of listeners) if (names.some((name) => changed.includes(name))) act(state);
    },
    on(names, act) {
      listeners.push({ names, act });
      act(state);
    },
  };
}
