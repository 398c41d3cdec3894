/** Parts of a drawing that are pulled by mouse, pen or touch. */

/**
 * Follow the pointer from where it takes hold of a part, an element with `data-act`. Points are [across, down] in shares
 * of the drawing.
 * @param {SVGElement} element the drawing
 * @param {Object} tell
 * @param {function(string): *} tell.begin of the part's name: what is held from then on, or null where it is not pulled
 * @param {function(*, Array<number>, Array<number>): void} tell.pull what is held, the first point and the present one, at
 * most once a frame
 * @param {function(*, Array<number>, Array<number>): void} tell.done the same when it is let go
 * @param {function(*): void} tell.cancel what was held, where the pointer is taken away
 * @returns {function(): void} lets go without a word
 */
export function pulling(element, { begin, pull, done, cancel }) {
  let held = null,
    from = null,
    to = null,
    planned = 0;

  const at = (event) => {
    const frame = element.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  };

  element.addEventListener("pointerdown", (event) => {
    const { act } = event.target.dataset;
    if (act === undefined || event.button > 0) return;
    held = begin(act);
    if (!held) return;
    from = to = at(event);
    element.setPointerCapture(event.pointerId);
    element.focus({ preventScroll: true });
    event.preventDefault();
  });
  element.addEventListener(
    "touchstart",
    (event) => {
      if (event.target.dataset.act !== undefined) event.preventDefault();
    },
    { passive: false },
  );
  element.addEventListener("pointermove", (event) => {
    if (!held) return;
    to = at(event);
    planned ||= requestAnimationFrame(() => {
      planned = 0;
      if (held) pull(held, from, to);
    });
  });
  element.addEventListener("pointerup", () => {
    if (!held) return;
    const last = held;
    letGo();
    done(last, from, to);
  });
  element.addEventListener("pointercancel", () => {
    if (!held) return;
    const last = held;
    letGo();
    cancel(last);
  });

  function letGo() {
    held = null;
    cancelAnimationFrame(planned);
    planned = 0;
  }

  return letGo;
}
