/** The shape that is dragged: moved, scaled, turned and mirrored by mouse, touch and keys, without the server. */

import { h, set } from "./dom.js";
import { pulling } from "./pulling.js";
import { boxOf, kept, matrixOf, moved } from "./shape.js";
import { targetWords } from "./words.js";

const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const PAUSE = 700; // milliseconds after the last key, after which the target is taken
const GRIP = 7,
  REACH = 20; // pixels on the screen: a handle, and where a finger meets it

/**
 * @param {[number, number]} size height and width of the picture
 * @param {{change: function(Object): void, commit: function(): void, cancel: function(): void}} act
 *   change: called with a new target, at most once a frame; commit: let go; cancel: back to where it was
 * @returns {{element: SVGElement, show: function(?Object): void}}
 */
export function createHandles(size, { change, commit, cancel }) {
  const [height, width] = size;
  const clip = h("svg:path"),
    cutOut = h("svg:image", { width, height, "clip-path": "url(#cut)", preserveAspectRatio: "none" });
  const was = h("svg:path.was"),
    hit = h("svg:path.hit", { "data-act": "move" });
  const casing = h("svg:path.casing"),
    outline = h("svg:path.outline");
  const shape = h("svg:g.shape", {}, cutOut, hit, casing, outline);
  const stem = h("svg:line.stem"),
    knob = grip("turn"),
    corners = CORNERS.map(() => grip("scale"));
  const element = h(
    "svg:svg.handles",
    {
      viewBox: `0 0 ${width} ${height}`,
      tabindex: 0,
      role: "application",
      "aria-roledescription": "shape to move",
      "aria-describedby": "drag-keys",
    },
    h("svg:defs", {}, h("svg:clipPath", { id: "cut" }, clip)),
    was,
    shape,
    stem,
    ...corners.map((of) => of.group),
    knob.group,
  );
  let told = null,
    timer = null;

  function grip(act) {
    const reach = h("svg:circle.reach", { "data-act": act }),
      dot = h("svg:circle.grip");
    const group = h("svg:g", {}, reach, dot);
    return {
      group,
      place: ([x, y], unit) => {
        [
          [reach, REACH],
          [dot, GRIP],
        ].forEach(([circle, r]) => {
          set(circle, "cx", x.toFixed(2));
          set(circle, "cy", y.toFixed(2));
          set(circle, "r", (r * unit).toFixed(2));
        });
      },
    };
  }

  const drop = pulling(element, {
    begin(act) {
      if (!told) return null;
      set(element, "data-dragging", true);
      clearTimeout(timer);
      return { act, target: told.target };
    },
    pull: (held, from, to) => alter(pulled(held, from, to)),
    done(held, from, to) {
      end();
      alter(pulled(held, from, to));
      commit();
    },
    cancel() {
      end();
      cancel();
    },
  });
  element.addEventListener("keydown", keyed);
  element.addEventListener("blur", () => {
    if (timer) letGo();
  });

  function end() {
    drop();
    set(element, "data-dragging", false);
  }

  function pulled({ act, target }, from, to) {
    const { middle } = told,
      [point, pointer] = [from, to].map(([x, y]) => [x * width, y * height]);
    if (act === "move")
      return kept(
        { ...target, move: target.move.map((share, k) => share + (pointer[k] - point[k]) / [width, height][k]) },
        middle,
      );
    const centre = target.move.map((share, k) => (share + middle[k]) * [width, height][k]);
    const [one, other] = [point, pointer].map(([x, y]) => [x - centre[0], y - centre[1]]);
    if (act === "scale")
      return kept(
        { ...target, scale: (target.scale * Math.hypot(...other)) / Math.max(1, Math.hypot(...one)) },
        middle,
      );
    const turned = ((Math.atan2(other[1], other[0]) - Math.atan2(one[1], one[0])) * 180) / Math.PI;
    return kept({ ...target, rotate: target.rotate + turned }, middle);
  }

  function keyed(event) {
    if (!told || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, middle } = told,
      by = event.shiftKey ? 0.05 : 0.01,
      degrees = event.shiftKey ? 15 : 3;
    const shift = (right, down) => ({ ...target, move: [target.move[0] + right * by, target.move[1] + down * by] });
    const next = {
      ArrowLeft: () => shift(-1, 0),
      ArrowRight: () => shift(1, 0),
      ArrowUp: () => shift(0, -1),
      ArrowDown: () => shift(0, 1),
      "+": () => ({ ...target, scale: target.scale * 1.05 }),
      "=": () => ({ ...target, scale: target.scale * 1.05 }),
      "-": () => ({ ...target, scale: target.scale / 1.05 }),
      "[": () => ({ ...target, rotate: target.rotate - degrees }),
      "]": () => ({ ...target, rotate: target.rotate + degrees }),
      "{": () => ({ ...target, rotate: target.rotate - degrees }),
      "}": () => ({ ...target, rotate: target.rotate + degrees }),
      m: () => ({ ...target, mirror: !target.mirror }),
      M: () => ({ ...target, mirror: !target.mirror }),
    }[event.key];
    if (event.key === "Enter") letGo();
    else if (event.key === "Escape") {
      clearTimeout(timer);
      timer = null;
      end();
      cancel();
    } else if (next) {
      alter(kept(next(), middle));
      clearTimeout(timer);
      timer = setTimeout(letGo, PAUSE);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A new target counts at once, for a key may come before it is drawn. */
  function alter(target) {
    told = { ...told, target };
    change(target);
  }

  function letGo() {
    clearTimeout(timer);
    timer = null;
    commit();
  }

  /**
   * Show a target; null where there is no object.
   * @param {?{target: Object, middle: [number, number], rings: Array, path: string, address: ?string}} next
   */
  function show(next) {
    told = next;
    set(element, "hidden", !next);
    if (!next) return;
    const { target, middle, rings, path, address } = next,
      matrix = matrixOf(target, middle, size);
    [clip, was, hit, casing, outline].forEach((of) => set(of, "d", path));
    set(cutOut, "href", address);
    set(shape, "transform", `matrix(${matrix.map((value) => value.toFixed(4)).join(" ")})`);
    const unit = width / Math.max(1, element.clientWidth || width),
      [left, top, right, bottom] = boxOf(rings, size);
    corners.forEach((corner, k) =>
      corner.place(moved(matrix, [CORNERS[k][0] ? right : left, CORNERS[k][1] ? bottom : top]), unit),
    );
    const over = moved(matrix, [(left + right) / 2, top]),
      centre = moved(matrix, [middle[0] * width, middle[1] * height]);
    const away = Math.hypot(over[0] - centre[0], over[1] - centre[1]) || 1,
      far = 1 + (30 * unit) / away;
    const end_ = inside([centre[0] + (over[0] - centre[0]) * far, centre[1] + (over[1] - centre[1]) * far], unit);
    knob.place(end_, unit);
    Object.entries({ x1: over[0], y1: over[1], x2: end_[0], y2: end_[1] }).forEach(([name, value]) =>
      set(stem, name, value.toFixed(2)),
    );
    set(element, "aria-label", `The object: ${targetWords(target)}`);
  }

  const inside = (point, unit) =>
    point.map((value, k) => Math.max(GRIP * unit, Math.min([width, height][k] - GRIP * unit, value)));

  return { element, show };
}
