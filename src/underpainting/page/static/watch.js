/** Watch: the picture as it comes out of noise, with what the probes read beside the finished picture. */

import { dice } from "./colours.js";
import { createChooser } from "./chooser.js";
import { createPlot } from "./curves.js";
import { h, say, segments, set, still } from "./dom.js";
import { score, shownStep, stepCount } from "./film.js";
import { finishedLook, mapLook, maskRings, pathIn, pictureLook, readLook, readRings } from "./looks.js";
import { createPane } from "./pane.js";
import { createTimeline } from "./timeline.js";
import { layerOf, maskOf, ofProperty, scoreWords, swatch, tone } from "./words.js";

const TONES = ["line-1", "line-2", "line-3"];

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createWatch(store, makes) {
  const { about } = store.get();
  const choose = (step) => store.set({ step, touched: true });
  const now = createPane(about.size), done = createPane(about.size);
  const look = segments("what is shown of a step", [["clean", "clean prediction"], ["noisy", "as it is"]], (value) => store.set({ look: value }));
  const nowCaption = h("h2"), doneCaption = h("h2", {}, "Finished picture");
  const maps = about.properties.map((of) => ({ name: of.name, read: createPane(about.size), label: createPane(about.size), seen: createPane(about.size), score: h("span.value"), seenScore: h("span.value"), head: h("button.tab", { type: "button", onclick: () => store.set({ property: of.name }) }, `${of.name[0].toUpperCase()}${of.name.slice(1)}`) }));
  const readHead = h("p.of"), seenHead = h("p.of", {}, "Estimator, on the picture of this step");
  const ask = h("input", { type: "checkbox", onchange: () => store.set({ estimating: ask.checked }) });
  const board = h("div.maps", { role: "group", "aria-label": "maps" },
    ...maps.map(({ head, name }) => h(`div.head.tone-${tone(name)}`, {}, head)),
    readHead, ...maps.map(({ read, score: value }) => h("div", {}, read.element, value)),
    h("p.of", {}, "Estimator, on the finished picture"), ...maps.map(({ label }) => label.element),
    seenHead, ...maps.map(({ seen, seenScore }) => h("div.seen", {}, seen.element, seenScore)));
  board.style.setProperty("--maps", maps.length);
  const sentence = h("p.telling");
  const timeline = createTimeline(store, { film: (state) => state.film, look: pictureLook, aspect: about.size[1] / about.size[0], label: "step that is shown" });
  const chooser = createChooser(store);
  const scores = createPlot("scores", choose), classes = createPlot("classes", choose);
  const element = h("div.watch", {},
    h("div.stage", {},
      h("figure.shot", {}, h("figcaption", {}, nowCaption), now.element, look.element),
      h("figure.shot", {}, h("figcaption", {}, doneCaption), done.element, h("p.key", {}, swatch("read", "what the probe reads"), swatch("label", "the estimator’s mask"))),
      timeline.element,
      h("div.side", {}, board, h("label.switch", {}, ask, "estimator on every step"))),
    sentence,
    h("div.below", {}, chooser.element,
      h("section.plots", {},
        h("figure", {}, h("figcaption", {}, h("h2", {}, "Agreement with the finished picture"), h("p", {}, "Each step’s reading beside the estimator’s labels; dashed, what the chosen layer’s grid allows on average.")), scores.element),
        about.classes ? h("figure", {}, h("figcaption", {}, h("h2", {}, "What the classifier sees"), h("p", {}, "Probability of the first classes, on the picture of each step.")), classes.element) : null)));

  function render(state) {
    const { film } = state, step = shownStep(film, state.step), steps = stepCount(film) ?? about.steps, mask = maskOf(about);
    const read = pathIn(state, readRings(state, film, step)), label = mask && film?.finished ? pathIn(state, maskRings(film.finished.labels[mask.name])) : "";
    say(nowCaption, step ? `Step ${step} of ${steps}` : "Before the first step");
    look.show(state.look);
    now.show({ look: pictureLook(state, film, step), label: `${state.look === "clean" ? "clean prediction" : "picture as it is"} at step ${step}, with the outline of what the probe reads`, empty: film?.error ? "" : "noise", outlines: [{ path: read, kind: "read" }], share: film && !film.finished ? film.steps.length / steps : null });
    done.show({ look: finishedLook(film), label: `finished picture, with the outline of what the probe read at step ${step}`, empty: film?.error ? "no picture" : `after step ${steps}`, outlines: [{ path: label, kind: "label" }, { path: film?.finished ? read : "", kind: "read" }] });
    say(readHead, step ? `Probe, at step ${step}` : "Probe");
    maps.forEach((of) => renderMap(state, film, step, of));
    renderEstimates(state, film, step);
    timeline.render(state);
    chooser.render(state);
    say(sentence, finding(state, film, step, steps));
    renderPlots(state, film, step, steps);
  }

  function renderMap(state, film, step, { name, read, label, score: value, head }) {
    const property = ofProperty(about, name), layer = layerOf(state, name), own = score(film, name, layer, step);
    set(head, "aria-pressed", String(state.property === name));
    read.show({ look: readLook(state, film, step, name), label: `${name}, as the probe of ${layer} reads it at step ${step}` });
    label.show({ look: mapLook(state, film?.finished?.labels[name], name), label: `${name}, as the estimator sees it in the finished picture` });
    say(value, film?.finished ? scoreWords(property, own) : layer);
    set(value, "title", `layer ${layer}`);
  }

  function renderEstimates(state, film, step) {
    ask.checked = state.estimating;
    set(board, "data-seen", state.estimating);
    if (!state.estimating || !film?.finished) return;
    makes.estimate();
    const own = state.estimates?.estimates[state.look][step - 1];
    maps.forEach(({ name, seen, seenScore }) => {
      const label = film.finished.labels[name], map = own?.[name], property = ofProperty(about, name);
      seen.show({ look: mapLook(state, map, name, label), label: `${name}, as the estimator sees it in the picture of step ${step}`, empty: "comes" });
      say(seenScore, map && property.binary ? scoreWords(property, dice(map, label)) : "");
    });
  }

  function renderPlots(state, film, step, steps) {
    const chosen = maps.map(({ name }) => {
      const layer = layerOf(state, name);
      return { name, values: film?.finished?.scores[name]?.[layer] ?? [], tone: tone(name) };
    });
    const ceiling = about.ceilings[state.property]?.[layerOf(state, state.property)];
    const at = (values) => { const value = values[step - 1] ?? null; return value === null ? "undefined" : value.toFixed(2); };
    scores.show({ count: steps, step, series: [...chosen, ...(ceiling === undefined ? [] : [{ name: "", constant: ceiling, tone: tone(state.property), dashed: true }])], words: film?.finished ? `at step ${step}: ${chosen.map(({ name, values }) => `${name} ${at(values)}`).join(", ")}` : "no scores before the picture is finished" });
    if (!about.classes) return;
    const seen = film?.classes[state.look] ?? [], last = film?.finished?.classes ?? [];
    const series = last.map(([name], k) => ({ name, values: Array.from(seen, (own) => (own ? own.find(([of]) => of === name)?.[1] ?? 0 : null)), tone: TONES[k] }));
    const first = seen[step - 1]?.[0];
    classes.show({ count: steps, step, series, words: first ? `at step ${step} the classifier sees: ${first[0]}, probability ${first[1].toFixed(2)}` : "no classes before the steps are decoded" });
  }

  function finding(state, film, step, steps) {
    const mask = maskOf(about), property = mask ?? ofProperty(about, state.property);
    if (!film?.finished) return film?.error ? "" : "What the probes read is drawn over the picture while it is made.";
    const layer = layerOf(state, property.name), own = score(film, property.name, layer, step);
    if (mask && !film.finished.object) return "The estimator sees no object in the finished picture; try another seed.";
    const ceiling = about.ceilings[property.name]?.[layer];
    const seen = film.classes[state.look][step - 1]?.[0];
    return `At step ${step} of ${steps}, the probe of ${layer} agrees with the finished picture’s mask by ${scoreWords(property, own)}${ceiling === undefined ? "" : ` (its grid allows ${ceiling.toFixed(2)} on average)`}${seen ? `; the classifier sees ${seen[0]} (${Math.round(seen[1] * 100)} %)` : ""}.`;
  }

  return { element, render, leave: timeline.stop };
}

/**
 * After the last step of a picture that nobody touched: back to an early step, where it was known already.
 * @param {Object} store
 */
export function createRewind(store) {
  let timer = null;
  store.subscribe((state, before) => {
    if (state.touched || !state.film?.finished) return clearInterval(timer);
    if (before.film?.key === state.film.key && before.film?.finished) return;
    if (state.step !== null || state.tab !== "watch") return;
    const key = state.film.key, count = state.film.steps.length, aim = Math.max(1, Math.ceil(count / 5));
    let step = still() ? aim : count, wait = 9;
    clearInterval(timer);
    timer = setInterval(() => {
      const now = store.get();
      if (now.touched || now.film?.key !== key || now.tab !== "watch") return clearInterval(timer);
      if (wait > 0) { wait -= 1; return; }
      store.set({ step });
      if (step <= aim) clearInterval(timer);
      step -= 1;
    }, Math.min(110, 1600 / count));
  });
}
