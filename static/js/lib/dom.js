// @ts-check
// Elements without strings of HTML: text goes in as text only.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element. `attributes` sets class names, aria and data values; a false or null value leaves one out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, string | number | boolean | null | undefined>} [attributes] @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  append(node, children);
  return node;
}

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag @param {Record<string, string | number | boolean | null | undefined>} [attributes] @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  append(node, children);
  return node;
}

/** @param {Element} node @param {Record<string, string | number | boolean | null | undefined>} attributes */
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Element} node @param {Child[]} children */
function append(node, children) {
  for (const child of children) {
    if (child) node.append(child);
  }
}

/** Draw an icon of templates/_sprite.html. @param {string} name */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));
}

/** The shape of a state; `showState` changes it. */
export function stateGlyph() {
  return svg("svg", { class: "state", "aria-hidden": "true" }, svg("use"));
}

/** @param {SVGSVGElement} glyph @param {string} state a symbol of templates/_sprite.html */
export function showState(glyph, state) {
  if (glyph.dataset.state === state) return;
  glyph.dataset.state = state;
  glyph.setAttribute("class", `state state--${state}`);
  glyph.firstElementChild?.setAttribute("href", `#state-${state}`);
}

/** Write a text if it differs: an unchanged node costs no layout. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value null removes it */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** @param {HTMLElement} node @param {string} name a custom property @param {string} value */
export function setProperty(node, name, value) {
  if (node.style.getPropertyValue(name) !== value) node.style.setProperty(name, value);
}

/** Call `changed` when an element becomes wider or narrower; returns how its width is asked, in px. @param {Element} node @param {() => void} changed */
export function watchWidth(node, changed) {
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.floor(entry.contentRect.width) === width) return;
    width = Math.floor(entry.contentRect.width);
    changed();
  }).observe(node);
  return () => width;
}

/** Return the element with an id that the page is sure to have. @param {string} id */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no element #${id}.`);
  return node;
}

/** Put children in this order, moving only those that stand elsewhere. @param {Element} parent @param {readonly Element[]} children */
export function arrange(parent, children) {
  children.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild?.remove();
}
