// The list of an image's layers, with what each says under the pointer, and the legend of their colours.

/** @import { Colour, Layer } from "../../../types/answers" */
/** @import { Point } from "../../../types/page" */

import { h } from "../common/dom.js";
import { entry } from "../common/legend.js";
import { DIFFERENCE, scoreOf, UNDECIDED, valueAt } from "./layers.js";

const KEYS = 9; // layers that a key shows and hides
const HINT = "Point at the image for its values.";

export class LayerList {
  list = h("ol", { class: "layers", "aria-label": "Layers" });
  pointer = h("p", { class: "pointer soft", "aria-hidden": "true" }, HINT);
  legend = h("ul", { class: "legend", "aria-label": "Colours" });
  element = h(
    "section",
    { class: "panel-section", "aria-labelledby": "layers-title" },
    h("h2", { id: "layers-title" }, "Layers"),
    this.list,
    this.pointer,
  );
  /** @type {Layer[]} */
  layers = [];
  /** @type {HTMLElement[]} a row for each layer */
  rows = [];

  /**
   * @param {string[]} names background and the classes
   * @param {HTMLElement} trial the list of a trial's layers; it stands below the sliders, since above
   *   them it would push the slider away that is being moved
   * @param {(name: string) => void} toggle
   */
  constructor(names, trial, toggle) {
    this.names = names;
    this.trial = trial;
    this.toggle = toggle;
  }

  /**
   * @param {Layer[]} layers
   * @param {number} own how many are the run's own; those of a trial follow
   * @param {Layer[]} shown
   * @param {Colour[]} colours
   */
  show(layers, own, shown, colours) {
    const focused = this.focused();
    this.layers = layers;
    const buttons = layers.map((layer, at) => this.button(layer, at, shown.includes(layer)));
    this.rows = buttons.map((button) => h("li", {}, button));
    this.list.replaceChildren(...this.rows.slice(0, own));
    this.trial.replaceChildren(...this.rows.slice(own));
    if (focused) buttons.find(({ dataset }) => dataset.name === focused)?.focus();
    this.legend.replaceChildren(...classes(layers, colours, this.names), ...differences(shown));
  }

  /** The layer whose button has the focus. */
  focused() {
    const { activeElement: active } = document;
    const isOurs = this.list.contains(active) || this.trial.contains(active);
    return isOurs && active instanceof HTMLElement ? active.dataset.name : undefined;
  }

  /**
   * @param {Layer} layer
   * @param {number} at
   * @param {boolean} pressed
   */
  button(layer, at, pressed) {
    const { name, kind } = layer;
    const key = at < KEYS ? String(at + 1) : "";
    return h(
      "button",
      {
        type: "button",
        "data-name": name,
        "aria-pressed": String(pressed),
        "aria-keyshortcuts": key || null,
        onclick: () => this.toggle(name),
      },
      h("kbd", { class: key ? "" : "none" }, key),
      h("span", { class: "layer-name" }, name),
      h("span", { class: "value", "data-kind": kind }, scoreOf(layer)),
    );
  }

  /**
   * Tell every layer's value at a pixel; without one, its score.
   * @param {Point | null} at
   * @param {number} width of the layers
   */
  hover(at, width) {
    this.pointer.textContent = at ? `x ${at.x}, y ${at.y}` : HINT;
    this.layers.forEach((layer, number) => {
      const value = this.rows[number].querySelector(".value");
      const told = at ? valueAt(layer, at.y * width + at.x, this.names) : scoreOf(layer);
      if (value) value.textContent = told;
    });
  }
}

/** @type {(layers: Layer[], colours: Colour[], names: string[]) => HTMLElement[]} */
function classes(layers, colours, names) {
  const maps = layers.filter(({ kind }) => kind === "labels");
  const used = new Set(maps.flatMap(({ values }) => [...new Set(values)]));
  const found = [...used].filter((value) => value > 0 && value < UNDECIDED).sort((one, other) => one - other);
  const entries = found.map((value) => entry(colours[value], names[value]));
  return used.has(UNDECIDED) ? [...entries, entry("hatched", "undecided, not scored")] : entries;
}

/** @type {(shown: Layer[]) => HTMLElement[]} */
function differences(shown) {
  if (!shown.some(({ kind }) => kind === "difference")) return [];
  return DIFFERENCE.flatMap(({ name, colour }) =>
    Array.isArray(colour) ? [entry([colour[0], colour[1], colour[2]], name)] : [],
  );
}
