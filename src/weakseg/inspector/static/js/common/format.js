// Numbers as people read them.

/** @import { Measure } from "../../../types/answers" */

/** @typedef {number | null | undefined} Maybe */

/**
 * @param {Maybe} value
 * @returns {value is number}
 */
export const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** @type {(value: Maybe) => string} */
export const score = (value) => (known(value) ? value.toFixed(3) : "–");

/** @type {(value: Maybe) => string} */
export const percent = (value) => (known(value) ? `${(100 * value).toFixed(1)} %` : "–");

/** @type {(value: Maybe) => string} */
export const signed = (value) =>
  known(value) ? `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}` : "–";

/** @type {(value: number) => string} */
export const count = (value) => value.toLocaleString("en");

/** @type {(name: string) => string} */
export const spaced = (name) => name.replaceAll("_", " ");

/** @type {(seconds: Maybe) => string} */
export function duration(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = seconds / 60;
  return minutes < 100 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}

/**
 * Snakemake's megabytes (2²⁰ bytes) as gigabytes (10⁹).
 * @type {(megabytes: Maybe) => string}
 */
export const memory = (megabytes) =>
  known(megabytes) ? `${((megabytes * 1.048576) / 1000).toFixed(1)} GB` : "–";

/** @type {Record<Measure, { name: string, show: (value: Maybe) => string }>} */
export const MEASURES = {
  doubt: { name: "doubt of the health checks", show: (value) => (known(value) ? value.toFixed(2) : "–") },
  iou: { name: "proxy IoU against truth", show: score },
  prediction_iou: { name: "prediction IoU against truth", show: score },
  undecided: { name: "undecided share", show: percent },
  changed: { name: "change, fused to refined", show: percent },
  disagreement: { name: "attention–saliency disagreement", show: score },
};
