/** The maps of all properties: what the probe reads at a step, over what the estimator sees. */

import { dice } from "./colours.js";
import { h, say, set } from "./dom.js";
import { score } from "./film.js";
import { mapLook, readLook } from "./looks.js";
import { createPane } from "./pane.js";
import { layerOf, ofProperty, scoreWords, tone } from "./words.js";

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createMaps(store, makes) {
  const { about } = store.get();
  const maps = about.properties.map((of) => ({
    name: of.name,
    read: createPane(about.size),
    label: createPane(about.size),
    seen: createPane(about.size),
    score: h("span.value"),
    seenScore: h("span.value"),
    head: h(
      "button.tab",
      { type: "button", onclick: () => store.set({ property: of.name }) },
      `${of.name[0].toUpperCase()}${of.name.slice(1)}`,
    ),
  }));
  const readHead = h("p.of"),
    seenHead = h("p.of", {}, "Estimator, on the picture of this step");
  const ask = h("input", { type: "checkbox", onchange: () => store.set({ estimating: ask.checked }) });
  const board = h(
    "div.maps",
    { role: "group", "aria-label": "maps" },
    ...maps.map(({ head, name }) => h(`div.head.tone-${tone(name)}`, {}, head)),
    readHead,
    ...maps.map(({ read, score: value }) => h("div", {}, read.element, value)),
    h("p.of", {}, "Estimator, on the finished picture"),
    ...maps.map(({ label }) => label.element),
    seenHead,
    ...maps.map(({ seen, seenScore }) => h("div.seen", {}, seen.element, seenScore)),
  );
  board.style.setProperty("--maps", maps.length);
  const element = h("div.side", {}, board, h("label.switch", {}, ask, "estimator on every step"));

  /** Show a step of a film. */
  function render(state, film, step) {
    say(readHead, step ? `Probe, at step ${step}` : "Probe");
    maps.forEach((of) => renderMap(state, film, step, of));
    renderEstimates(state, film, step);
  }

  function renderMap(state, film, step, { name, read, label, score: value, head }) {
    const property = ofProperty(about, name),
      layer = layerOf(state, name),
      own = score(film, name, layer, step);
    set(head, "aria-pressed", String(state.property === name));
    read.show({
      look: readLook(state, film, step, name),
      label: `${name}, as the probe of ${layer} reads it at step ${step}`,
    });
    label.show({
      look: mapLook(state, film?.finished?.labels[name], name),
      label: `${name}, as the estimator sees it in the finished picture`,
    });
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
      const label = film.finished.labels[name],
        map = own?.[name],
        property = ofProperty(about, name);
      seen.show({
        look: mapLook(state, map, name, label),
        label: `${name}, as the estimator sees it in the picture of step ${step}`,
        empty: "comes",
      });
      say(seenScore, map && property.binary ? scoreWords(property, dice(map, label)) : "");
    });
  }

  return { element, render };
}
