// Scores, curves, time and memory of the run.

/** @import { Run, Score } from "../../../types/answers" */
/** @import { Page, View } from "../../../types/page" */

import { h } from "../common/dom.js";
import { bar, number, row, section, table } from "../common/tables.js";
import { count, percent, score, spaced } from "../common/format.js";
import { lines } from "./charts.js";
import { costs } from "./costs.js";
import { facts } from "./facts.js";

const NOT_LOSSES = ["iteration", "epoch", "learning_rate", "gradient_norm", "seconds"];

/** @typedef {{ title: string, score: Score }} Scored */

/** @type {(page: Page) => View} */
export function overview({ run }) {
  const scores = inOrder(run);
  const element = h(
    "div",
    { class: "overview" },
    head(run),
    scores.length
      ? [scoreTable(scores), classTable(scores, ["background", ...run.classes])]
      : h("p", { class: "soft" }, "Nothing is scored yet."),
    h("div", { class: "cards" }, curves(run.histories), costs(run.summary.rules ?? {}), facts(run)),
  );
  return { element };
}

/**
 * What is scored, in the order of the chain.
 * @param {Run} run
 * @returns {Scored[]}
 */
function inOrder({ stages, summary: { scores = {} } }) {
  return stages.flatMap(({ name, title }) => (scores[name] ? { title, score: scores[name] } : []));
}

/** @type {(run: Run) => HTMLElement} */
function head({ name, splits, classes }) {
  const images = Object.entries(splits).map(([split, number]) => `${count(number)} ${split}`);
  const said = `${images.join(" + ")} images · ${classes.length} classes: ${classes.join(", ")}`;
  return h("header", { class: "title" }, h("h1", {}, name), h("p", { class: "soft" }, said));
}

/** @type {(scores: Scored[]) => HTMLElement} */
function scoreTable(scores) {
  const rows = scores.map(({ title, score: found }) =>
    row(
      title,
      h("td", {}, found.split),
      number(count(found.images)),
      number(bar(score(found.miou), found.miou)),
      number(percent(found.undecided)),
      number(score(found.miou_undecided_wrong)),
      number(score(found.miou_undecided_background)),
      number(percent(found.pixel_accuracy)),
    ),
  );
  const conventions = ["mIoU, undecided wrong", "mIoU, undecided background"];
  const numbers = ["images", "mIoU", "undecided", ...conventions, "right pixels"];
  return section("Scores", table(["stage", "split"], numbers, rows));
}

/** @type {(scores: Scored[], names: string[]) => HTMLElement} */
function classTable(scores, names) {
  const rows = scores.map(({ title, score: { per_class: found = {} } }) =>
    row(
      title,
      names.map((name) => number(bar(score(found[name]), found[name]))),
    ),
  );
  return section("IoU of each class", table(["stage"], names, rows));
}

/** @type {(histories: Run["histories"]) => HTMLElement | null} */
function curves(histories) {
  const drawn = Object.entries(histories).map(([room, columns]) => {
    const parts = Object.keys(columns).filter((name) => !NOT_LOSSES.includes(name) && name !== "loss");
    const shown = ["loss", ...(parts.length > 1 ? parts : [])].filter((name) => columns[name]);
    const series = shown.map((name) => ({ name: spaced(name), x: columns.iteration, y: columns[name] }));
    return lines(room, series, "iterations");
  });
  return drawn.length ? section("Training", h("div", { class: "charts" }, drawn)) : null;
}
