/** Elements without a framework: made by one function, changed only where they differ. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag name, before which `svg:` asks for SVG; classes may follow after dots
 * @param {Object<string, *>} [attributes] attributes; `on…` are listeners; false and null are left out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement|SVGElement}
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.replace("svg:", "").split(".");
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, name) : document.createElement(name);
  if (classes.length) made.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else set(made, key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Set an attribute where it differs; false, null and undefined take it away.
 * @param {Element} element
 * @param {string} name
 * @param {*} value
 */
export function set(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * Say a text where another one stands.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A function that is told a value and acts only where it differs from the last one.
 * @param {function(*): void} act
 * @returns {function(*): void}
 */
export function whenever(act) {
  let last;
  return (value) => {
    const key = JSON.stringify(value);
    if (key === last) return;
    last = key;
    act(value);
  };
}

/**
 * A row of buttons of which one is pressed.
 * @param {string} label for screen readers
 * @param {Array<[string, string]>} options values and words
 * @param {function(string): void} choose
 * @returns {{element: HTMLElement, show: function(string): void}}
 */
export function segments(label, options, choose) {
  const buttons = options.map(([value, words]) =>
    h("button", { type: "button", "data-value": value, onclick: () => choose(value) }, words),
  );
  return {
    element: h("div.segments", { role: "group", "aria-label": label }, ...buttons),
    show: (chosen) => buttons.forEach((button) => set(button, "aria-pressed", String(button.dataset.value === chosen))),
  };
}

/** Whether the person asked for less motion. */
export const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Put a list's items in an order; what moves is seen to move, and what is focused stays so.
 * @param {Element} list
 * @param {Array<HTMLElement>} items all that it then holds
 */
export function arrange(list, items) {
  if (items.length === list.children.length && items.every((item, k) => item === list.children[k])) return;
  const places = still() ? [] : items.map((item) => item.isConnected && item.getBoundingClientRect()),
    focused = document.activeElement;
  list.replaceChildren(...items);
  if (list.contains(focused)) focused.focus({ preventScroll: true });
  const moves = places.map((was, k) => {
    const is = was && items[k].getBoundingClientRect();
    return was && (was.left !== is.left || was.top !== is.top) && [was.left - is.left, was.top - is.top];
  });
  moves.forEach((by, k) => {
    const from = by && `translate(${by[0]}px, ${by[1]}px)`;
    if (by) items[k].animate([{ transform: from }, { transform: "none" }], { duration: 240, easing: "ease-out" });
  });
}
