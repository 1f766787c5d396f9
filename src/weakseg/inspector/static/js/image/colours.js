// From the values of a layer to colours.

/** @import { Colour, Layer } from "../../../types/answers" */
/** @import { Pixel } from "../../../types/page" */

import { DIFFERENCE, UNDECIDED } from "./layers.js";

/** @type {Pixel} */
const LINE = [16, 18, 20, 235]; // around a region: some VOC colours are nearly black, others pale
/** @type {Pixel} */
const CHANGED = [230, 159, 0, 255];
/** @type {Pixel[]} */
const HATCH = [
  [238, 238, 238, 225],
  [120, 120, 120, 225],
];
const INFERNO = "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4";
const CIVIDIS = "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";

/** @typedef {Pixel | "hatch" | null} Paint */

/**
 * A layer's colours as a canvas of the image's size; none for the image itself.
 * @param {Layer} layer
 * @param {number} width
 * @param {number} height
 * @param {Colour[]} palette
 */
export function painted(layer, width, height, palette) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pixels = new ImageData(width, height);
  paint(layer, pixels, palette);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/** @type {(layer: Layer, pixels: ImageData, palette: Colour[]) => void} */
function paint({ kind, name, values }, pixels, palette) {
  if (kind === "labels") labels(values, pixels, palette);
  else if (kind === "map") heat(values, pixels, name === "saliency" ? CIVIDIS : INFERNO);
  else if (kind === "difference") each(values, pixels, (value) => DIFFERENCE[value].colour);
  else if (kind === "change") each(values, pixels, (value) => (value ? CHANGED : null));
}

/** @type {(values: Uint8Array, pixels: ImageData, palette: Colour[]) => void} */
function labels(values, pixels, palette) {
  /** @type {Paint[]} */
  const colours = palette.map(([red, green, blue]) => [red, green, blue, 255]);
  [colours[0], colours[UNDECIDED]] = [null, "hatch"];
  each(values, pixels, (value) => colours[value]);
  outline(values, pixels);
}

/** @type {(values: Uint8Array, pixels: ImageData, stops: string) => void} */
function heat(values, { data }, stops) {
  const colours = ramp(stops);
  values.forEach((value, at) => {
    data.set(colours[value], 4 * at);
    data[4 * at + 3] = 90 + 0.64 * value; // the stronger, the less of the image shows
  });
}

/** @type {(values: Uint8Array, pixels: ImageData, colourOf: (value: number) => Paint) => void} */
function each(values, { data, width }, colourOf) {
  for (let at = 0; at < values.length; at += 1) {
    let colour = colourOf(values[at]);
    if (colour === "hatch") colour = HATCH[((at % width) + Math.floor(at / width)) & 4 ? 1 : 0];
    if (colour) data.set(colour, 4 * at);
  }
}

/**
 * A line around each region of a class.
 * @type {(values: Uint8Array, pixels: ImageData) => void}
 */
function outline(values, { data, width }) {
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] === 0 || values[at] === UNDECIDED) continue;
    const column = at % width;
    const neighbours = [column ? at - 1 : at, column + 1 < width ? at + 1 : at, at - width, at + width];
    const isEdge = neighbours.some((other) => values[other] !== undefined && values[other] !== values[at]);
    if (isEdge) data.set(LINE, 4 * at);
  }
}

/** @type {Map<string, Pixel[]>} */
const ramps = new Map();

/** @type {(stops: string) => Pixel[]} value 0…255 → colour */
function ramp(stops) {
  const known = ramps.get(stops);
  if (known) return known;
  const colours = stops.split(" ").map((stop) => [0, 2, 4].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const last = colours.length - 1;
  const made = Array.from({ length: 256 }, (_, value) => between(colours, (value / 255) * last));
  ramps.set(stops, made);
  return made;
}

/** @type {(colours: number[][], place: number) => Pixel} */
function between(colours, place) {
  const low = Math.min(Math.floor(place), colours.length - 2);
  const [red, green, blue] = colours[low].map(
    (from, at) => from + (place - low) * (colours[low + 1][at] - from),
  );
  return [red, green, blue, 255];
}
