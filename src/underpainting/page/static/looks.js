/** How a film's steps and maps look: what a pane is given of a state. */

import { bytesOf, ends, valuesOf } from "./colours.js";
import { reading } from "./film.js";
import { pathOf, rings } from "./shape.js";
import { layerOf, maskOf, ofProperty } from "./words.js";

const outlines = new WeakMap();

/** The grid of a layer: rows and columns. */
export const gridOf = (about, layer) => about.layers.find((of) => of.name === layer).grid;

/**
 * A step's picture: decoded where it is there, else a preview.
 * @param {Object} state
 * @param {?Object} film
 * @param {number} step
 */
export function pictureLook({ look }, film, step) {
  const made = film?.steps[step - 1];
  if (!made) return null;
  const address = film.frames[look][step - 1];
  return address ? { address } : { rgb: made[look] };
}

/** The finished picture. */
export const finishedLook = (film) => (film?.finished ? { address: film.finished.picture } : null);

/** What a probe reads of a property at a step. */
export function readLook(state, film, step, name) {
  const layer = layerOf(state, name),
    map = reading(film, step, name, layer);
  if (!map) return null;
  const property = ofProperty(state.about, name);
  return {
    map,
    grid: gridOf(state.about, layer),
    ramp: state.ramps.get(name),
    ends: ends(property, film.finished?.labels[name], map),
  };
}

/** What the estimator sees: a whole map of a property. */
export function mapLook(state, map, name, beside = null) {
  if (!map) return null;
  return { map, grid: map.size, ramp: state.ramps.get(name), ends: ends(ofProperty(state.about, name), beside, map) };
}

/**
 * Rings of the mask that the probe reads at a step, in shares of the picture; none before it is read.
 * @param {Object} state
 * @param {?Object} film
 * @param {number} step
 */
export function readRings(state, film, step) {
  const mask = maskOf(state.about);
  if (!mask) return [];
  const layer = layerOf(state, mask.name),
    map = reading(film, step, mask.name, layer);
  if (!map) return [];
  return readingRings(state, map, layer, film.steps[step - 1].probe_step);
}

/** Rings of where one reading of the mask is above its probe's threshold, in shares of the picture. */
export function readingRings({ about }, map, layer, step) {
  const cut = about.thresholds[maskOf(about).name][layer][step - 1];
  return cached(map, () => rings(valuesOf(map), gridOf(about, layer), cut));
}

/** Rings of a whole mask: of the finished picture, or of a target. */
export const maskRings = (map) => (map ? cached(map, () => rings(soft(bytesOf(map), map.size), map.size, 127.5)) : []);

/** A path's `d` of rings, in the picture's pixels. */
export const pathIn = (state, some) => pathOf(some, state.about.size);

function cached(map, make) {
  if (!outlines.has(map)) outlines.set(map, make());
  return outlines.get(map);
}

/** A mask averaged over 3 by 3 cells, so that its outline has no stairs. */
function soft(mask, [rows, columns]) {
  const smooth = new Float32Array(mask.length);
  for (let i = 0; i < rows; i += 1)
    for (let j = 0; j < columns; j += 1) {
      let sum = 0,
        count = 0;
      for (let k = Math.max(0, i - 1); k <= Math.min(rows - 1, i + 1); k += 1)
        for (let l = Math.max(0, j - 1); l <= Math.min(columns - 1, j + 1); l += 1) {
          sum += mask[k * columns + l];
          count += 1;
        }
      smooth[i * columns + j] = sum / count;
    }
  return smooth;
}
