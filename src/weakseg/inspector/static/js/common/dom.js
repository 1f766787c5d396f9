// Making elements. Text is always text: nothing of a run is ever read as HTML.

/** @import { Attributes, Child } from "../../../types/page" */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes (`on…` functions listen, `class`, `aria-…`, …) and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * The same for a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {HTMLElement | SVGElement} Made
 * @param {Made} element
 * @param {Attributes} attributes
 * @param {Child} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (typeof value === "object") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...leaves(children));
  return element;
}

/**
 * @param {Child} child
 * @returns {(Node | string)[]}
 */
function leaves(child) {
  if (typeof child === "string" || child instanceof Node) return [child];
  return child ? child.flatMap(leaves) : [];
}

/**
 * An element of index.html.
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The page has no ${kind.name} with the id ${id}.`);
}

/** @type {number | undefined} */
let hide;

/** One sentence at the bottom of the page, read aloud by screen readers. */
export function say(/** @type {string} */ sentence, wrong = false) {
  const status = byId("status", HTMLElement);
  status.textContent = sentence;
  status.classList.toggle("wrong", wrong);
  status.hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => (status.hidden = true), wrong ? 8000 : 2500);
}

/**
 * Run something that may be refused, and say why if it is; then there is no answer.
 * @template Answer
 * @param {() => Promise<Answer>} work
 * @returns {Promise<Answer | undefined>}
 */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name !== "AbortError") say(error.message, true);
    return undefined;
  }
}
