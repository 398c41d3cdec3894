/** Drag: the object taken to another place, and the picture that the model then paints, beside the original. */

import { h, say, segments, set } from "./dom.js";
import { isPending, shownStep, stepCount } from "./film.js";
import { createHandles } from "./handles.js";
import { finishedLook, maskRings, pathIn, pictureLook, readRings } from "./looks.js";
import { editOf } from "./makes.js";
import { createPane } from "./pane.js";
import { createResult } from "./result.js";
import { isMoved, UNMOVED } from "./state.js";
import { createTimeline } from "./timeline.js";
import { maskOf, swatch, targetWords } from "./words.js";

const KINDS = {
  carry: "carry the activations",
  covariance: "along the probes",
  minimum: "along the probes, smallest change",
  gradient: "by gradient",
};

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createDrag(store, makes) {
  const { about } = store.get(),
    early = Math.max(1, Math.ceil(about.steps / 5));
  const before = createPane(about.size),
    after = createPane(about.size);
  const handles = createHandles(about.size, {
    change: (target) => store.set(target),
    commit: () => makes.commit(),
    cancel: () => store.set(store.get().history.list[store.get().history.at]),
  });
  before.element.append(handles.element);
  const wordsNow = h("p.hidden", { role: "status" });
  const shapes = segments(
    "whose shape is dragged",
    [
      ["finished", "finished mask"],
      ["read", `read at step ${early}`],
    ],
    (shape) => store.set({ shape }),
  );
  const undo = tool("Undo", "M9 6L4 11l5 5M4 11h9a6 6 0 0 1 0 12h-2", () => makes.travel(-1));
  const redo = tool("Redo", "M15 6l5 5-5 5M20 11h-9a6 6 0 0 0 0 12h2", () => makes.travel(1));
  const mirror = tool("Mirror", "M12 3v18M9 7L3 17h6zM15 7l6 10h-6z", () =>
    makes.commit({ mirror: !store.get().mirror }),
  );
  const reset = tool("Put back", "M5 12a7 7 0 1 0 2-5M7 2v5h5", () => makes.commit(UNMOVED));
  const kind = h(
    "select",
    {
      id: "kind",
      onchange: () => makes.commit({ kind: kind.value === about.edits.moves.kind ? null : kind.value, strength: null }),
    },
    ...about.edits.kinds.map((value) => h("option", { value }, KINDS[value] ?? value)),
  );
  const strength = h("input", {
    id: "strength",
    type: "range",
    min: 0,
    max: 10,
    step: 0.25,
    oninput: () => store.set({ strength: Number(strength.value) }),
    onchange: () => makes.commit(),
  });
  const strengthWords = h("output", { for: "strength" });
  const result = createResult(store, makes.edit);
  const nowWords = h("h2", {}, "As it was"),
    afterWords = h("h2");
  const timeline = createTimeline(store, {
    film: edited,
    look: pictureLook,
    aspect: about.size[1] / about.size[0],
    label: "step of the edited picture",
  });
  const element = h(
    "div.drag",
    { onkeydown: keyed },
    h(
      "div.stage",
      {},
      h(
        "figure.shot",
        {},
        h("figcaption", {}, nowWords),
        before.element,
        h("div.tools", {}, undo, redo, mirror, reset),
      ),
      h("figure.shot", {}, h("figcaption", {}, afterWords), after.element, h("p.key", {}, swatch("target", "target"))),
      timeline.element,
      h(
        "div.side",
        {},
        result.element,
        h(
          "div.how",
          {},
          h("div.field", {}, h("span.label", {}, "Shape"), shapes.element),
          h("div.field", {}, h("label", { for: "kind" }, "Edit"), kind),
          h("div.field", {}, h("label", { for: "strength" }, "Strength ", strengthWords), strength),
        ),
      ),
    ),
    h(
      "p.hint",
      { id: "drag-keys" },
      "Drag the shape; its corners scale it, its knob turns it. ",
      h(
        "span.keys",
        {},
        "Keys: ",
        ...KEYS.flatMap(([of, what]) => [...keys(of), ` ${what} `]),
      ),
    ),
    wordsNow,
  );

  function edited(state) {
    return state.wanted ? (state.edits.get(state.wanted) ?? null) : null;
  }

  function keyed(event) {
    if (!(event.ctrlKey || event.metaKey) || event.target.matches("input[type=text], input[type=number]")) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    makes.travel(key === "y" || event.shiftKey ? 1 : -1);
    event.preventDefault();
  }

  function rings(state) {
    const { film } = state,
      mask = maskOf(about);
    if (state.shape === "read") return readRings(state, film, Math.min(early, film?.steps.length ?? 0));
    return film?.finished && mask
      ? maskRings(film.finished.labels[mask.name])
      : readRings(state, film, film?.steps.length ?? 0);
  }

  function render(state) {
    const { film } = state,
      own = rings(state),
      there = film?.finished?.object;
    const made = film?.steps.length ?? 0,
      past = edited(state) && state.step !== null && state.step < made ? state.step : null;
    const look = past ? pictureLook(state, film, past) : (finishedLook(film) ?? pictureLook(state, film, made));
    say(nowWords, past ? `As it was, step ${past} of ${stepCount(film)}` : "As it was");
    const lacking = film?.finished && !there ? "The estimator sees no object in this picture: try another seed." : "";
    before.show({
      look,
      label: past ? `the picture as it was at step ${past}` : "the picture as it was",
      empty: film?.error ? "no picture" : "the picture is painted first",
      share: film && !film.finished ? made / (stepCount(film) ?? about.steps) : null,
    });
    handles.show(
      there && own.length
        ? {
            target: editOf(state),
            middle: there.middle,
            rings: own,
            path: pathIn(state, own),
            address: film.finished.picture,
          }
        : null,
    );
    renderAfter(state, edited(state), lacking);
    shapes.show(state.shape);
    set(undo, "disabled", state.history.at === 0);
    set(redo, "disabled", state.history.at >= state.history.list.length - 1);
    set(reset, "disabled", !isMoved(state));
    set(mirror, "disabled", !there);
    const usual =
      (state.kind ?? about.edits.moves.kind) === about.edits.moves.kind ? about.edits.moves : about.edits.targets;
    kind.value = state.kind ?? about.edits.moves.kind;
    const value = state.strength ?? usual.strength;
    if (Number(strength.value) !== value) strength.value = value;
    say(strengthWords, value.toFixed(2).replace(/\.?0+$/, ""));
    say(wordsNow, isMoved(state) ? `The object: ${targetWords(state)}.` : "");
    timeline.render(state);
    result.render(state, edited(state));
  }

  function renderAfter(state, film, lacking) {
    const step = shownStep(film, state.step),
      steps = stepCount(film) ?? about.steps,
      mask = maskOf(about);
    const isLast = Boolean(film?.finished) && (state.step === null || step >= steps);
    const target = mask && film?.target?.[mask.name];
    const waiting =
      lacking ||
      (isMoved(state) && !film
        ? "let go, and it is painted"
        : "drag the object, and the picture is painted with it there");
    const isMissed = isLast && !Object.values(film.finished.followed).every(Boolean);
    const title = isMissed ? "Painted again" : "Painted with it there";
    say(afterWords, step && !isLast ? `Step ${step} of ${steps}` : title);
    after.show({
      look: isLast ? finishedLook(film) : pictureLook(state, film, step),
      label: isLast ? "the edited picture" : `the edited picture at step ${step}`,
      empty: film ? (film.error ? "" : "noise") : waiting,
      outlines: [{ path: target ? pathIn(state, maskRings(target)) : "", kind: "target" }],
      share: isPending(film) ? film.steps.length / steps : null,
    });
  }

  return { element, render, leave: timeline.stop };
}

function tool(words, d, act) {
  return h(
    "button.tool",
    { type: "button", onclick: act },
    h("svg:svg", { viewBox: "0 0 24 26", width: 18, height: 18, "aria-hidden": "true" }, h("svg:path", { d })),
    words,
  );
}

const KEYS = [
  ["← ↑ → ↓", "move by 1 %, with"],
  ["Shift", "by 5 %;"],
  ["+ −", "scale,"],
  ["[ ]", "turn,"],
  ["M", "mirrors,"],
  ["Enter", "lets go,"],
  ["Ctrl+Z", "undoes."],
];

const keys = (text) => text.split(" ").flatMap((key, k) => (k ? [" ", h("kbd", {}, key)] : [h("kbd", {}, key)]));
