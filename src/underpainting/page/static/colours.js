/** Numbers from their bytes, and their colours: one ramp a property, which the server gives. */

const decoded = new WeakMap();

/**
 * Bytes of an object's `data`, decoded once.
 * @param {{data: string}} holder
 * @returns {Uint8Array}
 */
export function bytesOf(holder) {
  if (!decoded.has(holder)) decoded.set(holder, bytes(holder.data));
  return decoded.get(holder);
}

/**
 * Bytes from base64.
 * @param {string} text
 * @returns {Uint8Array}
 */
export const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/**
 * A map's numbers.
 * @param {{data: string, low: number, high: number}} map
 * @returns {Float32Array}
 */
export function valuesOf(map) {
  const spread = (map.high - map.low) / 255;
  return Float32Array.from(bytesOf(map), (level) => map.low + level * spread);
}

/**
 * Where the ramp of a property begins and ends: 0 and 1 for a binary one, else as in what is compared with.
 * @param {{binary: boolean}} property
 * @param {...?{low: number, high: number}} maps the first that is there decides
 * @returns {[number, number]}
 */
export function ends(property, ...maps) {
  if (property.binary) return [0, 1];
  const { low, high } = maps.find(Boolean) ?? { low: 0, high: 1 };
  return [low, high];
}

/**
 * A map's colours as pixels.
 * @param {{data: string, low: number, high: number}} map
 * @param {Uint8Array} ramp [256 * 3]
 * @param {[number, number]} ends what the ramp's first and last colour stand for
 * @returns {Uint8ClampedArray} [cell * 4]
 */
export function coloured(map, ramp, [low, high]) {
  const levels = bytesOf(map),
    pixels = new Uint8ClampedArray(levels.length * 4).fill(255);
  const scale = 255 / Math.max(high - low, 1e-6),
    slope = ((map.high - map.low) / 255) * scale,
    first = (map.low - low) * scale;
  levels.forEach((level, k) => {
    const at = 3 * Math.max(0, Math.min(255, Math.round(first + level * slope)));
    pixels.set(ramp.subarray(at, at + 3), 4 * k);
  });
  return pixels;
}

/**
 * A score's colour on a ramp, and the ink that is read on it.
 * @param {Uint8Array} ramp
 * @param {number} share 0 to 1
 * @returns {{paper: string, ink: string}}
 */
export function shade(ramp, share) {
  const at = 3 * Math.max(0, Math.min(255, Math.round(share * 255)));
  const [r, g, b] = ramp.subarray(at, at + 3);
  return { paper: `rgb(${r} ${g} ${b})`, ink: r * 0.3 + g * 0.6 + b * 0.1 > 120 ? "#1c1b19" : "#fff" };
}

/**
 * How alike two masks are: Dice, of what is at least half.
 * @param {{data: string}} one
 * @param {{data: string}} other of the same size
 * @returns {?number} null where both are empty
 */
export function dice(one, other) {
  const a = bytesOf(one),
    b = bytesOf(other);
  let both = 0,
    sum = 0;
  a.forEach((level, k) => {
    const first = level >= 128,
      second = b[k] >= 128;
    both += first && second;
    sum += first + second;
  });
  return sum ? (2 * both) / sum : null;
}
