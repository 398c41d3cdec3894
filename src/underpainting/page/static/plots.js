/** The plots of Watch: agreement of each step's reading with the finished picture, and what the classifier sees. */

import { createPlot } from "./curves.js";
import { h } from "./dom.js";
import { layerOf, tone } from "./words.js";

const TONES = ["line-1", "line-2", "line-3"];

/** @param {Object} store */
export function createPlots(store) {
  const { about } = store.get();
  const choose = (step) => store.set({ step, touched: true });
  const scores = createPlot("scores", choose);
  const classes = createPlot("classes", choose);
  const element = h(
    "section.plots",
    {},
    h(
      "figure",
      {},
      h(
        "figcaption",
        {},
        h("h2", {}, "Agreement with the finished picture"),
        h(
          "p",
          {},
          "Each step’s reading beside the estimator’s labels; dashed, what the chosen layer’s grid allows on average.",
        ),
      ),
      scores.element,
    ),
    about.classes
      ? h(
          "figure",
          {},
          h(
            "figcaption",
            {},
            h("h2", {}, "What the classifier sees"),
            h("p", {}, "Probability of the first classes, on the picture of each step."),
          ),
          classes.element,
        )
      : null,
  );

  /** Show a step of a film. */
  function render(state, film, step, steps) {
    const chosen = about.properties.map(({ name }) => {
      const layer = layerOf(state, name);
      return { name, values: film?.finished?.scores[name]?.[layer] ?? [], tone: tone(name) };
    });
    const ceiling = about.ceilings[state.property]?.[layerOf(state, state.property)];
    const at = (values) => {
      const value = values[step - 1] ?? null;
      return value === null ? "undefined" : value.toFixed(2);
    };
    scores.show({
      count: steps,
      step,
      series: [
        ...chosen,
        ...(ceiling === undefined ? [] : [{ name: "", constant: ceiling, tone: tone(state.property), dashed: true }]),
      ],
      words: film?.finished
        ? `at step ${step}: ${chosen.map(({ name, values }) => `${name} ${at(values)}`).join(", ")}`
        : "no scores before the picture is finished",
    });
    if (about.classes) renderClasses(film?.classes[state.look] ?? [], film?.finished?.classes ?? [], step, steps);
  }

  function renderClasses(seen, last, step, steps) {
    const series = last.map(([name], k) => ({
      name,
      values: Array.from(seen, (own) => (own ? (own.find(([of]) => of === name)?.[1] ?? 0) : null)),
      tone: TONES[k],
    }));
    const first = seen[step - 1]?.[0];
    classes.show({
      count: steps,
      step,
      series,
      words: first
        ? `at step ${step} the classifier sees: ${first[0]}, probability ${first[1].toFixed(2)}`
        : "no classes before the steps are decoded",
    });
  }

  return { element, render };
}
