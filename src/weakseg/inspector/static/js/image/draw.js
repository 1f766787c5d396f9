// Drawing one panel: the image, layers over it, and a cross where the pointer is.

/** @import { Group, Point } from "../../../types/page" */
/** @import { Viewport } from "./viewport.js" */

const ARM = 7; // pixels of the cross, from its middle
const CROSS = /** @type {const} */ ([
  ["#000", 3],
  ["#fff", 1.2],
]);

/**
 * @typedef {object} Content
 * @property {Group[]} groups one for each panel
 * @property {HTMLImageElement | null} picture
 * @property {number} width of the layers
 * @property {number} height
 * @property {number} opacity of layers over the image, 0…1
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Group} group
 * @param {Content} content
 * @param {Viewport} view
 * @param {Point | null} at the pixel under the pointer
 */
export function draw(canvas, group, content, view, at) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height, picture, opacity } = content;
  const scale = view.scale(canvas.width, width);
  const corner = view.corner(canvas, content);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, corner.x, corner.y);
  context.imageSmoothingEnabled = scale < 2; // large pixels are shown as they are
  if (group.base && picture) context.drawImage(picture, 0, 0, width, height);
  context.imageSmoothingEnabled = scale < 1;
  context.globalAlpha = group.base ? opacity : 1;
  for (const paint of group.paints) context.drawImage(paint, 0, 0);
  context.globalAlpha = 1;
  if (at) cross(context, at, scale);
}

/** @type {(context: CanvasRenderingContext2D, at: Point, scale: number) => void} */
function cross(context, at, scale) {
  const [x, y, arm] = [at.x + 0.5, at.y + 0.5, ARM / scale];
  for (const [style, width] of CROSS) {
    context.strokeStyle = style;
    context.lineWidth = width / scale;
    context.beginPath();
    context.moveTo(x - arm, y);
    context.lineTo(x + arm, y);
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
    context.stroke();
  }
}
