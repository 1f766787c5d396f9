// The canvases: one per layer side by side, or one for all; they zoom and move together.

/** @import { Point } from "../../../types/page" */
/** @import { Content } from "./draw.js" */

import { h } from "../common/dom.js";
import { draw } from "./draw.js";
import { fit, Panel } from "./panel.js";
import { Viewport } from "./viewport.js";

/**
 * @typedef {object} Watcher
 * @property {(at: Point | null) => void} hover told the pixel under the pointer
 * @property {() => void} remember told that another part of the image is seen, to keep it in the address
 */
/** @typedef {{ at: Point, from: Point }} Drag where the pointer and the view's middle were at its start */

export class Panels {
  element = h("div", { class: "panels" });
  view = new Viewport();
  /** @type {Content} */
  content = { groups: [], picture: null, width: 1, height: 1, opacity: 0.7 };
  /** @type {Panel[]} */
  panels = [];
  /** @type {Point | null} the pixel under the pointer */
  cursor = null;
  /** @type {Drag | null} */
  drag = null;
  waiting = false;

  /** @param {Watcher} watcher */
  constructor(watcher) {
    this.watcher = watcher;
    new ResizeObserver(() => this.arrange()).observe(this.element);
  }

  /**
   * Show groups of layers, a panel each.
   * @param {Partial<Content>} next what changes
   */
  show(next) {
    Object.assign(this.content, next);
    const { groups } = this.content;
    for (const panel of this.panels.splice(groups.length)) panel.figure.remove();
    while (this.panels.length < groups.length) this.panels.push(this.add());
    this.panels.forEach((panel, number) => panel.describe(groups[number]));
    this.arrange();
  }

  add() {
    const panel = new Panel();
    const { canvas } = panel;
    canvas.addEventListener("pointermove", (event) => this.over(event, panel));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("pointerdown", (event) => this.grab(event, canvas));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, () => (this.drag = null));
    canvas.addEventListener("wheel", (event) => this.wheel(event, panel), { passive: false });
    this.element.append(panel.figure);
    return panel;
  }

  /** As large as the panels can be. */
  arrange() {
    const { clientWidth: wide, clientHeight: tall } = this.element;
    const number = this.content.groups.length;
    if (!wide || !number) return;
    const shape = this.content.height / this.content.width;
    const free = getComputedStyle(this.element).overflowY === "visible"; // a narrow page scrolls as a whole
    const best = fit(number, wide, free ? Infinity : tall, shape);
    const width = Math.max(60, Math.floor(best.width));
    this.element.style.gridTemplateColumns = `repeat(${best.columns}, ${width}px)`;
    for (const panel of this.panels) panel.resize(width, width * shape);
    this.draw();
  }

  draw() {
    for (const { canvas } of this.panels) canvas.style.touchAction = this.view.zoom > 1 ? "none" : "pan-y";
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const { content, view, cursor } = this;
      this.panels.forEach(({ canvas }, number) =>
        draw(canvas, content.groups[number], content, view, cursor),
      );
    });
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLCanvasElement} canvas
   */
  grab({ pointerId, clientX, clientY }, canvas) {
    canvas.setPointerCapture(pointerId);
    this.drag = { at: { x: clientX, y: clientY }, from: { x: this.view.x, y: this.view.y } };
  }

  /**
   * @param {PointerEvent} event
   * @param {Panel} panel
   */
  over(event, panel) {
    const { width, height } = this.content;
    const at = panel.pixel(event, this.view, this.content);
    if (this.drag) this.pull(this.drag, event, at.scale);
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    this.point(x >= 0 && y >= 0 && x < width && y < height ? { x, y } : null);
  }

  /**
   * @param {Drag} drag
   * @param {PointerEvent} event
   * @param {number} scale
   */
  pull({ at, from }, event, scale) {
    const across = (event.clientX - at.x) / (scale * this.content.width);
    const down = (event.clientY - at.y) / (scale * this.content.height);
    this.view.moveTo(from.x - across, from.y - down);
    this.changed();
  }

  /** @param {Point | null} at */
  point(at) {
    this.cursor = at;
    this.watcher.hover(at);
    this.draw();
  }

  /**
   * @param {WheelEvent} event
   * @param {Panel} panel
   */
  wheel(event, panel) {
    event.preventDefault();
    const at = panel.pixel(event, this.view, this.content);
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.002));
    this.view.zoomTo(this.view.zoom * factor, at.x / this.content.width, at.y / this.content.height);
    this.changed();
  }

  /** @param {number} factor 0 for the whole image */
  zoom(factor) {
    this.view.zoomTo(factor ? this.view.zoom * factor : 1);
    this.changed();
  }

  /** @param {string} [text] as `position` gives it; the whole image without */
  move(text = "") {
    this.view.text = text;
    this.changed();
  }

  /** Which part of the image is seen, for an address. */
  get position() {
    return this.view.text;
  }

  changed() {
    this.draw();
    this.watcher.remember();
  }
}
