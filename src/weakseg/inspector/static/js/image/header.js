// Above the panels: which image it is, the next one, and how it is shown.

/** @import { Layers, Place } from "../../../types/answers" */
/** @import { Attributes, Mode, Side } from "../../../types/page" */

import { h } from "../common/dom.js";
import { count } from "../common/format.js";

export const ZOOM = 1.5; // with each step

/**
 * @typedef {object} Actions
 * @property {(side: Side) => void} step to the image before or after
 * @property {(mode: Mode) => void} setMode
 * @property {(opacity: number) => void} setOpacity
 * @property {(factor: number) => void} zoom 0 for the whole image
 */

export class Header {
  title = h("h1", {}, "");
  about = h("p", { class: "about soft" });

  /**
   * @param {Actions} actions
   * @param {number} opacity
   */
  constructor(actions, opacity) {
    this.before = button("←", { "aria-label": "Image before", onclick: () => actions.step("before") });
    this.after = button("→", { "aria-label": "Next image", onclick: () => actions.step("after") });
    this.beside = button("Side by side", { "data-mode": "beside", onclick: () => actions.setMode("beside") });
    this.stack = button("One panel", { "data-mode": "stack", onclick: () => actions.setMode("stack") });
    this.opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: opacity });
    this.opacity.addEventListener("input", () => actions.setOpacity(Number(this.opacity.value)));
    this.element = h(
      "div",
      { class: "image-head" },
      h("div", { class: "group" }, this.before, this.after),
      h("div", { class: "naming" }, this.title, this.about),
      group("Panels", this.beside, this.stack),
      h("label", { class: "compact" }, "Opacity ", this.opacity),
      group("Zoom", ...zoomButtons(actions)),
    );
  }

  /**
   * @param {string} id
   * @param {Layers} answer
   * @param {Place} place
   */
  describe(id, { labels, size: [height, width] }, { place, total, row, before, after }) {
    this.title.textContent = id;
    const at =
      place === null ? `not in the filter's ${count(total)}` : `${count(place + 1)} of ${count(total)}`;
    this.about.textContent = [labels.join(", ") || "no class", row.split, `${width}×${height}`, at].join(
      " · ",
    );
    this.before.disabled = !before;
    this.after.disabled = !after;
  }

  /** @param {Mode} mode */
  press(mode) {
    this.beside.setAttribute("aria-pressed", String(mode === "beside"));
    this.stack.setAttribute("aria-pressed", String(mode === "stack"));
  }
}

/** @type {(text: string, about: Attributes) => HTMLButtonElement} */
const button = (text, about) => h("button", { type: "button", ...about }, text);

/** @type {(label: string, ...buttons: HTMLElement[]) => HTMLElement} */
const group = (label, ...buttons) =>
  h("div", { class: "group", role: "group", "aria-label": label }, buttons);

/** @type {(actions: Actions) => HTMLElement[]} */
const zoomButtons = (actions) => [
  button("−", { title: "Zoom out", "aria-label": "Zoom out", onclick: () => actions.zoom(1 / ZOOM) }),
  button("+", { title: "Zoom in", "aria-label": "Zoom in", onclick: () => actions.zoom(ZOOM) }),
  button("Fit", { title: "Whole image", onclick: () => actions.zoom(0) }),
];
