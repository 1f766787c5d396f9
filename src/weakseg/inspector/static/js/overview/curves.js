// Training curves.

/** @import { Run } from "../../../types/answers" */

import { spaced } from "../common/format.js";
import { lines } from "./charts.js";

const NOT_LOSSES = ["iteration", "epoch", "learning_rate", "gradient_norm", "seconds"];

/** @type {(histories: Run["histories"]) => HTMLElement[]} a drawing for each training */
export const curves = (histories) =>
  Object.entries(histories).map(([room, columns]) => {
    const parts = Object.keys(columns).filter((name) => !NOT_LOSSES.includes(name) && name !== "loss");
    const shown = ["loss", ...(parts.length > 1 ? parts : [])].filter((name) => columns[name]);
    const series = shown.map((name) => ({ name: spaced(name), x: columns.iteration, y: columns[name] }));
    return lines(room, series, "iterations");
  });
