/** Shapes: the outline of a mask, and how it is moved. All of it functions from numbers to numbers. */

/**
 * Outlines of where a field is above a cut, by marching squares with linear interpolation.
 * Cells' values stand at their middles; what touches the border is closed along it.
 * @param {ArrayLike<number>} field row by row
 * @param {[number, number]} grid rows and columns
 * @param {number} cut
 * @returns {Array<Array<[number, number]>>} rings of points, each right and down in shares of the picture
 */
export function rings(field, [rows, columns], cut) {
  const clamp = (value, most) => Math.max(0, Math.min(most, value));
  const at = (i, j) => {
    const value = field[clamp(i, rows - 1) * columns + clamp(j, columns - 1)] - cut;
    const outside = i < 0 || j < 0 || i >= rows || j >= columns;
    return outside ? -Math.abs(value || 1e-9) : value;
  };
  const next = new Map(),
    points = new Map();
  const point = (key, [i, j], [k, l]) => {
    const one = at(i, j),
      share = one / (one - at(k, l));
    points.set(key, [clamp((j + (l - j) * share + 0.5) / columns, 1), clamp((i + (k - i) * share + 0.5) / rows, 1)]);
    return key;
  };
  for (let i = -1; i < rows; i += 1)
    for (let j = -1; j < columns; j += 1) {
      const corners = [
        [i, j],
        [i, j + 1],
        [i + 1, j + 1],
        [i + 1, j],
      ];
      const inside = corners.map(([k, l]) => at(k, l) > 0);
      const keys = [`h${i},${j}`, `v${i},${j + 1}`, `h${i + 1},${j}`, `v${i},${j}`];
      const into = [],
        outOf = [];
      for (let side = 0; side < 4; side += 1) {
        const to = (side + 1) % 4;
        if (inside[side] === inside[to]) continue;
        point(keys[side], ...[corners[side], corners[to]].sort((a, b) => a[0] - b[0] || a[1] - b[1]));
        (inside[side] ? into : outOf).push([side, keys[side]]);
      }
      for (const [side, key] of into) {
        const [, end] = outOf.reduce((best, one) => ((one[0] - side + 4) % 4 > (best[0] - side + 4) % 4 ? one : best));
        next.set(key, end);
      }
    }
  return linked(next, points);
}

function linked(next, points) {
  const found = [];
  while (next.size) {
    const ring = [];
    let [key] = next.keys();
    while (next.has(key)) {
      ring.push(points.get(key));
      const to = next.get(key);
      next.delete(key);
      key = to;
    }
    if (ring.length > 2) found.push(ring);
  }
  return found;
}

/**
 * A path's `d` in pixels.
 * @param {Array<Array<[number, number]>>} outlines
 * @param {[number, number]} size height and width
 * @returns {string}
 */
export const pathOf = (outlines, [height, width]) =>
  outlines
    .map((ring) => `M${ring.map(([x, y]) => `${(x * width).toFixed(2)} ${(y * height).toFixed(2)}`).join("L")}Z`)
    .join("");

/**
 * The box around outlines, in pixels: [left, top, right, bottom].
 * @param {Array<Array<[number, number]>>} outlines
 * @param {[number, number]} size
 */
export function boxOf(outlines, [height, width]) {
  const all = outlines.flat(),
    x = all.map((of) => of[0] * width),
    y = all.map((of) => of[1] * height);
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

/**
 * A move's matrix in pixels: mirrored, scaled and turned clockwise about the middle, then moved.
 * @param {{move: [number, number], scale: number, rotate: number, mirror: boolean}} target
 * @param {[number, number]} middle right and down, in shares of the picture
 * @param {[number, number]} size height and width
 * @returns {[number, number, number, number, number, number]} as SVG has it
 */
export function matrixOf({ move, scale, rotate, mirror }, middle, [height, width]) {
  const turn = (rotate * Math.PI) / 180,
    cos = Math.cos(turn) * scale,
    sin = Math.sin(turn) * scale,
    side = mirror ? -1 : 1;
  const [x, y] = [middle[0] * width, middle[1] * height];
  const [a, b, c, d] = [cos * side, sin * side, -sin, cos];
  return [a, b, c, d, x + move[0] * width - a * x - c * y, y + move[1] * height - b * x - d * y];
}

/**
 * A point after a matrix.
 * @param {number[]} matrix
 * @param {[number, number]} point
 * @returns {[number, number]}
 */
export const moved = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];

/**
 * A target whose numbers the server takes, and whose middle stays in the picture.
 * @param {{move: [number, number], scale: number, rotate: number, mirror: boolean}} target
 * @param {[number, number]} middle
 */
export function kept({ move, scale, rotate, mirror }, middle) {
  const within = (share, k) => round(Math.max(-middle[k], Math.min(1 - middle[k], share)), 3);
  return {
    move: move.map(within),
    scale: round(Math.max(0.3, Math.min(3, scale)), 2),
    rotate: round(((((rotate + 180) % 360) + 360) % 360) - 180, 0),
    mirror,
  };
}

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits || 0;
