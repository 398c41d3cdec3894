/** A pane: one picture or map with outlines over it, in a place whose size never changes. */

import { bytesOf, coloured } from "./colours.js";
import { h, set, say } from "./dom.js";

const images = new Map();
const MOST = 400;

/**
 * A picture of an address, asked for once.
 * @param {string} address
 * @returns {Promise<HTMLImageElement>}
 */
export function picture(address) {
  if (!images.has(address)) {
    const image = new Image();
    image.src = address;
    images.set(
      address,
      image.decode().then(() => image),
    );
    if (images.size > MOST) images.delete(images.keys().next().value);
  }
  return images.get(address);
}

/**
 * What a canvas shows: a picture's `address`, `rgb` bytes of a preview, or a `map` with its `ramp` and `ends`.
 * @typedef {{address?: string, rgb?: Object, map?: Object, grid?: [number, number], ramp?: Uint8Array, ends?: [number, number]}} Look
 */

/**
 * Draw a look on a canvas; one that is drawn already is left.
 * @param {HTMLCanvasElement} canvas
 * @param {?Look} look null empties it
 * @returns {Promise<void>|void} a promise where a picture must be decoded first
 */
export function draw(canvas, look) {
  const key = look && (look.address ?? look.rgb ?? look.map);
  const range = String(look?.ends);
  if (canvas.shown === key && canvas.range === range) return;
  Object.assign(canvas, { shown: key, range });
  set(canvas, "data-look", !look ? "empty" : look.address ? "picture" : look.rgb ? "preview" : "map");
  if (!look) put(canvas, new ImageData(1, 1));
  else if (look.rgb) put(canvas, new ImageData(opaque(look.rgb), look.rgb.size[1]));
  else if (look.map) put(canvas, new ImageData(coloured(look.map, look.ramp, look.ends), look.grid[1]));
  else
    return picture(look.address)
      .then((image) => {
        if (canvas.shown === key) drawImage(canvas, image);
      })
      .catch(() => {});
}

function put(canvas, pixels) {
  Object.assign(canvas, { width: pixels.width, height: pixels.height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function drawImage(canvas, image) {
  Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0);
}

function opaque(rgb) {
  const levels = bytesOf(rgb),
    pixels = new Uint8ClampedArray((levels.length / 3) * 4).fill(255);
  for (let k = 0; k < levels.length / 3; k += 1) pixels.set(levels.subarray(3 * k, 3 * k + 3), 4 * k);
  return pixels;
}

/**
 * A pane.
 * @param {[number, number]} size of the whole picture, height and width
 * @returns {{element: HTMLElement, canvas: HTMLCanvasElement, over: SVGElement, show: function(Object): void}}
 */
export function createPane([height, width]) {
  const canvas = h("canvas", { role: "img", width: 1, height: 1 });
  const over = h("svg:svg.over", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const words = h("p.empty"),
    bar = h("span.made", { "aria-hidden": "true" });
  const element = h("div.pane", {}, canvas, over, words, bar);
  element.style.aspectRatio = `${width} / ${height}`;

  /**
   * @param {{look: ?Look, label: string, empty?: string, outlines?: Array<{path: string, kind: string}>, share?: number}} told
   *   empty: words where there is nothing yet; share: how much of it is made, 0 to 1
   */
  function show({ look, label, empty = "", outlines = [], share = null }) {
    draw(canvas, look);
    set(canvas, "aria-label", look ? label : `${label}: ${empty || "nothing yet"}`);
    say(words, look ? "" : empty);
    const paths = outlines
      .filter((of) => of.path)
      .flatMap(({ path, kind }) => [
        ["casing", path],
        [kind, path],
      ]);
    while (over.children.length > paths.length) over.lastChild.remove();
    while (over.children.length < paths.length) over.append(h("svg:path"));
    paths.forEach(([kind, path], k) => {
      set(over.children[k], "class", kind);
      set(over.children[k], "d", path);
    });
    set(bar, "hidden", share === null);
    if (share !== null) bar.style.transform = `scaleX(${share})`;
  }

  return { element, canvas, over, show };
}
