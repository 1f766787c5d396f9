// Other values of the proxy rule and the CRF, on this image or on a sample of the filter.

/** @import { Proxy, Trial } from "../../../types/answers" */
/** @import { Page } from "../../../types/page" */

import { asYaml, whatIf } from "../common/api.js";
import { attempt, h, say } from "../common/dom.js";
import { duration, known, percent, score, signed } from "../common/format.js";
import { asSection, ownValues, Sliders } from "./knobs.js";
import { Sample, SAMPLE } from "./sample.js";

const HINT = "Move a slider: this image's proxy is made again.";
const WARNING = "IoU looks at the masks: values chosen by it are no longer weakly supervised.";

/** @type {{ proxy: Proxy | null }} the sliders stay as they are from image to image */
const kept = { proxy: null };

export class WhatIf {
  id = "";
  running = false;
  again = false;
  result = h("p", { class: "result what-if-result", role: "status" });
  /** A trial's own layers. */
  layers = h("ol", { class: "layers", "aria-label": "Layers of the trial" });

  /**
   * @param {Page} page
   * @param {(trial: Trial | null) => void} shown told the answer; `null` for the run's own values
   */
  constructor(page, shown) {
    this.page = page;
    this.shown = shown;
    kept.proxy ??= ownValues(page.run.knobs);
    this.sliders = new Sliders(page.run.knobs, kept.proxy, () => this.changed());
    this.sample = new Sample(page, (id) => this.question(id, false));
    this.element = h(
      "section",
      { class: "panel-section", "aria-labelledby": "what-if-title" },
      h("h2", { id: "what-if-title" }, "What if"),
      this.result,
      this.sliders.element,
      this.layers,
      this.actions(),
      this.sample.element,
      h("p", { class: "soft small" }, WARNING),
    );
  }

  actions() {
    const type = "button";
    return h(
      "div",
      { class: "actions" },
      h("button", { type, onclick: () => this.sample.start() }, `Try on ${SAMPLE} of the filter`),
      h("button", { type, onclick: () => this.copy() }, "Copy as YAML"),
      h("button", { type, class: "quiet", onclick: () => this.reset() }, "Back to the run's values"),
    );
  }

  /** @param {string} id of the image that is seen now */
  image(id) {
    this.id = id;
    this.result.textContent = HINT;
    this.run();
  }

  changed() {
    this.sample.stop();
    this.run();
  }

  reset() {
    kept.proxy = this.sliders.proxy = ownValues(this.page.run.knobs);
    this.sliders.build();
    this.changed();
  }

  leave() {
    this.sample.stop();
  }

  /**
   * @param {string} id
   * @param {boolean} planes whether the labels themselves are asked for
   */
  question(id, planes) {
    return { id, proxy: asSection(this.sliders.proxy), planes };
  }

  /** Whether the values are the run's own. */
  get isOwn() {
    return JSON.stringify(this.sliders.proxy) === JSON.stringify(ownValues(this.page.run.knobs));
  }

  /** One request at a time; of the changes meanwhile only the last counts. */
  async run() {
    this.again = this.running;
    if (this.running || !this.id) return;
    if (this.isOwn) {
      this.shown(null);
      this.result.textContent = HINT;
      return;
    }
    this.running = true;
    this.result.setAttribute("aria-busy", "true");
    const asked = this.id;
    const answer = await attempt(() => whatIf(this.question(asked, true)));
    this.running = false;
    this.result.removeAttribute("aria-busy");
    if (!answer) this.result.textContent = HINT;
    else if (asked === this.id) {
      this.result.replaceChildren(...told(answer));
      this.shown(answer);
    }
    if (this.again || asked !== this.id) this.run();
  }

  async copy() {
    const answer = await attempt(() => asYaml(this.question(this.id, false)));
    if (!answer) return;
    const about = { class: "yaml", rows: 12, readonly: true, spellcheck: "false" };
    const text = h("textarea", { ...about, "aria-label": "Configuration to paste" }, answer.yaml);
    this.sample.element.replaceChildren(text);
    try {
      await navigator.clipboard.writeText(answer.yaml);
      say("Copied; paste it into the run's configuration.");
    } catch {
      text.select(); // no clipboard without a secure address: ready to be copied by hand
    }
  }
}

/** @type {(trial: Trial) => HTMLElement[]} */
function told({ old, new: now, changed, seconds }) {
  const parts = [
    h("span", {}, `undecided ${old ? `${percent(old.undecided)} → ` : ""}${percent(now.undecided)}`),
    h("span", { class: "soft" }, duration(seconds)),
  ];
  if (known(changed)) parts.splice(1, 0, h("span", {}, `${percent(changed)} of the pixels changed`));
  return known(old?.iou) && known(now.iou) ? [gain(old.iou, now.iou), ...parts] : parts;
}

/** @type {(before: number, after: number) => HTMLElement} */
function gain(before, after) {
  const style = after < before ? "worse" : after > before ? "better" : "";
  const difference = h("span", { class: style }, `(${signed(after - before)})`);
  return h("span", {}, "IoU ", score(before), " → ", h("b", {}, score(after)), " ", difference);
}
