/** Watch: the picture as it comes out of noise, with what the probes read beside the finished picture. */

import { createChooser } from "./chooser.js";
import { h, say, segments } from "./dom.js";
import { score, shownStep, stepCount } from "./film.js";
import { finishedLook, maskRings, pathIn, pictureLook, readRings } from "./looks.js";
import { createMaps } from "./maps.js";
import { createPane } from "./pane.js";
import { createPlots } from "./plots.js";
import { createTimeline } from "./timeline.js";
import { layerOf, maskOf, ofProperty, scoreWords, swatch } from "./words.js";

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createWatch(store, makes) {
  const { about } = store.get();
  const now = createPane(about.size),
    done = createPane(about.size);
  const look = segments(
    "what is shown of a step",
    [
      ["clean", "clean prediction"],
      ["noisy", "as it is"],
    ],
    (value) => store.set({ look: value }),
  );
  const nowCaption = h("h2"),
    doneCaption = h("h2", {}, "Finished picture");
  const maps = createMaps(store, makes);
  const sentence = h("p.telling");
  const timeline = createTimeline(store, {
    film: (state) => state.film,
    look: pictureLook,
    aspect: about.size[1] / about.size[0],
    label: "step that is shown",
  });
  const chooser = createChooser(store);
  const plots = createPlots(store);
  const element = h(
    "div.watch",
    {},
    h(
      "div.stage",
      {},
      h("figure.shot", {}, h("figcaption", {}, nowCaption), now.element, look.element),
      h(
        "figure.shot",
        {},
        h("figcaption", {}, doneCaption),
        done.element,
        h("p.key", {}, swatch("read", "what the probe reads"), swatch("label", "the estimator’s mask")),
      ),
      timeline.element,
      maps.element,
    ),
    sentence,
    h("div.below", {}, chooser.element, plots.element),
  );

  function render(state) {
    const { film } = state,
      step = shownStep(film, state.step),
      steps = stepCount(film) ?? about.steps,
      mask = maskOf(about);
    const read = pathIn(state, readRings(state, film, step)),
      label = mask && film?.finished ? pathIn(state, maskRings(film.finished.labels[mask.name])) : "";
    say(nowCaption, step ? `Step ${step} of ${steps}` : "Before the first step");
    look.show(state.look);
    now.show({
      look: pictureLook(state, film, step),
      label: `${state.look === "clean" ? "clean prediction" : "picture as it is"} at step ${step}, with the outline of what the probe reads`,
      empty: film?.error ? "" : "noise",
      outlines: [{ path: read, kind: "read" }],
      share: film && !film.finished ? film.steps.length / steps : null,
    });
    done.show({
      look: finishedLook(film),
      label: `finished picture, with the outline of what the probe read at step ${step}`,
      empty: film?.error ? "no picture" : `after step ${steps}`,
      outlines: [
        { path: label, kind: "label" },
        { path: film?.finished ? read : "", kind: "read" },
      ],
    });
    maps.render(state, film, step);
    timeline.render(state);
    chooser.render(state);
    say(sentence, finding(state, film, step, steps));
    plots.render(state, film, step, steps);
  }

  function finding(state, film, step, steps) {
    const mask = maskOf(about),
      property = mask ?? ofProperty(about, state.property);
    if (!film?.finished) return film?.error ? "" : "What the probes read is drawn over the picture while it is made.";
    if (mask && !film.finished.object) return "The estimator sees no object in the finished picture; try another seed.";
    const layer = layerOf(state, property.name);
    const agrees = scoreWords(property, score(film, property.name, layer, step));
    const ceiling = about.ceilings[property.name]?.[layer];
    const allowed = ceiling === undefined ? "" : ` (its grid allows ${ceiling.toFixed(2)} on average)`;
    const first = film.classes[state.look][step - 1]?.[0];
    const seen = first ? `; the classifier sees ${first[0]} (${Math.round(first[1] * 100)} %)` : "";
    const what = mask ? "mask" : property.name;
    return `At step ${step} of ${steps}, the probe of ${layer} agrees with the finished picture’s ${what} by ${agrees}${allowed}${seen}.`;
  }

  return { element, render, leave: timeline.stop };
}
