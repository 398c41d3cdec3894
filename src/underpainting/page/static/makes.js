/** What the page asks the server to make: a picture, edits of it, what the estimator sees in its steps. */

import { follow } from "./api.js";
import { isPending, newFilm, told } from "./film.js";
import { isMoved, pictureKey, UNMOVED } from "./state.js";

const EDITS = 24; // films of edits that are kept for undo

/** What makes an edit the same one. */
export const editKey = ({ prompt, seed, move, scale, rotate, mirror, kind, strength }) =>
  JSON.stringify([prompt, seed, move, scale, rotate, mirror, kind, strength]);

/** What makes the picture of a wall's seed the same one. */
export const paintedKey = ({ prompt }, seed) => pictureKey({ prompt, seed, steps: null, guidance: null });

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

  /** Another picture: its target is where its object is. On the wall, its prompt's seeds. */
  function paintOther(patch) {
    const { prompt } = store.get();
    store.set({ ...patch, ...UNMOVED, step: null, touched: false, wanted: null, edits: new Map() });
    store.set({ history: { list: [editOf(store.get())], at: 0 } });
    if (store.get().prompt !== prompt) {
      running.best?.stop();
      store.set({ painted: new Map() });
    }
    if (store.get().tab === "seeds") seeds(true);
    else paint();
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

  /** Ask what is read of the prompt's next seeds, until the wall has as many as it is to have. */
  function seeds(again = false) {
    const { prompt, after, count, wall, about } = store.get(),
      key = JSON.stringify([prompt, after]),
      there = wall?.key === key ? wall : null,
      first = there?.seeds.length ?? 0;
    if (!prompt || first >= count || (there && (isPending(there) || (there.error && !again)))) return;
    const kept = { seeds: there?.seeds ?? [], begun: there?.begun ?? null };
    begin(
      "seeds",
      "/api/seeds",
      { prompt, first, count: Math.min(about.limits.seeds, count - first), step: after },
      key,
      () => store.get().wall,
      (film) => store.set({ wall: film.seeds.length ? film : { ...film, ...kept, begun: film.begun ?? kept.begun } }),
    );
  }

  /** Finish some seeds of the wall as pictures, one after another. */
  function finish([seed, ...rest]) {
    running.best?.stop();
    const painted = new Map([...store.get().painted].filter(([, film]) => film.finished));
    store.set({ painted });
    if (seed === undefined) return;
    const { prompt } = store.get(),
      key = paintedKey({ prompt }, seed);
    if (painted.has(key)) return finish(rest);
    begin(
      "best",
      "/api/pictures",
      { prompt, seed },
      key,
      () => store.get().painted.get(key),
      (film) => {
        store.set({ painted: new Map(store.get().painted).set(key, film) });
        if (film.finished) finish(rest);
      },
    );
  }

  return { paint, paintOther, seeds, finish, edit, commit, travel, estimate };
}
