/** A wish of where the object is to be: a box that is dragged on a small frame, and how well a reading meets it. */

import { h, set } from "./dom.js";
import { pulling } from "./pulling.js";

const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const LEAST = 0.08; // of the picture: the smallest side
const GRIP = 6,
  REACH = 16; // pixels on the screen: a handle, and where a finger meets it

/**
 * How much of each cell a box covers.
 * @param {Array<number>} wish its middle, right and down, then width and height, in shares of the picture
 * @param {[number, number]} grid rows and columns
 * @returns {Float64Array} [cell] in 0..1, row by row
 */
export function coverage([x, y, width, height], [rows, columns]) {
  const shares = (middle, side, count) =>
    Float64Array.from({ length: count }, (_, k) =>
      Math.max(0, Math.min((middle + side / 2) * count, k + 1) - Math.max((middle - side / 2) * count, k)),
    );
  const across = shares(x, width, columns),
    down = shares(y, height, rows);
  return Float64Array.from({ length: rows * columns }, (_, k) => down[Math.floor(k / columns)] * across[k % columns]);
}

/**
 * How well a reading meets a wish: soft Dice, 2 Σpm / (Σp² + Σm²), of the reading p cut off to 0..1 with the box's
 * coverage m of its cells. `boxed` of seeds/wish.py is the same function.
 * @param {ArrayLike<number>} reading [cell]
 * @param {ArrayLike<number>} mask [cell]
 * @returns {number} 0 to 1
 */
export function meets(reading, mask) {
  let both = 0,
    sum = 0;
  for (let k = 0; k < mask.length; k += 1) {
    const there = Math.max(0, Math.min(1, reading[k]));
    both += there * mask[k];
    sum += there * there + mask[k] * mask[k];
  }
  return sum ? (2 * both) / sum : 0;
}

/**
 * The mean of readings, each cut off to 0..1, as a map.
 * @param {Array<ArrayLike<number>>} readings each [cell]
 * @returns {{data: string, low: 0, high: 1}}
 */
export function meanMap(readings) {
  const levels = Array.from(readings[0], (_, cell) => {
    const sum = readings.reduce((total, reading) => total + Math.max(0, Math.min(1, reading[cell])), 0);
    return String.fromCharCode(Math.round((255 * sum) / readings.length));
  });
  return { data: btoa(levels.join("")), low: 0, high: 1 };
}

/** A wish whose box lies in the picture and is not too small. */
export function keptWish([x, y, width, height]) {
  const sides = [width, height].map((side) => Math.max(LEAST, Math.min(1, side)));
  const middle = [x, y].map((share, k) => Math.max(sides[k] / 2, Math.min(1 - sides[k] / 2, share)));
  return [...middle, ...sides].map((share) => Math.round(share * 1000) / 1000);
}

/** A wish in words. */
export function wishWords(wish) {
  const [x, y, width, height] = wish.map((share) => `${Math.round(share * 100)} %`);
  return `${width} wide and ${height} high, with its middle at ${x} across and ${y} down`;
}

/**
 * The box on its frame, by mouse, touch and keys, without the server.
 * @param {[number, number]} size height and width of the picture
 * @param {function(Array<number>): void} change called with a new wish, at most once a frame of a drag
 * @returns {{element: SVGElement, show: function(Array<number>): void}}
 */
export function createWish([height, width], change) {
  const box = h("svg:rect.box", { "data-act": "move" }),
    casing = h("svg:rect.edge");
  const grips = CORNERS.map((_, k) => [h("svg:circle.reach", { "data-act": k }), h("svg:circle.grip")]);
  const element = h(
    "svg:svg.wish",
    {
      viewBox: `0 0 ${width} ${height}`,
      tabindex: 0,
      role: "application",
      "aria-roledescription": "box to move",
      "aria-describedby": "wish-keys",
    },
    casing,
    box,
    ...grips.flat(),
  );
  let wish = null;

  pulling(element, {
    begin: (act) => ({ corner: CORNERS[act] ?? null, wish }),
    pull: (held, from, to) => alter(pulled(held, from, to)),
    done: (held, from, to) => alter(pulled(held, from, to)),
    cancel: (held) => alter(held.wish),
  });
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 0.05 : 0.01,
      [x, y, wide, high] = wish;
    const next = {
      ArrowLeft: [x - by, y, wide, high],
      ArrowRight: [x + by, y, wide, high],
      ArrowUp: [x, y - by, wide, high],
      ArrowDown: [x, y + by, wide, high],
      "+": [x, y, wide * 1.05, high * 1.05],
      "=": [x, y, wide * 1.05, high * 1.05],
      "-": [x, y, wide / 1.05, high / 1.05],
      "[": [x, y, wide / 1.05, high],
      "]": [x, y, wide * 1.05, high],
    }[event.key];
    if (!next) return;
    alter(keptWish(next));
    event.preventDefault();
    event.stopPropagation();
  });

  function pulled(held, from, to) {
    const [x, y, wide, high] = held.wish,
      by = to.map((share, k) => share - from[k]);
    if (!held.corner) return keptWish([x + by[0], y + by[1], wide, high]);
    const sides = [
      [x, wide],
      [y, high],
    ].map(([middle, side], k) => {
      const [one, other] = held.corner[k] ? [-1, 1] : [1, -1],
        rests = middle + (one * side) / 2;
      const goes = Math.max(0, Math.min(1, middle + (other * side) / 2 + by[k]));
      const long = Math.max(LEAST, (goes - rests) * other);
      return [rests + (other * long) / 2, long];
    });
    return keptWish([sides[0][0], sides[1][0], sides[0][1], sides[1][1]]);
  }

  /** A new wish counts at once, for a key may come before it is drawn. */
  function alter(next) {
    wish = next;
    change(next);
  }

  /** Show a wish. */
  function show(next) {
    wish = next;
    const [x, y, wide, high] = next,
      unit = width / Math.max(1, element.clientWidth || width);
    const left = (x - wide / 2) * width,
      top = (y - high / 2) * height;
    [box, casing].forEach((rect) => {
      place(rect, { x: left, y: top, width: wide * width, height: high * height });
    });
    grips.forEach((pair, k) => {
      const corner = { cx: left + CORNERS[k][0] * wide * width, cy: top + CORNERS[k][1] * high * height };
      pair.forEach((circle, inner) => place(circle, { ...corner, r: (inner ? GRIP : REACH) * unit }));
    });
    set(element, "aria-label", `The wish: the object in a box ${wishWords(next)}`);
  }

  return { element, show };
}

function place(part, numbers) {
  Object.entries(numbers).forEach(([name, value]) => set(part, name, value.toFixed(2)));
}
