// The sliders, switches and choices of the proxy rule and the CRF.

/** @import { Knob, Knobs, Proxy, RangeKnob, SwitchKnob, Value, Values } from "../../../types/answers" */

import { h } from "../common/dom.js";
import { spaced } from "../common/format.js";

const CUSTOM = "custom"; // the preset whose values are chosen one by one

/** @type {(knobs: Knob[]) => Values} */
const valuesOf = (knobs) => Object.fromEntries(knobs.map(({ name, value }) => [name, value]));

/**
 * The run's own values.
 * @param {Knobs} knobs
 * @returns {Proxy}
 */
export const ownValues = ({ rule, rules, refine, crf, preset }) => ({
  rule,
  rules: Object.fromEntries(Object.entries(rules).map(([name, found]) => [name, valuesOf(found)])),
  refine: valuesOf(refine),
  crf: { ...valuesOf(crf), preset },
});

/** @type {(proxy: Proxy) => object} as the section `proxy` of a configuration */
export const asSection = ({ rule, rules, refine, crf }) => ({ rule, ...rules, refine: { ...refine, crf } });

export class Sliders {
  element = h("div", { class: "sliders" });

  /**
   * @param {Knobs} knobs
   * @param {Proxy} proxy the values; they are changed here
   * @param {() => void} changed
   */
  constructor(knobs, proxy, changed) {
    this.knobs = knobs;
    this.proxy = proxy;
    this.changed = changed;
    this.build();
  }

  build() {
    const { knobs, proxy } = this;
    const { rule, rules, refine, crf } = proxy;
    this.element.replaceChildren(
      choice("Rule", Object.keys(knobs.rules), rule, (value) => this.setRule(value)),
      ...this.controls(knobs.rules[rule], rules[rule]),
      h("h3", {}, "CRF"),
      ...this.controls(knobs.refine, refine),
      choice("preset", Object.keys(knobs.presets), crf.preset, (value) => this.setPreset(value)),
      ...(crf.preset === CUSTOM ? this.controls(knobs.crf, crf) : []),
    );
  }

  /** @param {string} rule */
  setRule(rule) {
    this.proxy.rule = rule;
    this.build();
    this.changed();
  }

  /**
   * `custom` starts from the values of the preset that was left; a preset takes its own values only.
   * @param {string} preset
   */
  setPreset(preset) {
    const { crf } = this.proxy;
    Object.assign(crf, this.knobs.presets[preset === CUSTOM ? crf.preset : preset], { preset });
    this.build();
    this.changed();
  }

  /**
   * @param {Knob[]} knobs
   * @param {Values} values
   */
  controls(knobs, values) {
    return knobs.map((knob) =>
      control(knob, values[knob.name], (value) => {
        values[knob.name] = value;
        this.changed();
      }),
    );
  }
}

/** @type {(knob: Knob, value: Value, set: (value: Value) => void) => HTMLElement} */
function control(knob, value, set) {
  if (knob.kind === "choice") return choice(knob.name, knob.choices, String(value), set, knob.help);
  if (knob.kind === "switch") return toggle(knob, value === true, set);
  return slider(knob, Number(value), set);
}

/**
 * @param {string} name
 * @param {string[]} options
 * @param {string} value
 * @param {(value: string) => void} set
 * @param {string} [help]
 */
function choice(name, options, value, set, help) {
  const made = options.map((option) => h("option", { value: option, selected: option === value }, option));
  const select = h("select", {}, made);
  select.addEventListener("change", () => set(select.value));
  return h("label", { class: "knob", title: help }, spaced(name), select);
}

/** @type {(knob: SwitchKnob, value: boolean, set: (value: boolean) => void) => HTMLElement} */
function toggle({ name, help }, value, set) {
  const input = h("input", { type: "checkbox", checked: value });
  input.addEventListener("change", () => set(input.checked));
  return h("label", { class: "knob", title: help }, spaced(name), input);
}

/** @type {(knob: RangeKnob, value: number, set: (value: number) => void) => HTMLElement} */
function slider({ name, help, least, most, step }, value, set) {
  const output = h("output", {}, short(value));
  const input = h("input", { type: "range", name, min: least, max: most, step, value });
  input.addEventListener("input", () => {
    output.textContent = short(Number(input.value));
    set(Number(input.value));
  });
  return h("label", { class: "knob", title: help }, h("span", {}, spaced(name)), input, output);
}

/** @type {(value: number) => string} */
const short = (value) => String(+value.toFixed(3));
