// Training curves.

/** @import { Run } from "../../../types/answers" */
/** @import { Line } from "./charts.js" */

import { known, score, spaced } from "../common/format.js";
import { lines } from "./charts.js";

const NOT_LOSSES = ["iteration", "epoch", "learning_rate", "gradient_norm", "seconds", "val_ap"];

/** @type {(histories: Run["histories"]) => HTMLElement[]} a drawing for each training */
export const curves = (histories) =>
  Object.entries(histories).flatMap(([room, columns]) => {
    const parts = Object.keys(columns).filter((name) => !NOT_LOSSES.includes(name) && name !== "loss");
    const shown = ["loss", ...(parts.length > 1 ? parts : [])].filter((name) => columns[name]);
    const series = shown.map((name) => line(spaced(name), columns.iteration, columns[name]));
    return series[0]?.x.length ? lines(room, series, "iterations", precision(columns.val_ap)) : [];
  });

/** @type {(name: string, iterations: number[], values: (number | null)[]) => Line} without gaps */
function line(name, iterations, values) {
  const points = values.flatMap((y, at) => (known(y) ? [{ x: iterations[at], y }] : []));
  return { name, x: points.map(({ x }) => x), y: points.map(({ y }) => y) };
}

/**
 * The classifier's average precision on the labels of validation images, at its last checkpoint.
 * @type {(values?: (number | null)[]) => string}
 */
function precision(values) {
  const last = values?.findLast(known);
  return known(last) ? ` · average precision on val ${score(last)}` : "";
}
