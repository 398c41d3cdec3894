/**
 * The page's one state: what the person chose, which the link holds, and what the server told.
 *
 * Everything that is shown follows from it; nothing else is kept anywhere but where it only saves work.
 */

import { keptWish } from "./wish.js";

/** What a link holds, with what holds where it says nothing; null is as the study has it. */
export const CHOICES = {
  tab: "watch",
  prompt: "",
  seed: 0,
  steps: null,
  guidance: null,
  step: null,
  property: null,
  layer: null,
  look: "clean",
  shape: "finished",
  move: [0, 0],
  scale: 1,
  rotate: 0,
  mirror: false,
  kind: null,
  strength: null,
  wish: [0.3, 0.6, 0.4, 0.4],
  after: 3,
  count: 24,
  tiles: "clean",
};

export const TABS = ["watch", "drag", "relief", "seeds", "study"];
const WORDS = { tab: TABS, look: ["clean", "noisy"], shape: ["finished", "read"], tiles: ["clean", "read"] };
const RANGES = {
  seed: [0, 2 ** 53 - 1],
  steps: [1, 100],
  guidance: [0, 30],
  step: [1, 100],
  scale: [0.1, 10],
  rotate: [-360, 360],
  strength: [0, 100],
  after: [1, 8],
  count: [1, 256],
};

/** A target's four fields where nothing is moved. */
export const UNMOVED = { move: [0, 0], scale: 1, rotate: 0, mirror: false };

/**
 * A store: one frozen object, replaced as a whole.
 * @param {Object} initial
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  const listeners = new Set();
  return {
    get: () => state,
    /** Replace some of it, and tell everyone who listens. */
    set(patch) {
      const before = state;
      if (Object.entries(patch).every(([key, value]) => Object.is(before[key], value))) return;
      state = Object.freeze({ ...state, ...patch });
      listeners.forEach((listener) => listener(state, before));
    },
    /** Listen to every change: called with the state and the one before it. */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * The link's part after `#`: only what differs from what holds anyway.
 * @param {Object} state
 * @returns {string}
 */
export function toHash(state) {
  const pairs = Object.entries(CHOICES)
    .filter(([key, usual]) => state[key] !== null && JSON.stringify(state[key]) !== JSON.stringify(usual))
    .map(([key]) => [key, textOf(state[key])]);
  return `#${new URLSearchParams(pairs)}`;
}

/**
 * The choices of a link; what it does not say, or says wrongly, is as it usually is.
 * @param {string} hash
 * @returns {Object}
 */
export function fromHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const read = Object.entries(CHOICES).map(([key, usual]) => [
    key,
    given.has(key) ? choice(key, given.get(key), usual) : usual,
  ]);
  return Object.fromEntries(read);
}

/**
 * What makes a picture the same one.
 * @param {Object} state
 * @returns {string}
 */
export const pictureKey = (state) => JSON.stringify([state.prompt, state.seed, state.steps, state.guidance]);

/** Whether a target differs from where the object is. */
export const isMoved = ({ move, scale, rotate, mirror }) =>
  Boolean(move[0] || move[1] || scale !== 1 || rotate % 360 || mirror);

const rounded = (value) => Math.round(value * 1000) / 1000;
function textOf(value) {
  if (Array.isArray(value)) return value.map(rounded).join(",");
  return typeof value === "number" ? String(rounded(value)) : value === true ? "1" : String(value);
}

function choice(key, text, usual) {
  if (key in WORDS) return WORDS[key].includes(text) ? text : usual;
  if (key === "mirror") return text === "1";
  if (key === "move") {
    const both = text.split(",").map(Number);
    return both.length === 2 && both.every((share) => Math.abs(share) <= 1) ? both : usual;
  }
  if (key === "wish") {
    const four = text.split(",").map(Number);
    return four.length === 4 && four.every((share) => share >= 0 && share <= 1) ? keptWish(four) : usual;
  }
  if (!(key in RANGES)) return text.slice(0, 500);
  const [least, most] = RANGES[key],
    value = Number(text);
  const whole = ["seed", "steps", "step", "after", "count"].includes(key);
  return text !== "" && value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : usual;
}
