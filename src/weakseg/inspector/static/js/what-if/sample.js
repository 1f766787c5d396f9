// Other values on some images of the filter: one after the other, then a table.

/** @import { Filter, Trial } from "../../../types/answers" */
/** @import { Page } from "../../../types/page" */
/** @import { Question } from "../common/api.js" */

import { getImages, whatIf } from "../common/api.js";
import { attempt, h } from "../common/dom.js";
import { known, percent, score, signed } from "../common/format.js";
import { link } from "../common/state.js";
import { number, row } from "../common/tables.js";

export const SAMPLE = 12; // images of a filter that are tried

/** @typedef {{ id: string, trial: Trial }} Tried */

export class Sample {
  element = h("div", { class: "sample" });
  /** The sample under way, if any: another one, or `null`, ends it. @type {object | null} */
  current = null;

  /**
   * @param {Page} page
   * @param {(id: string) => Question} question
   */
  constructor(page, question) {
    this.page = page;
    this.question = question;
  }

  stop() {
    this.current = null;
  }

  async start() {
    const mine = (this.current = {});
    const { filter } = this.page;
    const images = (await attempt(() => getImages({ ...filter, limit: 0 })))?.total ?? 0;
    const wanted = Math.min(SAMPLE, images);
    /** @type {Tried[]} */
    const done = [];
    for (let at = 0; at < wanted; at += 1) {
      this.progress(done.length, wanted);
      const place = Math.floor(((at + 0.5) * images) / wanted);
      const found = await this.tryAt(place, mine);
      if (this.current !== mine) return this.element.replaceChildren();
      if (found) done.push(found);
    }
    this.element.replaceChildren(means(done), comparison(done, filter));
  }

  /**
   * @param {number} done
   * @param {number} wanted
   */
  progress(done, wanted) {
    const stop = h("button", { type: "button", class: "quiet", onclick: () => this.stop() }, "stop");
    this.element.replaceChildren(h("p", { role: "status" }, `${done} of ${wanted}… `, stop));
  }

  /**
   * Try the image at a place of the filter, unless the sample has ended meanwhile.
   * @param {number} offset
   * @param {object} mine
   * @returns {Promise<Tried | undefined>}
   */
  async tryAt(offset, mine) {
    const found = await attempt(() => getImages({ ...this.page.filter, offset, limit: 1 }));
    const id = found?.rows[0]?.id;
    if (id === undefined || this.current !== mine) return undefined;
    const trial = await attempt(() => whatIf(this.question(id)));
    return trial && { id, trial };
  }
}

/** @type {(done: Tried[]) => HTMLElement} */
function means(done) {
  const scored = done.flatMap(({ trial: { old, new: now } }) =>
    old?.counts && now.counts ? [{ old: old.counts, now: now.counts }] : [],
  );
  const before = meanIoU(scored.map(({ old }) => old));
  const after = meanIoU(scored.map(({ now }) => now));
  const undecided = ["old", "new"].map((name) =>
    percent(meanUndecided(done, /** @type {"old" | "new"} */ (name))),
  );
  const gain = h(
    "span",
    {},
    "mIoU ",
    score(before),
    " → ",
    h("b", {}, score(after)),
    ` (${signed(after - before)})`,
  );
  return h(
    "p",
    { class: "result" },
    scored.length ? gain : null,
    h("span", {}, `undecided ${undecided.join(" → ")}`),
    h("span", { class: "soft" }, `${done.length} images, evenly spaced in the filter's order`),
  );
}

/** @type {(done: Tried[], name: "old" | "new") => number} */
const meanUndecided = (done, name) =>
  done.reduce((sum, { trial }) => sum + (trial[name]?.undecided ?? 0), 0) / done.length;

/** Image by image, the largest gain first. @type {(done: Tried[], filter: Filter) => HTMLElement} */
function comparison(done, filter) {
  const gained = done.map(({ id, trial }) => ({ id, trial, gain: gainOf(trial) }));
  gained.sort((one, other) => (other.gain || 0) - (one.gain || 0));
  const rows = gained.map(({ id, trial, gain }) =>
    row(
      h("a", { href: link("image", id, filter) }, id),
      number(score(trial.new.iou)),
      h("td", { class: `number ${gain < 0 ? "worse" : "better"}` }, signed(gain)),
      number(percent(trial.changed)),
    ),
  );
  return h("table", {}, h("tbody", {}, rows));
}

/** @type {(trial: Trial) => number} */
const gainOf = ({ old, new: now }) => (known(old?.iou) && known(now.iou) ? now.iou - old.iou : NaN);

/**
 * Mean IoU of confusion matrices added up, over the classes that occur; see `ConfusionMatrix.miou`.
 * @type {(matrices: number[][][]) => number}
 */
function meanIoU(matrices) {
  if (!matrices.length) return NaN;
  const classes = matrices[0].map((_, at) => at);
  const sum = classes.map((row) =>
    classes.map((column) => total(matrices.map((counts) => counts[row][column]))),
  );
  const ious = classes.map(
    (at) => sum[at][at] / (total(sum[at]) + total(sum.map((row) => row[at])) - sum[at][at]),
  );
  const defined = ious.filter(Number.isFinite);
  return total(defined) / defined.length;
}

/** @type {(values: number[]) => number} */
const total = (values) => values.reduce((one, other) => one + other, 0);
