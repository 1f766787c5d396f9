// Accept, reject, flag; a corrected label map in place of the proxy.

import { address, postJSON, put, remove } from "./api.js";
import { attempt, h, say } from "./dom.js";

const BUTTONS = [
  { name: "accepted", key: "a", mark: "✓", text: "Accept" },
  { name: "rejected", key: "r", mark: "✕", text: "Reject" },
  { name: "flagged", key: "f", mark: "⚑", text: "Flag" },
];

export function review(page) {
  let row = null;
  const buttons = BUTTONS.map(({ name, key, mark, text }) =>
    h("button", { type: "button", class: `decision ${name}`, "aria-pressed": "false", "aria-keyshortcuts": key, onclick: () => decide(name) }, h("span", { "aria-hidden": "true" }, mark), ` ${text} `, h("kbd", {}, key)),
  );
  const file = h("input", { type: "file", accept: "image/png", class: "hidden", id: "corrected-file", onchange: () => upload() });
  const kept = h("p", { class: "kept" });
  const element = h(
    "section",
    { class: "panel-section", "aria-labelledby": "review-title" },
    h("h2", { id: "review-title" }, "Review"),
    h("div", { class: "decisions" }, buttons),
    h("div", { class: "upload" }, file, h("label", { class: "button", for: "corrected-file" }, "Upload a corrected PNG…"), kept),
    h("p", { class: "soft small" }, "Rejected images leave the next training of the segmenter; corrected ones replace the proxy there."),
  );

  const isSet = (name) => (name === "flagged" ? row.flagged : row.decision === name);

  function show(next) {
    row = next;
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(isSet(BUTTONS[at].name))));
    kept.replaceChildren(
      ...(row.corrected
        ? ["corrected ✎ ", h("a", { href: address("/api/corrected", { id: row.id }), download: `${row.id.replaceAll("/", "_")}.png` }, "download"), " ", h("button", { type: "button", class: "quiet", onclick: forget }, "remove")]
        : []),
    );
  }

  function changed(id, answer, sentence) {
    if (!answer) return;
    const { counts, ...decided } = answer;
    page.run.review = counts;
    if (row?.id === id) show({ ...row, ...decided });
    say(sentence(decided));
  }

  async function decide(name) {
    if (!row) return;
    const { id } = row;
    const wanted = name === "flagged" ? { flagged: !row.flagged } : { decision: isSet(name) ? "" : name };
    const answer = await attempt(() => postJSON("/api/review", { id, ...wanted }));
    changed(id, answer, (decided) => `${id}: ${[decided.decision, decided.flagged && "flagged"].filter(Boolean).join(", ") || "no decision"}`);
  }

  async function upload() {
    const [chosen] = file.files;
    const { id } = row;
    if (!chosen) return;
    const answer = await attempt(() => put("/api/corrected", { id }, chosen));
    file.value = "";
    changed(id, answer, () => `${id}: corrected`);
  }

  async function forget() {
    const { id } = row;
    const answer = await attempt(() => remove("/api/corrected", { id }));
    changed(id, answer, () => `${id}: the run's own proxy again`);
  }

  function key(event) {
    const button = BUTTONS.find((item) => item.key === event.key);
    if (button) decide(button.name);
    return Boolean(button);
  }

  return { element, show, key };
}
