// Small drawings: lines over iterations, and bars in tables.

import { h, svg } from "./dom.js";

const WIDTH = 420;
const HEIGHT = 190;
const EDGE = { left: 44, right: 12, top: 10, bottom: 26 };

/** Lines `{name, x, y}` over common axes; the first is drawn strongest. */
export function lines(title, series, xName) {
  const [xs, ys] = [series.flatMap((line) => line.x), series.flatMap((line) => line.y)];
  const [xMost, yMost] = [Math.max(...xs, 1), nice(Math.max(...ys, 1e-9))];
  const x = (value) => EDGE.left + (value / xMost) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - (value / yMost) * (HEIGHT - EDGE.top - EDGE.bottom);
  const last = series[0].y.at(-1);
  const label = `${title}: ${series[0].name} from ${short(series[0].y[0])} to ${short(last)} over ${short(xMost)} ${xName}`;
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("b", {}, title), h("span", { class: "soft" }, ` last ${short(last)}`)),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      [0, 0.5, 1].map((part) => grid(yMost * part, y)),
      [0, 0.5, 1].map((part) => tick(xMost * part, x)),
      svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 4, class: "tick", "text-anchor": "end" }, xName),
      [...series].reverse().map((line) => curve(line, series.indexOf(line), x, y)),
    ),
    h(
      "ul",
      { class: "key" },
      series.map((line, number) => h("li", { class: `series-${number}` }, line.name)),
    ),
  );
}

const curve = (line, number, x, y) =>
  line.x.length === 1 ? svg("circle", { class: `dot series-${number}`, cx: x(line.x[0]), cy: y(line.y[0]), r: 3.5 }) :
  svg("polyline", {
    class: `line series-${number}`,
    points: line.x.map((value, at) => `${x(value).toFixed(1)},${y(line.y[at]).toFixed(1)}`).join(" "),
  });

const grid = (value, y) => [
  svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
  svg("text", { class: "tick", x: EDGE.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, short(value)),
];

const tick = (value, x) =>
  value && svg("text", { class: "tick", x: x(value) - (x(value) > WIDTH - 80 ? 70 : 0), y: HEIGHT - 10, "text-anchor": "middle" }, short(value));

/** The next round number above. */
function nice(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= value) * unit;
}

const short = (value) => (Math.abs(value) >= 1000 ? `${+(value / 1000).toFixed(1)}k` : String(+value.toPrecision(3)));

/** A number with a bar behind it, as long as its share of the whole. */
export const bar = (text, share) =>
  h("span", { class: "bar-cell" }, h("span", { class: "bar-fill", style: { width: `${100 * Math.max(0, Math.min(1, share || 0))}%` } }), h("span", {}, text));
