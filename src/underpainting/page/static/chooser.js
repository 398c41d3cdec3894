/** The chooser of the layer that is read: the probes' scores, a row a layer and a column a step, as a grid. */

import { h, say, segments, set, whenever } from "./dom.js";
import { shade } from "./colours.js";
import { shownStep } from "./film.js";
import { layerOf, ofProperty, scoreWords } from "./words.js";

/** @param {Object} store */
export function createChooser(store) {
  const { about } = store.get();
  const tabs = segments(
    "property",
    about.properties.map((of) => [of.name, capital(of.name)]),
    (property) => store.set({ property }),
  );
  const whose = segments(
    "whose scores",
    [
      ["study", "study’s mean"],
      ["picture", "this picture"],
    ],
    (scores) => store.set({ scores }),
  );
  const best = h("button.quiet", { type: "button", onclick: () => store.set({ layer: null }) }, "best layer");
  const grid = h("div.heat", {
    role: "grid",
    "aria-label": "Score of each layer’s probe at each step",
    onkeydown: keyed,
    onclick: clicked,
  });
  const words = h("p.say");
  const element = h(
    "section.chooser",
    {},
    h("h2", {}, "Which layer is read"),
    h("div.tools", {}, tabs.element, whose.element, best),
    h("div.heat-box", {}, grid),
    words,
  );
  const cells = new Map();

  const rows = about.layers.map((layer) => {
    const own = Array.from({ length: about.steps }, (_, k) => {
      const cell = h("div.cell", { role: "gridcell", tabindex: -1, "data-layer": layer.name, "data-step": k + 1 });
      cells.set(`${layer.name}/${k + 1}`, cell);
      return cell;
    });
    return h("div.row", { role: "row" }, h("div.layer", { role: "rowheader", title: layer.name }, layer.name), ...own);
  });
  const head = Array.from({ length: about.steps }, (_, k) =>
    h(
      "div.step",
      { role: "columnheader", "aria-label": `step ${k + 1}` },
      shows(k + 1, about.steps) ? String(k + 1) : "",
    ),
  );
  grid.append(
    h(
      "div.row.head",
      { role: "row" },
      h("div.layer", { role: "columnheader" }, h("span.hidden", {}, "layer")),
      ...head,
    ),
    ...rows,
  );
  grid.style.setProperty("--columns", about.steps);

  function clicked(event) {
    const cell = event.target.closest(".cell");
    if (cell) choose(cell.dataset.layer, Number(cell.dataset.step));
  }

  function choose(layer, step) {
    const { film } = store.get(),
      count = film?.begun?.steps ?? about.steps;
    store.set({ layer, step: Math.max(1, Math.round((step * count) / about.steps)), touched: true });
    cells.get(`${layer}/${step}`).focus({ preventScroll: true });
  }

  function keyed(event) {
    const by = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      Home: [0, -999],
      End: [0, 999],
    }[event.key];
    const cell = event.target.closest(".cell");
    if (!by || !cell) return;
    event.preventDefault();
    event.stopPropagation();
    const names = about.layers.map((of) => of.name),
      row = names.indexOf(cell.dataset.layer);
    const within = (value, most) => Math.max(0, Math.min(most, value));
    choose(
      names[within(row + by[0], names.length - 1)],
      within(Number(cell.dataset.step) - 1 + by[1], about.steps - 1) + 1,
    );
  }

  const colour = whenever(([name]) => {
    const { film, ramps } = store.get(),
      scores = source()[name];
    const all = Object.values(scores)
      .flat()
      .filter((value) => value !== null);
    const low = Math.min(...all),
      high = Math.max(...all);
    cells.forEach((cell, key) => {
      const [layer, step] = key.split("/"),
        value = scores[layer]?.[step - 1] ?? null;
      const { paper, ink } =
        value === null ? { paper: "", ink: "" } : shade(ramps.get(name), (value - low) / Math.max(high - low, 1e-6));
      cell.style.background = paper;
      cell.style.color = ink;
      const words_ = `layer ${layer}, step ${step}: ${value === null ? "undefined" : value.toFixed(2)}`;
      set(cell, "aria-label", words_);
      set(cell, "title", words_);
    });
  });

  const isPictures = () => {
    const { film, scores } = store.get();
    return scores === "picture" && Boolean(film?.finished) && film.steps.length === about.steps;
  };
  const source = () => (isPictures() ? store.get().film.finished.scores : about.scores);

  /** Show a state. */
  function render(state) {
    const { property, film } = state,
      layer = layerOf(state, property),
      count = film?.begun?.steps ?? about.steps;
    const shown = shownStep(film, state.step),
      step = film?.steps[shown - 1]?.probe_step ?? Math.max(1, Math.round((shown * about.steps) / count));
    tabs.show(property);
    whose.show(isPictures() ? "picture" : "study");
    set(whose.element.lastChild, "disabled", !film?.finished || film.steps.length !== about.steps);
    set(best, "disabled", state.layer === null);
    colour([property, isPictures(), isPictures() ? film.key : ""]);
    cells.forEach((cell, key) => {
      const now = key === `${layer}/${step}`;
      set(cell, "aria-selected", String(now));
      cell.tabIndex = now ? 0 : -1;
    });
    rows.forEach((row, k) => set(row, "data-now", about.layers[k].name === layer));
    const value = source()[property][layer]?.[step - 1] ?? null,
      ceiling = about.ceilings[property]?.[layer];
    const score = scoreWords(ofProperty(about, property), value);
    const whole = isPictures() ? "in this picture" : "on the study’s test pictures";
    const allowed = ceiling === undefined ? "" : `; its grid allows ${ceiling.toFixed(2)} on average`;
    say(words, `${layer} at step ${step}: ${score} ${whole}${allowed}.`);
  }

  return { element, render };
}

const capital = (name) => name[0].toUpperCase() + name.slice(1);
const shows = (step, steps) =>
  step === 1 || step === steps || (step % Math.ceil(steps / 5) === 0 && steps - step > steps / 12);
