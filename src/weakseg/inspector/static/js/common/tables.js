// Cards with a title, and tables that scroll where they are too wide.

/** @import { Child } from "../../../types/page" */

import { h } from "./dom.js";

/** @type {(title: string, ...content: Child[]) => HTMLElement} */
export const section = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), content);

/** @type {(...content: Child[]) => HTMLElement} */
export const number = (...content) => h("td", { class: "number" }, content);

/** @type {(name: Child, ...cells: Child[]) => HTMLElement} */
export const row = (name, ...cells) => h("tr", {}, h("th", { scope: "row" }, name), cells);

/**
 * A number with a bar behind it, as long as its share of the whole.
 * @type {(text: string, share: number | null | undefined) => HTMLElement}
 */
export function bar(text, share) {
  const width = `${100 * Math.max(0, Math.min(1, share || 0))}%`;
  return h(
    "span",
    { class: "bar-cell" },
    h("span", { class: "bar-fill", style: { width } }),
    h("span", {}, text),
  );
}

/**
 * @param {string[]} texts names of the first columns, which hold text
 * @param {string[]} numbers names of the others
 * @param {HTMLElement[]} rows
 */
export function table(texts, numbers, rows) {
  const label = `Table: ${[...texts, ...numbers].join(", ")}`;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, heads(texts, ""), heads(numbers, "number"))),
      h("tbody", {}, rows),
    ),
  );
}

/** @type {(names: string[], style: string) => HTMLElement[]} */
const heads = (names, style) => names.map((name) => h("th", { scope: "col", class: style }, name));
