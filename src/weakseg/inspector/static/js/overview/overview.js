// How far the run is, warnings, scores, curves, time and memory.

/** @import { Now, Run, Score } from "../../../types/answers" */
/** @import { Child, Page } from "../../../types/page" */

import { h } from "../common/dom.js";
import { bar, number, row, section, table } from "../common/tables.js";
import { count, percent, score } from "../common/format.js";
import { costs } from "./costs.js";
import { curves } from "./curves.js";
import { facts } from "./facts.js";
import { Stages } from "./stages.js";
import { warnings } from "./warnings.js";

/** @typedef {{ title: string, score: Score }} Scored */

export class Overview {
  stages = new Stages();
  head = h("header", { class: "title" });
  warnings = h("div", { class: "slot" });
  scores = h("div", { class: "slot" });
  cards = h("div", { class: "cards" });
  element = h(
    "div",
    { class: "overview" },
    this.head,
    this.stages.said,
    this.stages.element,
    this.warnings,
    this.scores,
    this.cards,
  );
  /** @type {Map<HTMLElement, string>} part of the page → what it was made of */
  made = new Map();

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.changed();
    if (page.now) this.tell(page.now);
  }

  /** @param {Now} now */
  tell(now) {
    this.stages.tell(now);
    this.fillCards();
  }

  /** Make those parts again whose values have changed. */
  changed() {
    const { run } = this.page;
    this.fill(this.head, [run.name, run.splits, run.classes, run.summary.supervision], () => head(run));
    this.fill(this.warnings, run.warnings, () => warnings(run.warnings));
    this.fill(this.scores, [run.stages, run.summary.scores, run.classes], () => scored(run));
    this.fillCards();
  }

  /** The curves of the trainings at work stand beside their stages. */
  fillCards() {
    const { run, now } = this.page;
    const ended = Object.entries(run.histories).filter(([name]) => !now?.histories[name]);
    this.fill(this.cards, [ended, run.summary, run.review], () => [
      training(Object.fromEntries(ended)),
      costs(run.summary.rules ?? {}),
      facts(run),
    ]);
  }

  /**
   * @param {HTMLElement} part
   * @param {unknown} values
   * @param {() => Child | Child[]} make
   */
  fill(part, values, make) {
    const text = JSON.stringify(values);
    if (this.made.get(part) === text) return;
    this.made.set(part, text);
    part.replaceChildren(...h("div", {}, make()).childNodes);
  }
}

/** @type {(run: Run) => Child[]} */
function head({ name, splits, classes, summary: { supervision } }) {
  const images = Object.entries(splits).map(([split, number]) => `${count(number)} ${split}`);
  const said = images.length ? `${images.join(" + ")} images` : "The data set is not indexed yet";
  const named = `${said} · ${classes.length} classes: ${classes.join(", ")}`;
  return [
    h("h1", {}, name),
    h("p", { class: "soft" }, classes.length ? named : said),
    supervision && h("p", { class: "supervision" }, supervision),
  ];
}

/** @type {(run: Run) => Child} */
function scored(run) {
  const scores = inOrder(run);
  if (!scores.length) return h("p", { class: "soft" }, "Nothing is scored yet.");
  if (!scores.some(({ score: { images } }) => images))
    return h("p", { class: "soft" }, "No image has a mask: nothing is scored. The stages tell their health.");
  return [scoreTable(scores), classTable(scores, ["background", ...run.classes])];
}

/**
 * What is scored, in the order of the chain.
 * @param {Run} run
 * @returns {Scored[]}
 */
function inOrder({ stages, summary: { scores = {} } }) {
  return stages.flatMap(({ name, title }) => (scores[name] ? { title, score: scores[name] } : []));
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
function training(histories) {
  const drawn = curves(histories);
  return drawn.length ? section("Training", h("div", { class: "charts" }, drawn)) : null;
}
