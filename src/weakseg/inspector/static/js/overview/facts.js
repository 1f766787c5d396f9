// What else is known of the run: supervision, ceiling, boxes, speed and review.

/** @import { Counts, Run, Summary } from "../../../types/answers" */
/** @import { Child } from "../../../types/page" */

import { h } from "../common/dom.js";
import { count, known, percent, score } from "../common/format.js";
import { link } from "../common/state.js";
import { section } from "../common/tables.js";

/** @type {(run: Run) => HTMLElement} */
export function facts({ summary, review, version }) {
  const found = [...ofSummary(summary), ["review", ofReview(review)], ["weakseg", version]];
  const lines = found.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
  return section("This run", h("dl", { class: "facts" }, lines));
}

/** @type {(summary: Summary) => [string, string][]} */
function ofSummary({ ceiling, localisation, images_per_second: speeds }) {
  /** @type {[string, string][]} */
  const lines = [];
  if (ceiling) {
    const ratio = known(ceiling.ratio) ? ceiling.ratio.toFixed(2) : "–";
    lines.push(["weak / full", `${score(ceiling.weak)} / ${score(ceiling.full)} = ${ratio}`]);
  }
  if (localisation) {
    const cases = `${count(localisation.cases)} cases`;
    lines.push(["boxes, GT-known", `${percent(localisation.gt_known)} of ${cases}`]);
  }
  for (const [room, speed] of Object.entries(speeds ?? {})) {
    lines.push([`${room} training`, `${speed.toFixed(1)} images/s`]);
  }
  return lines;
}

/** @type {(review: Counts) => Child} */
function ofReview(review) {
  const states = Object.keys(review).filter((name) => review[name]);
  if (!states.length) return "no decision yet";
  return states.map((state, at) => [
    at ? ", " : "",
    h("a", { href: link("gallery", "", { state }) }, `${count(review[state])} ${state}`),
  ]);
}
