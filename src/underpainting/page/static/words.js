/** Sentences and choices of words that several parts of the page share. */

import { h } from "./dom.js";
import { isPending, stepCount } from "./film.js";

/** A property's description by its name. */
export const ofProperty = (about, name) => about.properties.find((of) => of.name === name);

/** The layer that is read of a property: the chosen one, else its best. */
export const layerOf = (state, name) => state.layer ?? ofProperty(state.about, name).layer;

/** The property that says where the object is; undefined where none does. */
export const maskOf = (about) => about.properties.find((of) => of.binary);

/** A score in words. */
export const scoreWords = (property, value) => `${property.metric} ${value === null ? "undefined" : value.toFixed(2)}`;

/** A share of the picture in words. */
const percent = (share) => `${Math.round(Math.abs(share) * 100)} %`;

/**
 * A target in words, as in "20 % right, 10 % up, turned 15°".
 * @param {{move: [number, number], scale: number, rotate: number, mirror: boolean}} target
 * @returns {string}
 */
export function targetWords({ move: [right, down], scale, rotate, mirror }) {
  const words = [];
  if (right) words.push(`${percent(right)} ${right > 0 ? "right" : "left"}`);
  if (down) words.push(`${percent(down)} ${down > 0 ? "down" : "up"}`);
  if (scale !== 1) words.push(`${scale.toFixed(2)} times as large`);
  if (rotate) words.push(`turned ${Math.round(rotate)}°`);
  if (mirror) words.push("mirrored");
  return words.length ? words.join(", ") : "where it was";
}

/**
 * How a job stands, in one sentence.
 * @param {?Object} film
 * @param {string} noun "picture" or "edit"
 * @returns {{text: string, kind: "busy"|"wait"|"error"|"done"}}
 */
export function standing(film, noun) {
  if (!film) return { text: "", kind: "done" };
  if (film.lost)
    return {
      text: "The server does not answer. The page asks again by itself; is `underpainting serve` still running?",
      kind: "error",
    };
  if (film.state === "refused") {
    const after = film.again ? ` It is asked again in ${film.again} seconds.` : "";
    return { text: `${sentence(film.error)}${after}`, kind: "error" };
  }
  if (film.error)
    return { text: `${sentence(film.error)}${film.again ? ` Ask for the ${noun} again.` : ""}`, kind: "error" };
  if (film.state === "waiting" && film.place > 0)
    return {
      text: `${film.place} ${film.place === 1 ? "picture waits" : "pictures wait"} before this ${noun}.`,
      kind: "wait",
    };
  if (!film.begun) return { text: `The ${noun} waits for the model.`, kind: "wait" };
  if (noun === "wall") {
    const { seeds, asked } = film;
    return { text: isPending(film) ? `${seeds.length} of ${asked.first + asked.count} seeds` : "", kind: "busy" };
  }
  if (film.phase) return { text: "The unedited picture is made first.", kind: "busy" };
  const steps = stepCount(film);
  if (isPending(film))
    return {
      text:
        film.steps.length < steps
          ? `Step ${film.steps.length} of ${steps}`
          : "The estimator looks at the finished picture.",
      kind: "busy",
    };
  if (!film.whole) return { text: "The steps are decoded.", kind: "busy" };
  return { text: "", kind: "done" };
}

/** A line as a sentence: a capital first, a full stop last. */
export const sentence = (line) => `${line[0].toUpperCase()}${line.slice(1)}${/[.?!]$/.test(line) ? "" : "."}`;

/** The class of a property's colour in the report's style sheet. */
export const tone = (name) => (["saliency", "depth", "shading"].includes(name) ? name : "own");

/** A line of a key: how an outline is drawn, and what it is. */
export const swatch = (kind, words) => h("span.entry", {}, h(`span.swatch.${kind}`), words);
