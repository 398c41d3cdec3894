/** Relief: the depth that the probe reads, as a surface under the picture, turned by pointer or keys; the report's. */

import { h, say, segments, whenever } from "./dom.js";
import { reading, shownStep, stepCount } from "./film.js";
import { gridOf, pictureLook } from "./looks.js";
import { draw } from "./pane.js";
import { createTimeline } from "./timeline.js";
import { layerOf } from "./words.js";

/** @param {Object} store */
export function createSurface(store) {
  const { about } = store.get(),
    continuous = about.properties.filter((of) => !of.binary);
  const canvas = h("canvas", {
    tabindex: 0,
    role: "img",
    "aria-label": "The depth that the probe reads, as a surface. Arrow keys turn it.",
  });
  const stage = h("div", { id: "relief" }, canvas),
    words = h("p.telling");
  const heights = segments(
    "height",
    continuous.map((of) => [of.name, of.name]),
    (relief) => store.set({ relief }),
  );
  const timeline = createTimeline(store, {
    film: (state) => state.film,
    look: pictureLook,
    aspect: about.size[1] / about.size[0],
    label: "step that is shown",
  });
  const element = h(
    "div.relief",
    {},
    h("h2", {}, "What the probe reads as height"),
    h("div.tools", {}, heights.element),
    stage,
    h("div.under", {}, timeline.element),
    words,
  );
  const small = document.createElement("canvas");
  let loaded = null;

  /** The report's own script, once the stage that it looks for is on the page. */
  function ready() {
    loaded ??= new Promise((done) => document.head.append(h("script", { src: "/shared/relief.js", onload: done })));
    return loaded;
  }

  const show = whenever(async ([, step, name, layer]) => {
    const { film } = store.get(),
      map = reading(film, step, name, layer);
    if (!map) return;
    const look = pictureLook(store.get(), film, step);
    if (!look.address) draw(small, look);
    const clean = look.address ?? small.toDataURL();
    await ready();
    const surface = { relief: { grid: gridOf(about, layer), steps: [map.data] }, clean: [clean] };
    document.dispatchEvent(
      new CustomEvent("gallery", {
        detail: { picture: `${film.key} ${step} ${name} ${layer} ${Boolean(look.address)}`, frame: 0, surface },
      }),
    );
  });

  /** Show a state. */
  function render(state) {
    const { film } = state,
      step = shownStep(film, state.step),
      name = state.relief ?? continuous[0]?.name;
    if (!name) return say(words, "This study has no property with heights.");
    const layer = layerOf(state, name),
      frame = film?.frames[state.look][step - 1] !== undefined;
    heights.show(name);
    show([film?.key, step, name, layer, frame, state.look]);
    timeline.render(state);
    const near = name === "depth" ? ": near is high" : "";
    const told = `At step ${step} of ${stepCount(film)}, the probe of ${layer} reads this ${name}${near}.`;
    say(words, step ? `${told} Drag the surface to turn it.` : "");
  }

  return { element, render, leave: timeline.stop };
}
