// Making elements. Text is always text: nothing of a run is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`on…` functions listen, `class`, `aria-…`, …) and children. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

let hide;

/** One sentence at the bottom of the page, read aloud by screen readers. */
export function say(sentence, wrong = false) {
  const status = byId("status");
  status.textContent = sentence;
  status.classList.toggle("wrong", wrong);
  status.hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => (status.hidden = true), wrong ? 8000 : 2500);
}

/** Run something that may be refused, and say why if it is. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
    return undefined;
  }
}
