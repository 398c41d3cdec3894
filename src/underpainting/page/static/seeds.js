/** Seeds: a wall of seeds after a few steps, the one that meets a wish best first; the best are finished. */

import { valuesOf } from "./colours.js";
import { arrange, h, say, segments, set } from "./dom.js";
import { isPending, stepCount } from "./film.js";
import { gridOf, pathIn, readingRings } from "./looks.js";
import { paintedKey } from "./makes.js";
import { createPane } from "./pane.js";
import { coverage, createWish, meanMap, meets } from "./wish.js";
import { maskOf, sentence, swatch } from "./words.js";

const BEST = 4, // that are finished together
  MORE = 24,
  LIMIT = 256, // seeds of a wall
  LATEST = 8; // step after which a wall is no longer early

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createSeeds(store, makes) {
  const { about, ramps } = store.get(),
    mask = maskOf(about);
  if (!mask) {
    const words = "The wall is sorted by where an object is, and this study has no probe of a mask.";
    return { element: h("p.notice", {}, words), render: () => {} };
  }
  const frame = createPane(about.size),
    wish = createWish(about.size, (next) => store.set({ wish: next }));
  frame.element.append(wish.element);
  const told = h("p.best", { role: "status" }),
    painting = h("p.note", { role: "status" });
  const tiles = segments(
    "what a tile shows",
    [
      ["clean", "clean prediction"],
      ["read", "reading"],
    ],
    (value) => store.set({ tiles: value }),
  );
  const after = h("input", {
    id: "after",
    type: "range",
    min: 1,
    max: Math.min(LATEST, about.steps),
    step: 1,
    oninput: () => say(afterWords, after.value),
    onchange: () => store.set({ after: Number(after.value) }),
  });
  const afterWords = h("output", { for: "after" });
  const count = h("input", {
    id: "count",
    type: "number",
    min: 1,
    max: LIMIT,
    step: 1,
    onchange: () => {
      if (count.value && count.checkValidity()) store.set({ count: Number(count.value) });
      else count.value = store.get().count;
    },
  });
  const more = h("button.tool", { type: "button", onclick: () => add() }, "More seeds");
  const finish = h(
    "button.play",
    {
      type: "button",
      onclick: () => makes.finish(sorted.slice(0, BEST).map((tile) => tile.seed)),
    },
    `Finish the best ${BEST}`,
  );
  const wall = h("ol.wall", { "aria-label": "seeds, the best first" });
  const element = h(
    "div.seeds",
    {},
    h(
      "div.wishing",
      {},
      h(
        "figure.shot",
        {},
        h("figcaption", {}, h("h2", {}, "Where is it to be?")),
        frame.element,
        h(
          "p.note",
          { id: "wish-keys" },
          "Drag the box or its corners. ",
          h("span.keys", {}, "Keys: arrows move it, + and − size it, [ and ] its width."),
        ),
      ),
      h(
        "div.set",
        {},
        told,
        finish,
        painting,
        h("div.field", {}, h("div.label", {}, h("label", { for: "after" }, "After step "), afterWords), after),
        h("div.field", {}, h("label", { for: "count" }, "Seeds"), h("div.pair", {}, count, more)),
        tiles.element,
      ),
    ),
    h(
      "div",
      {},
      wall,
      h(
        "p.key",
        {},
        swatch("read", "what the probe reads"),
        h("span.entry", {}, h("span.mark", {}, "✓"), "finished, with the estimator’s mask scored alike"),
      ),
      h(
        "p.note",
        {},
        "The number is soft Dice, 2 Σpm / (Σp² + Σm²), of what the probe reads with the box: 1 where the object fills " +
          "it and nothing beyond it. Choose a seed to finish it in Watch.",
      ),
    ),
  );
  const made = [], // tiles by seed
    means = new WeakMap(); // by the list of what was read
  let sorted = [];

  const add = () => store.set({ count: Math.min(LIMIT, store.get().count + MORE) });

  function take(seed) {
    makes.paintOther({ tab: "watch", seed, steps: null, guidance: null });
    window.scrollTo({ top: 0 });
  }

  function tile(seed) {
    const pane = createPane(about.size),
      value = h("strong"),
      mark = h("span.mark");
    pane.element.append(mark);
    const button = h(
      "button.tile",
      { type: "button", onclick: () => take(seed) },
      pane.element,
      h("span.under", {}, value, h("span", {}, `seed ${seed}`)),
    );
    return { seed, pane, value, mark, button, item: h("li", { "data-seed": seed }, button), score: -1 };
  }

  function render(state) {
    makes.seeds();
    const { wall: film, count: many } = store.get();
    while (made.length < many) made.push(tile(made.length));
    const cells = coverageOf(state, film);
    const now = made.slice(0, many);
    now.forEach((one) => renderTile(state, film, one, cells));
    sorted = [...now].sort((a, b) => b.score - a.score || a.seed - b.seed);
    const items = sorted.map((one) => one.item);
    arrange(wall, items);
    frame.show({ look: meanLook(film), label: "mean of what the probe reads of these seeds" });
    wish.show(state.wish);
    tiles.show(state.tiles);
    if (document.activeElement !== after) after.value = state.after;
    say(afterWords, after.value);
    if (document.activeElement !== count) count.value = many;
    set(more, "disabled", many >= LIMIT);
    const best = sorted[0];
    set(finish, "disabled", best.score < 0);
    say(told, best.score < 0 ? "" : `Seed ${best.seed} meets it best (${best.score.toFixed(2)}).`);
    say(painting, paintingWords(state));
  }

  function meanLook(film) {
    const layer = film?.begun?.layers[mask.name];
    if (!film?.seeds.length || !layer) return null;
    if (!means.has(film.seeds)) {
      const readings = film.seeds.map((read) => valuesOf(read.maps[mask.name]));
      means.set(film.seeds, meanMap(readings));
    }
    return { map: means.get(film.seeds), grid: gridOf(about, layer), ramp: ramps.get(mask.name), ends: [0, 1] };
  }

  function paintingWords({ painted }) {
    const film = [...painted.values()].find((one) => !one.finished);
    if (!film) return "";
    if (film.error) return sentence(film.error);
    const { seed } = film.asked,
      step = film.steps.length;
    return step ? `Seed ${seed} is painted: step ${step} of ${stepCount(film)}.` : `Seed ${seed} waits for the model.`;
  }

  const coverageOf = (state, film) => {
    const layer = film?.begun?.layers[mask.name];
    return layer ? coverage(state.wish, gridOf(about, layer)) : null;
  };

  function renderTile(state, film, one, cells) {
    const read = film?.seeds[one.seed],
      reading = read?.maps[mask.name];
    one.score = reading && cells ? meets(valuesOf(reading), cells) : -1;
    const { pane, value, mark, button, seed } = one,
      painted = state.painted.get(paintedKey(state, seed)),
      done = painted?.finished,
      layer = film?.begun?.layers[mask.name];
    const map = reading && { map: reading, grid: gridOf(about, layer), ramp: ramps.get(mask.name), ends: [0, 1] };
    const picture = done ? { address: done.picture } : reading && { rgb: read.clean };
    const look = reading && state.tiles === "read" ? map : picture;
    const outline = reading ? pathIn(state, readingRings(state, reading, layer, film.asked.step)) : "";
    pane.show({
      look,
      label: `seed ${seed}`,
      outlines: [{ path: outline, kind: "read" }],
      share: painted && isPending(painted) ? painted.steps.length / (stepCount(painted) ?? about.steps) : null,
    });
    const label = done?.labels[mask.name],
      words = reading ? one.score.toFixed(2) : "–";
    say(value, words);
    say(mark, label ? `✓ ${meets(valuesOf(label), coverage(state.wish, label.size)).toFixed(2)}` : "");
    set(mark, "hidden", !label);
    set(button, "disabled", !reading);
    const also = label ? `, finished ${mark.textContent.slice(2)}` : "";
    set(button, "aria-label", `Seed ${seed}, score ${words}${also}: open in Watch`);
  }

  return { element, render };
}
