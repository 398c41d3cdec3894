/** What follows the last step of a picture that nobody touched: back to an early one, where it was known already. */

import { still } from "./dom.js";

/** @param {Object} store */
export function createRewind(store) {
  let timer = null;
  store.subscribe((state, before) => {
    if (state.touched || !state.film?.finished) return clearInterval(timer);
    if (before.film?.key === state.film.key && before.film?.finished) return;
    if (state.step !== null || state.tab !== "watch") return;
    const key = state.film.key,
      count = state.film.steps.length,
      aim = Math.max(1, Math.ceil(count / 5));
    let step = still() ? aim : count,
      wait = 9;
    clearInterval(timer);
    timer = setInterval(
      () => {
        const now = store.get();
        if (now.touched || now.film?.key !== key || now.tab !== "watch") return clearInterval(timer);
        if (wait > 0) {
          wait -= 1;
          return;
        }
        store.set({ step });
        if (step <= aim) clearInterval(timer);
        step -= 1;
      },
      Math.min(110, 1600 / count),
    );
  });
}
