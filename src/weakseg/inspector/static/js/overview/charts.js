// A small drawing: lines over iterations.

import { h, svg } from "../common/dom.js";

const WIDTH = 420;
const HEIGHT = 190;
const EDGE = { left: 44, right: 12, top: 10, bottom: 26 };

/** @typedef {{ name: string, x: number[], y: number[] }} Line */
/** @typedef {(value: number) => number} Axis */

/**
 * Lines over common axes; the first is drawn strongest.
 * @param {string} title
 * @param {Line[]} series
 * @param {string} xName
 * @param {string} [more] beside the title
 */
export function lines(title, series, xName, more = "") {
  const xMost = Math.max(...series.flatMap((line) => line.x), 1);
  const yMost = nice(Math.max(...series.flatMap((line) => line.y), 1e-9));
  /** @type {Axis} */
  const x = (value) => EDGE.left + (value / xMost) * (WIDTH - EDGE.left - EDGE.right);
  /** @type {Axis} */
  const y = (value) => HEIGHT - EDGE.bottom - (value / yMost) * (HEIGHT - EDGE.top - EDGE.bottom);
  const [{ name, y: values }] = series;
  const last = short(values[values.length - 1]);
  const label = `${title}: ${name} from ${short(values[0])} to ${last} over ${short(xMost)} ${xName}`;
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("b", {}, title), h("span", { class: "soft" }, ` last ${last}${more}`)),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      [0, 0.5, 1].map((part) => grid(yMost * part, y)),
      [0.5, 1].map((part) => tick(xMost * part, x)),
      svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 4, class: "tick", "text-anchor": "end" }, xName),
      series.map((line, number) => curve(line, number, x, y)).reverse(),
    ),
    key(series),
  );
}

/** @type {(series: Line[]) => HTMLElement} */
const key = (series) =>
  h(
    "ul",
    { class: "key" },
    series.map((line, number) => h("li", { class: `series-${number}` }, line.name)),
  );

/** @type {(line: Line, number: number, x: Axis, y: Axis) => SVGElement} */
function curve(line, number, x, y) {
  if (line.x.length === 1)
    return svg("circle", { class: `dot series-${number}`, cx: x(line.x[0]), cy: y(line.y[0]), r: 3.5 });
  const points = line.x.map((value, at) => `${x(value).toFixed(1)},${y(line.y[at]).toFixed(1)}`);
  return svg("polyline", { class: `line series-${number}`, points: points.join(" ") });
}

/** @type {(value: number, y: Axis) => SVGElement[]} */
const grid = (value, y) => [
  svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
  svg("text", { class: "tick", x: EDGE.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, short(value)),
];

/**
 * The last one makes room for the axis' name.
 * @type {(value: number, x: Axis) => SVGElement}
 */
function tick(value, x) {
  const at = x(value) - (x(value) > WIDTH - 80 ? 70 : 0);
  return svg("text", { class: "tick", x: at, y: HEIGHT - 10, "text-anchor": "middle" }, short(value));
}

/** The next round number above. */
function nice(/** @type {number} */ value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.5, 2, 3, 4, 5, 6, 8].find((step) => step * unit >= value) ?? 10) * unit;
}

/** @type {(value: number) => string} */
const short = (value) =>
  Math.abs(value) >= 1000 ? `${+(value / 1000).toFixed(1)}k` : String(+value.toPrecision(3));
