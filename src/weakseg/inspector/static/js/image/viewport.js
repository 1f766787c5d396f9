// Which part of the image is seen, the same in all panels.

/** @import { Point } from "../../../types/page" */

const MOST = 24; // times the size at which the image fits

/** @type {(least: number, value: number, most: number) => number} */
const within = (least, value, most) => Math.min(most, Math.max(least, value));

export class Viewport {
  zoom = 1;
  /** The middle, as a share of the image. */
  x = 0.5;
  y = 0.5;

  /**
   * Zoom so that one point of the image, given as shares of its sides, stays where it is.
   * @param {number} zoom
   * @param {number} [x]
   * @param {number} [y]
   */
  zoomTo(zoom, x = this.x, y = this.y) {
    const next = within(1, zoom, MOST);
    const shrunk = this.zoom / next;
    this.zoom = next;
    this.moveTo(x + (this.x - x) * shrunk, y + (this.y - y) * shrunk);
  }

  /**
   * The image never leaves the panel.
   * @param {number} x
   * @param {number} y
   */
  moveTo(x, y) {
    const half = 0.5 / this.zoom;
    this.x = within(half, x, 1 - half);
    this.y = within(half, y, 1 - half);
  }

  /** As in an address; nothing where the whole image is seen. */
  get text() {
    return this.zoom > 1 ? [this.zoom.toFixed(2), this.x.toFixed(4), this.y.toFixed(4)].join(",") : "";
  }

  /** @param {string} text */
  set text(text) {
    const [zoom, x, y] = (text || "1,0.5,0.5").split(",").map(Number);
    if (![zoom, x, y].every(Number.isFinite)) return;
    this.zoom = within(1, zoom, MOST);
    this.moveTo(x, y);
  }

  /**
   * How many pixels of a panel an image's pixel takes.
   * @param {number} across pixels of the panel
   * @param {number} width pixels of the image
   */
  scale(across, width) {
    return (across / width) * this.zoom;
  }

  /**
   * Where the image's corner lies in a panel.
   * @param {{ width: number, height: number }} panel
   * @param {{ width: number, height: number }} image
   * @returns {Point}
   */
  corner(panel, image) {
    const scale = this.scale(panel.width, image.width);
    return {
      x: panel.width / 2 - this.x * image.width * scale,
      y: panel.height / 2 - this.y * image.height * scale,
    };
  }
}
