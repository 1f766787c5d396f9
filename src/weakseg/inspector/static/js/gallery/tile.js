// One image in the gallery.

/** @import { Filter, Measure, Row } from "../../../types/answers" */
/** @import { Page } from "../../../types/page" */

import { thumbnail } from "../common/api.js";
import { h } from "../common/dom.js";
import { MEASURES } from "../common/format.js";
import { link } from "../common/state.js";

/** @type {Record<string, string>} */
const MARKS = { rejected: "✕", accepted: "✓", flagged: "⚑", corrected: "✎" };

/** @type {(row: Row, place: number, total: number, filter: Filter, page: Page) => HTMLElement} */
export function tileOf(row, place, total, filter, page) {
  const states = [row.decision, row.flagged ? "flagged" : "", row.corrected ? "corrected" : ""].filter(
    Boolean,
  );
  const title = [row.labels.join(", ") || "no class", ...states].join(", ");
  return h(
    "li",
    {
      class: "tile",
      "aria-setsize": total,
      "aria-posinset": place + 1,
      "data-place": place,
      "data-id": row.id,
    },
    h(
      "a",
      { href: link("image", row.id, filter), title },
      pictureOf(thumbnail(row.id, page.palette, page.run.start)),
      h("span", { class: "marks" }, states.map(mark)),
      caption(row, filter.sort),
    ),
  );
}

/** Forget a picture that nobody waits for any more. */
export function empty(/** @type {HTMLElement} */ tile) {
  tile.querySelector("img")?.removeAttribute("src");
}

/** @type {(source: string) => HTMLElement} */
function pictureOf(source) {
  const picture = h("img", { src: source, alt: "", draggable: "false", decoding: "async" });
  picture.addEventListener("error", () => {
    if (picture.getAttribute("src")) picture.replaceWith(h("span", { class: "broken" }, "cannot be shown"));
  });
  return picture;
}

/** @type {(state: string) => HTMLElement} */
const mark = (state) =>
  h(
    "span",
    { class: `mark-${state}` },
    h("span", { "aria-hidden": "true" }, MARKS[state]),
    h("span", { class: "hidden" }, state),
  );

/** @type {(row: Row, sort: string) => HTMLElement} */
function caption(row, sort) {
  const told = /** @type {Measure} */ (sort === "index" ? "iou" : sort);
  const { name, show } = MEASURES[told];
  return h(
    "span",
    { class: "caption" },
    h("span", { class: "name" }, row.id),
    h("span", { class: "number", title: name }, show(row[told])),
  );
}
