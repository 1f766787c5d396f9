// Numbers as people read them.

export const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export const score = (value) => (known(value) ? value.toFixed(3) : "–");

export const percent = (value) => (known(value) ? `${(100 * value).toFixed(1)} %` : "–");

export const signed = (value) => (known(value) ? `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}` : "–");

export const count = (value) => value.toLocaleString("en");

export function duration(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = seconds / 60;
  return minutes < 100 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** Snakemake's megabytes (2²⁰ bytes) as gigabytes (10⁹). */
export const memory = (megabytes) => (known(megabytes) ? `${((megabytes * 1.048576) / 1000).toFixed(1)} GB` : "–");

export const MEASURES = {
  index: { name: "order of the index", show: () => "" },
  iou: { name: "proxy IoU against truth", show: score },
  prediction_iou: { name: "prediction IoU against truth", show: score },
  undecided: { name: "undecided share", show: percent },
  changed: { name: "change, fused to refined", show: percent },
  disagreement: { name: "attention–saliency disagreement", show: score },
};
