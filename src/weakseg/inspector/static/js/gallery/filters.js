// The gallery's filter and order.

/** @import { Filter, Run } from "../../../types/answers" */
/** @import { Parameters } from "../../../types/page" */

import { h } from "../common/dom.js";
import { MEASURES } from "../common/format.js";

const TYPING = 200; // milliseconds without a key after which a text is looked for

/** @typedef {[value: string, text: string][]} Options */

/** @type {Options} */
const STATES = [
  ["", "any"],
  ["open", "no decision yet"],
  ...["flagged", "accepted", "rejected", "corrected"].map(same),
];

/** @type {Options} */
const ORDERS = [
  ["up", "lowest first"],
  ["down", "highest first"],
];

/** @type {(name: string) => [string, string]} */
function same(name) {
  return [name, name];
}

/**
 * @param {Run} run
 * @param {() => unknown} change told when another filter is chosen
 */
export function controls(run, change) {
  /** @type {Options} */
  const sorts = [["index", "order of the index"], ...run.measures.map(sort)];
  return h(
    "form",
    { class: "filters", "aria-label": "Filter and order", onsubmit: (event) => event.preventDefault() },
    choose("label", "Class", [["", "any"], ...run.classes.map(same)], change),
    choose("split", "Split", [["", "any"], ...Object.keys(run.splits).map(same)], change),
    choose("state", "Review", STATES, change),
    warnings(run, change),
    choose("sort", "Sort by", sorts, change),
    choose("order", "Order", ORDERS, change),
    name(change),
  );
}

/** @type {(run: Run, change: () => unknown) => HTMLElement | null} */
function warnings(run, change) {
  /** @type {Options} */
  const options = run.warnings.map(({ name: key, found }) => [key, found]);
  return options.length ? choose("warning", "Warning", [["", "any"], ...options], change) : null;
}

/** @type {(measure: keyof typeof MEASURES) => [string, string]} */
const sort = (measure) => [measure, MEASURES[measure].name];

/** @type {(name: string, label: string, options: Options, change: () => unknown) => HTMLElement} */
function choose(name, label, options, change) {
  const made = options.map(([value, text]) => h("option", { value }, text));
  return h("label", {}, label, h("select", { name, onchange: change }, made));
}

/** @type {(change: () => unknown) => HTMLElement} */
function name(change) {
  /** @type {number | undefined} */
  let typing;
  const oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(change, TYPING);
  };
  const about = { name: "text", type: "search", placeholder: "part of the id", autocomplete: "off" };
  return h("label", {}, "Name", h("input", { ...about, oninput }));
}

/** @type {(form: HTMLFormElement) => Parameters} */
export const chosen = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));

/** @type {(form: HTMLFormElement, filter: Filter) => void} */
export function fillIn(form, filter) {
  for (const [name, value] of Object.entries(filter)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLSelectElement || field instanceof HTMLInputElement) field.value = value;
  }
}
