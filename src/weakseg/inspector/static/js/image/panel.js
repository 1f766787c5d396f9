// One canvas with its caption, and how large it can be.

/** @import { Group } from "../../../types/page" */
/** @import { Viewport } from "./viewport.js" */

import { h } from "../common/dom.js";

const GAP = 8; // between panels, pixels; as in image.css
const CAPTION = 24;
const NARROWEST = 150; // pixels of a panel

/**
 * The number of columns that gives the widest panels.
 * @param {number} number of panels
 * @param {number} wide pixels for all of them
 * @param {number} tall the same; `Infinity` for as many columns as are not too narrow
 * @param {number} shape height / width of the image
 */
export function fit(number, wide, tall, shape) {
  let best = { width: 0, columns: 1 };
  for (let columns = 1; columns <= number; columns += 1) {
    const rows = Math.ceil(number / columns);
    const across = (wide - GAP * (columns - 1)) / columns;
    const down = ((tall - GAP * (rows - 1)) / rows - CAPTION) / shape;
    const width = Math.min(across, down);
    const better = tall === Infinity ? across >= NARROWEST || columns === 1 : width > best.width;
    if (better) best = { width, columns };
  }
  return best;
}

export class Panel {
  title = h("span");
  note = h("span", { class: "note" });
  canvas = h("canvas", { role: "img" });
  figure = h("figure", { class: "panel" }, h("figcaption", {}, this.title, this.note), this.canvas);

  /** @param {Group} group */
  describe({ title, note }) {
    this.title.textContent = title;
    this.note.textContent = note ?? "";
    this.canvas.setAttribute("aria-label", [title, note].filter(Boolean).join(", "));
  }

  /**
   * @param {number} width of the page's pixels
   * @param {number} height
   */
  resize(width, height) {
    const density = devicePixelRatio || 1;
    const [across, down] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      [this.canvas.width, this.canvas.height] = [across, down];
    }
    this.canvas.style.height = `${Math.round(height)}px`;
  }

  /**
   * The image's pixel under the pointer, and how many of the page's pixels it takes.
   * @param {MouseEvent} event
   * @param {Viewport} view
   * @param {{ width: number, height: number }} image
   */
  pixel(event, view, image) {
    const box = this.canvas.getBoundingClientRect();
    const corner = view.corner(box, image);
    const scale = view.scale(box.width, image.width);
    const [x, y] = [event.clientX - box.left - corner.x, event.clientY - box.top - corner.y];
    return { x: x / scale, y: y / scale, scale };
  }
}
