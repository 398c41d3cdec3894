/** Small line plots over the steps: scores, and what the classifier sees. */

import { h, set, whenever } from "./dom.js";

const WIDTH = 460,
  HEIGHT = 168,
  LEFT = 30,
  RIGHT = 118,
  TOP = 8,
  BOTTOM = 22;

/**
 * A line of a plot: values by step, or one for all steps.
 * @typedef {{name: string, values?: number[], constant?: number, tone: string, dashed?: boolean}} Series
 */

/**
 * A plot with values from 0 to 1 over steps; clicking or dragging on it chooses a step.
 * @param {string} label for screen readers
 * @param {function(number): void} choose
 * @returns {{element: SVGElement, show: function(Object): void}}
 */
export function createPlot(label, choose) {
  const element = h("svg:svg.curves", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  let steps = 1,
    pressed = false;
  const x = (step) => LEFT + ((WIDTH - LEFT - RIGHT) * (step - 1)) / Math.max(1, steps - 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.max(0, Math.min(1, value)));

  const pick = (event) => {
    const box = element.getBoundingClientRect(),
      at = ((event.clientX - box.left) / box.width) * WIDTH;
    choose(Math.max(1, Math.min(steps, Math.round(1 + ((at - LEFT) * (steps - 1)) / (WIDTH - LEFT - RIGHT)))));
  };
  element.addEventListener("pointerdown", (event) => {
    pressed = true;
    element.setPointerCapture(event.pointerId);
    pick(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (pressed) pick(event);
  });
  ["pointerup", "pointercancel"].forEach((kind) =>
    element.addEventListener(kind, () => {
      pressed = false;
    }),
  );

  const redraw = whenever(({ count, series, step }) => {
    steps = count;
    const axis = [0, 0.5, 1].flatMap((value) => [
      h("svg:line.rule", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      h("svg:text.tick", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)),
    ]);
    const ticks = [...new Set([1, Math.ceil(count / 3), Math.ceil((2 * count) / 3), count])].map((at) =>
      h("svg:text.tick", { x: x(at), y: HEIGHT - 5, "text-anchor": "middle" }, String(at)),
    );
    const now = step ? [h("svg:line.now", { x1: x(step), x2: x(step), y1: TOP - 4, y2: HEIGHT - BOTTOM })] : [];
    element.replaceChildren(...axis, ...ticks, ...now, ...series.flatMap((of) => drawn(of, step)), ...labels(series));
  });

  function drawn({ values, tone, dashed, constant }, step) {
    const all = constant === undefined ? values : Array(steps).fill(constant);
    const points = Array.from(all, (value, k) => ((value ?? null) === null ? null : [x(k + 1), y(value)]));
    const d = points
      .map((point, k) => (point ? `${points[k - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : ""))
      .join("");
    const line = h("svg:path.line", { d, class: `line${dashed ? " dashed" : ""} tone-${tone}` });
    const at = !dashed && step ? points[step - 1] : null;
    return at ? [line, h("svg:circle", { cx: at[0], cy: at[1], r: 4, class: `dot tone-${tone}` })] : [line];
  }

  function labels(series) {
    const placed = series
      .filter((of) => of.name)
      .map((of) => {
        const last = of.constant ?? of.values.findLast((value) => (value ?? null) !== null) ?? null;
        return { ...of, last, top: last === null ? null : y(last) + 4 };
      })
      .filter((of) => of.last !== null)
      .sort((a, b) => a.top - b.top);
    placed.forEach((of, k) => {
      if (k) of.top = Math.max(of.top, placed[k - 1].top + 14);
    });
    placed.toReversed().forEach((of, k) => {
      of.top = Math.min(of.top, y(0) + 4 - 14 * k);
    });
    return placed.map((of) =>
      h("svg:text.name", { x: WIDTH - RIGHT + 8, y: of.top, class: `name tone-${of.tone}` }, of.name),
    );
  }

  return {
    element,
    /** @param {{count: number, step: number, series: Array<Series>, words: string}} told */
    show(told) {
      redraw(told);
      set(element, "aria-label", told.words);
    },
  };
}
