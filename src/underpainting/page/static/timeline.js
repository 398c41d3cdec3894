/** The timeline: one small picture a step, filled as steps arrive, scrubbed by mouse, touch and keys; and Play. */

import { h, say, set, still } from "./dom.js";
import { shownStep, stepCount } from "./film.js";
import { draw } from "./pane.js";

const MOST = 30; // thumbnails; more steps share one
const PACE = 260; // milliseconds a step

/**
 * @param {Object} store
 * @param {{film: function(Object): ?Object, look: function(Object, Object, number): Object, aspect: number, label: string}} told
 *   film: whose steps are shown; look: how a step looks
 */
export function createTimeline(store, { film: filmOf, look, aspect, label }) {
  const strip = h("div.frames", { "aria-hidden": "true" });
  const slider = h("input", {
    type: "range",
    min: 1,
    step: 1,
    "aria-label": label,
    oninput: () => choose(Number(slider.value)),
  });
  const play = h("button.play", { type: "button", onclick: () => (timer ? stop() : start()) }, "Play");
  const output = h("output.at");
  const element = h("div.timeline", {}, play, h("div.track", {}, strip, slider), output);
  let timer = null,
    thumbs = [],
    pressed = false;

  const choose = (step) => {
    stop();
    store.set({ step, touched: true });
  };
  const total = () => stepCount(filmOf(store.get())) ?? store.get().about.steps;

  function start() {
    const film = filmOf(store.get());
    if (!film?.steps.length) return;
    if (shownStep(film, store.get().step) >= film.steps.length) store.set({ step: 1 });
    store.set({ touched: true });
    timer = setInterval(
      () => {
        const now = filmOf(store.get()),
          next = shownStep(now, store.get().step) + 1;
        if (next > total()) return stop();
        if (next <= now.steps.length) store.set({ step: next });
      },
      still() ? PACE * 3 : PACE,
    );
    render(store.get());
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    say(play, "Play");
  }

  strip.addEventListener("pointerdown", (event) => {
    pressed = true;
    strip.setPointerCapture(event.pointerId);
    scrub(event);
  });
  strip.addEventListener("pointermove", (event) => {
    if (pressed) scrub(event);
  });
  ["pointerup", "pointercancel"].forEach((kind) =>
    strip.addEventListener(kind, () => {
      pressed = false;
    }),
  );

  function scrub(event) {
    const box = strip.getBoundingClientRect(),
      made = filmOf(store.get())?.steps.length ?? 0;
    const share = (event.clientX - box.left) / box.width;
    if (made) choose(Math.max(1, Math.min(made, Math.ceil(share * total()))));
  }

  function build(steps) {
    const count = Math.min(steps, MOST);
    thumbs = Array.from({ length: count }, (_, k) => ({
      canvas: h("canvas", { width: 1, height: 1 }),
      step: Math.ceil(((k + 1) * steps) / count),
    }));
    strip.replaceChildren(...thumbs.map(({ canvas }) => h("span", {}, canvas)));
    strip.style.setProperty("--frames", count);
    strip.style.setProperty("--aspect", aspect);
    set(slider, "max", steps);
  }

  /** Show a state. */
  function render(state) {
    const film = filmOf(state),
      steps = total(),
      step = shownStep(film, state.step);
    if (Number(slider.max) !== steps || !thumbs.length) build(steps);
    thumbs.forEach(({ canvas, step: own }, k) => {
      draw(canvas, film && own <= film.steps.length ? look(state, film, own) : null);
      const first = k ? thumbs[k - 1].step : 0;
      set(canvas.parentElement, "data-now", step > first && step <= own);
    });
    if (Number(slider.value) !== Math.max(step, 1)) slider.value = Math.max(step, 1);
    set(slider, "aria-valuetext", step ? `step ${step} of ${steps}` : "before the first step");
    set(slider, "disabled", !step);
    set(play, "disabled", !step);
    say(play, timer ? "Pause" : "Play");
    say(output, step ? `step ${step} of ${steps}` : `${steps} steps`);
  }

  return { element, render, stop };
}
