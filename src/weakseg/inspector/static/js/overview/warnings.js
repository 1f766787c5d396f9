// What the health checks warn of: what was found, what it usually means, what to try, and the images.

/** @import { Warning } from "../../../types/answers" */

import { h } from "../common/dom.js";
import { count } from "../common/format.js";
import { link } from "../common/state.js";
import { section } from "../common/tables.js";

/** @type {(warnings: Warning[]) => HTMLElement | null} */
export function warnings(warnings) {
  if (!warnings.length) return null;
  return section("Warnings", h("ul", { class: "warnings" }, warnings.map(item)));
}

/** @type {(warning: Warning) => HTMLElement} */
const item = ({ name, found, usually, remedy, images }) =>
  h(
    "li",
    {},
    h("p", { class: "found" }, h("span", { "aria-hidden": "true" }, "⚠ "), found),
    h("p", {}, `Usually: ${usually}`),
    h(
      "p",
      {},
      "Try ",
      h("code", {}, remedy),
      images > 0 && [
        " · ",
        h(
          "a",
          { href: link("gallery", "", { warning: name }) },
          `look at ${count(images)} image${images > 1 ? "s" : ""}`,
        ),
      ],
    ),
  );
