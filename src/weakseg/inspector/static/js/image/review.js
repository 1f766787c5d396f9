// Accept, reject, flag; a corrected label map in place of the proxy.

/** @import { Decided, Row } from "../../../types/answers" */
/** @import { Page } from "../../../types/page" */

import { correct, corrected, decide, restore } from "../common/api.js";
import { attempt, h, say } from "../common/dom.js";

const BUTTONS = /** @type {const} */ ([
  { name: "accepted", key: "a", mark: "✓", text: "Accept" },
  { name: "rejected", key: "r", mark: "✕", text: "Reject" },
  { name: "flagged", key: "f", mark: "⚑", text: "Flag" },
]);
const HELP =
  "Rejected images leave the next training of the segmenter; corrected ones replace the proxy there.";

/** @typedef {"accepted" | "rejected" | "flagged"} State */

export class Review {
  /** @type {Row | null} */
  row = null;
  file = h("input", { type: "file", accept: "image/png", class: "hidden", id: "corrected-file" });
  kept = h("p", { class: "kept" });

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.file.addEventListener("change", () => this.upload());
    this.buttons = BUTTONS.map((about) => button(about, () => this.decide(about.name)));
    const choose = h("label", { class: "button", for: "corrected-file" }, "Upload a corrected PNG…");
    this.element = h(
      "section",
      { class: "panel-section", "aria-labelledby": "review-title" },
      h("h2", { id: "review-title" }, "Review"),
      h("div", { class: "decisions" }, this.buttons),
      h("div", { class: "upload" }, this.file, choose, this.kept),
      h("p", { class: "soft small" }, HELP),
    );
  }

  /** @param {Row} row */
  show(row) {
    this.row = row;
    this.buttons.forEach((made, at) =>
      made.setAttribute("aria-pressed", String(isSet(row, BUTTONS[at].name))),
    );
    this.kept.replaceChildren(...(row.corrected ? this.corrected(row.id) : []));
  }

  /** @param {string} id */
  corrected(id) {
    const file = { href: corrected(id), download: `${id.replaceAll("/", "_")}.png` };
    const remove = { type: "button", class: "quiet", onclick: () => this.forget() };
    return ["corrected ✎ ", h("a", file, "download"), " ", h("button", remove, "remove")];
  }

  /**
   * Ask the server for a change of the image that is seen, and show and say what came of it.
   * @param {(row: Row) => Promise<Decided>} ask
   * @param {(decided: Omit<Decided, "counts">) => string} sentence
   */
  async change(ask, sentence) {
    const { row } = this;
    if (!row) return;
    const answer = await attempt(() => ask(row));
    if (!answer) return;
    const { counts, ...decided } = answer;
    this.page.run.review = counts;
    if (this.row?.id === row.id) this.show({ ...this.row, ...decided });
    say(`${row.id}: ${sentence(decided)}`);
  }

  /** @param {State} name what is set, or taken back if it is set */
  decide(name) {
    return this.change((row) => {
      const { id } = row;
      if (name === "flagged") return decide({ id, flagged: !row.flagged });
      return decide({ id, decision: isSet(row, name) ? "" : name });
    }, told);
  }

  async upload() {
    const [file] = this.file.files ?? [];
    if (!file) return;
    await this.change(
      ({ id }) => correct(id, file).finally(() => (this.file.value = "")),
      () => "corrected",
    );
  }

  forget() {
    return this.change(
      ({ id }) => restore(id),
      () => "the run's own proxy again",
    );
  }

  /** @param {string} key */
  key(key) {
    const found = BUTTONS.find((about) => about.key === key);
    if (found) this.decide(found.name);
    return Boolean(found);
  }
}

/** @type {(about: typeof BUTTONS[number], onclick: () => unknown) => HTMLButtonElement} */
const button = ({ name, key, mark, text }, onclick) =>
  h(
    "button",
    { type: "button", class: `decision ${name}`, "aria-pressed": "false", "aria-keyshortcuts": key, onclick },
    h("span", { "aria-hidden": "true" }, mark),
    ` ${text} `,
    h("kbd", {}, key),
  );

/** @type {(row: Row, name: State) => boolean} */
const isSet = (row, name) => (name === "flagged" ? row.flagged : row.decision === name);

/** @type {(decided: { decision: string, flagged: boolean }) => string} */
const told = ({ decision, flagged }) =>
  [decision, flagged && "flagged"].filter(Boolean).join(", ") || "no decision";
