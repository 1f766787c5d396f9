// An image's layers by their values.

/** @import { Layer, Layers } from "../../../types/answers" */
/** @import { Pixel } from "../../../types/page" */

import { known, score } from "../common/format.js";

export const UNDECIDED = 255;

/**
 * What a difference to the truth is made of; told apart without red or green.
 * @type {{ name: string, colour: Pixel | "hatch" | null }[]}
 */
export const DIFFERENCE = [
  { name: "right", colour: null },
  { name: "missed (truth has a class)", colour: [86, 180, 233, 255] },
  { name: "invented (truth is background)", colour: [230, 159, 0, 255] },
  { name: "another class", colour: [204, 60, 150, 255] },
  { name: "undecided", colour: "hatch" },
];

/**
 * Layers of an answer; the difference is made here.
 * @param {Layers} answer
 * @returns {Layer[]}
 */
export function layersOf({ planes }) {
  return withDifference(
    [{ name: "image", kind: "image", values: new Uint8Array() }, ...planes],
    "refined",
    "difference",
  );
}

/** @type {(layers: Layer[], name: string) => Layer | undefined} */
const find = (layers, name) => layers.find((layer) => layer.name === name);

/**
 * Add where a label map differs from the truth, if there are both.
 * @param {Layer[]} layers
 * @param {string} stage
 * @param {string} name of the difference
 * @returns {Layer[]}
 */
function withDifference(layers, stage, name) {
  const [labels, truth] = [find(layers, stage), find(layers, "truth")];
  if (!labels || !truth) return layers;
  return [...layers, { name, kind: "difference", values: difference(labels.values, truth.values) }];
}

/**
 * The run's own layers with those of a trial, what it gets wrong, and where it differs from the run.
 * @param {Layer[]} own
 * @param {Layer[]} tried
 * @returns {Layer[]}
 */
export function withTrial(own, tried) {
  const layers = withDifference([...own, ...tried], "new refined", "new difference");
  const [before, after] = [find(own, "refined"), find(tried, "new refined")];
  if (!before || !after) return layers;
  const values = after.values.map((label, at) => (label === before.values[at] ? 0 : 1));
  return [...layers, { name: "change", kind: "change", values }];
}

/** @type {(labels: Uint8Array, truth: Uint8Array) => Uint8Array} places in `DIFFERENCE` */
function difference(labels, truth) {
  return labels.map((label, at) => {
    const wanted = truth[at];
    if (wanted === UNDECIDED || label === wanted) return 0;
    if (label === UNDECIDED) return 4;
    if (label === 0) return 1;
    return wanted === 0 ? 2 : 3;
  });
}

/** @type {(layer: Layer) => string} */
export const scoreOf = ({ iou }) => (known(iou) ? `IoU ${score(iou)}` : "");

/**
 * What a layer says at one pixel.
 * @param {Layer} layer
 * @param {number} at
 * @param {string[]} names background and the classes
 */
export function valueAt({ kind, name, values }, at, names) {
  const value = values[at];
  switch (kind) {
    case "image":
      return "";
    case "map":
      return (value / 255).toFixed(2);
    case "labels":
      return value === UNDECIDED ? (name === "truth" ? "not scored" : "undecided") : names[value];
    case "change":
      return value ? "changed" : "same";
    case "difference":
      return DIFFERENCE[value].name.split(" (")[0];
  }
}
