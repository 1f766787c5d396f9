// How far the run is: a line for each stage, and the curves of those that train at this moment.

/** @import { Now, StageNow } from "../../../types/answers" */
/** @import { Child } from "../../../types/page" */

import { h } from "../common/dom.js";
import { count, duration, known, percent, score } from "../common/format.js";
import { curves } from "./curves.js";

/** @type {Record<StageNow["state"], string>} */
const SAID = {
  finished: "finished",
  working: "at work",
  silent: "no news for minutes",
  waiting: "waiting",
  reused: "of another run",
};

export class Stages {
  said = h("p", { class: "hidden", role: "status" });
  title = h("summary", {}, h("h2", {}, "Stages"));
  list = h("ol", { class: "stages" });
  curves = h("div", { class: "charts" });
  element = h("details", { class: "card", open: true, hidden: true }, this.title, this.list, this.curves);
  /** What screen readers were told last. */
  told = "";

  /** @param {Now} now */
  tell({ stages, histories }) {
    const finished = stages.every(isFinished);
    const scored = stages.some(({ miou }) => known(miou)); // without scores, health is the result
    if (this.element.hidden) this.element.open = !finished || !scored;
    this.element.hidden = !stages.length;
    this.title.replaceChildren(h("h2", {}, "Stages"), h("span", { class: "soft" }, inShort(stages)));
    this.list.replaceChildren(...stages.map(line));
    this.curves.replaceChildren(...curves(histories));
    this.announce(stages);
  }

  /**
   * Tell screen readers when another stage begins; not each step of it.
   * @param {StageNow[]} stages
   */
  announce(stages) {
    const text = beginning(stages);
    if (text === this.told) return;
    this.told = text;
    this.said.textContent = text;
  }
}

/** @type {(stage: StageNow) => boolean} */
const isFinished = ({ state }) => state === "finished" || state === "reused";

/** @type {(stages: StageNow[]) => string} */
function beginning(stages) {
  const working = stages.filter(({ state }) => state === "working").map(({ title }) => title);
  if (working.length) return `At work: ${working.join(", ")}.`;
  return stages.every(isFinished) ? "All stages are finished." : "No stage is at work.";
}

/** @type {(stages: StageNow[]) => string} */
function inShort(stages) {
  const finished = stages.filter(isFinished).length;
  return finished === stages.length
    ? `all ${finished} are finished`
    : `${finished} of ${stages.length} are finished`;
}

/** @type {(stage: StageNow) => HTMLElement} */
function line(stage) {
  const { name, title, state, share } = stage;
  const isOpen = state === "working" || state === "silent";
  return h(
    "li",
    { class: "stage", "data-stage": name, "data-state": state },
    h("span", { class: "stage-name" }, title),
    h("span", { class: "stage-state" }, SAID[state]),
    isOpen
      ? h("progress", { max: 1, value: share, "aria-label": title }, percent(share))
      : h("span", { class: "no-bar" }),
    h("span", { class: "stage-facts" }, isFinished(stage) ? result(stage) : facts(stage)),
  );
}

/** @type {(stage: StageNow) => Child} */
function result({ miou, health, warnings }) {
  const found = [known(miou) && `mIoU ${score(miou)}`, health].filter(Boolean).join(" · ");
  return warnings ? h("span", { class: "warned" }, found) : found;
}

/** @type {(stage: StageNow) => string} */
function facts({ done, total, unit, rate, seconds_left: left, parts, shards, note }) {
  const found = [];
  if (total) found.push(`${count(done)} of ${count(total)} ${unit}s`);
  if (shards && parts) found.push(`${parts} of ${shards} parts finished`);
  if (known(rate)) found.push(rate < 1 ? `${(1 / rate).toFixed(1)} s each` : `${rate.toFixed(1)}/s`);
  if (known(left)) found.push(`${duration(left)} left`);
  return [...found, note].filter(Boolean).join(" · ");
}
