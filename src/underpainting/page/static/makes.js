/** What the page asks the server to make: a picture, edits of it, what the estimator sees in its steps. */

import { follow } from "./api.js";
import { newFilm, told } from "./film.js";
import { isMoved, pictureKey, UNMOVED } from "./state.js";

const EDITS = 24; // films of edits that are kept for undo

/** What makes an edit the same one. */
export const editKey = ({ prompt, seed, move, scale, rotate, mirror, kind, strength }) =>
  JSON.stringify([prompt, seed, move, scale, rotate, mirror, kind, strength]);

/** An edit of a state: its target and how it is made. */
export const editOf = ({ move, scale, rotate, mirror, kind, strength }) => ({
  move,
  scale,
  rotate,
  mirror,
  kind,
  strength,
});

/**
 * @param {Object} store
 * @returns {Object} what may be asked for
 */
export function createMakes(store) {
  const running = {};

  function begin(slot, path, body, key, get, put) {
    running[slot]?.stop();
    put(newFilm(key, body));
    running[slot] = follow(path, body, (kind, data) => {
      if (get()?.key === key) put(told(get(), kind, data));
    });
  }

  const pictureBody = ({ prompt, seed, steps, guidance }) => ({
    prompt,
    seed,
    ...(steps === null ? {} : { steps }),
    ...(guidance === null ? {} : { guidance_scale: guidance }),
  });

  /** Make the picture of the state, unless it is there or on its way. */
  function paint() {
    const state = store.get(),
      key = pictureKey(state);
    if (!state.prompt || (state.film?.key === key && !state.film.error)) return;
    running.edit?.stop();
    running.estimates?.stop();
    store.set({ estimates: null });
    begin(
      "picture",
      "/api/pictures",
      pictureBody(state),
      key,
      () => store.get().film,
      (film) => store.set({ film }),
    );
  }

  /** Make the edit of the state's target, unless it is there or on its way; without a target there is none. */
  function edit() {
    const state = store.get(),
      key = editKey(state),
      there = state.edits.get(key);
    store.set({ wanted: isMoved(state) ? key : null });
    if (!isMoved(state) || (there && !there.error && (there.finished || state.wanted === key))) return;
    const { prompt, seed, move, scale, rotate, mirror, kind, strength } = state;
    const how = { ...(kind === null ? {} : { kind }), ...(strength === null ? {} : { strength }) };
    const put = (film) => {
      const edits = new Map(store.get().edits);
      edits.set(key, film);
      if (edits.size > EDITS) edits.delete(edits.keys().next().value);
      store.set({ edits });
    };
    begin(
      "edit",
      "/api/edits",
      { prompt, seed, move, scale, rotate, mirror, edit: how },
      key,
      () => store.get().edits.get(key),
      put,
    );
  }

  /** Take a target as done: it becomes part of what can be undone, and is made. */
  function commit(patch = {}) {
    store.set({ ...patch, step: null });
    const { history } = store.get(),
      now = editOf(store.get());
    if (JSON.stringify(history.list[history.at]) !== JSON.stringify(now)) {
      const list = [...history.list.slice(0, history.at + 1), now];
      store.set({ history: { list, at: list.length - 1 } });
    }
    edit();
  }

  /** Go back or forth by some edits. */
  function travel(by) {
    const { history } = store.get(),
      at = history.at + by;
    if (at < 0 || at >= history.list.length) return;
    store.set({ ...history.list[at], history: { ...history, at }, step: null });
    edit();
  }

  /** Another picture: its target is where its object is. */
  function paintOther(patch) {
    store.set({ ...patch, ...UNMOVED, step: null, touched: false, wanted: null, edits: new Map() });
    store.set({ history: { list: [editOf(store.get())], at: 0 } });
    paint();
  }

  /** Ask what the estimator sees in the steps that are looked at. */
  function estimate() {
    const state = store.get(),
      key = JSON.stringify([pictureKey(state), state.look]);
    if (state.estimates?.key === key && !state.estimates.error) return;
    const body = { ...pictureBody(state), look: state.look };
    begin(
      "estimates",
      "/api/estimates",
      body,
      key,
      () => store.get().estimates,
      (estimates) => store.set({ estimates }),
    );
  }

  return { paint, paintOther, edit, commit, travel, estimate };
}
