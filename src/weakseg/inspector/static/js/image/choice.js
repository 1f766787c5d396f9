// What of an image is shown: layers, panels and opacity. It is kept from image to image.

/** @import { Mode, Parameters } from "../../../types/page" */

const HIDDEN_BESIDE = ["new fused"]; // of the layers side by side, unless asked for
const STACKED = ["image", "refined"]; // of the layers in one panel, unless asked for
const OPACITY = 0.7;

class Choice {
  /** @type {Mode} */
  mode = "beside";
  /** @type {Record<Mode, string[] | null>} names of layers; `null` until somebody chooses */
  chosen = { beside: null, stack: null };
  opacity = OPACITY;

  get stacks() {
    return this.mode === "stack";
  }

  /** @param {string} name of a layer */
  isShown(name) {
    const chosen = this.chosen[this.mode];
    if (chosen) return chosen.includes(name) || (!this.stacks && name.startsWith("new ref"));
    return this.stacks ? STACKED.includes(name) : !HIDDEN_BESIDE.includes(name);
  }

  /**
   * @param {string} name
   * @param {string[]} names of all layers
   */
  toggle(name, names) {
    const shown = names.filter((other) => this.isShown(other));
    const others = shown.filter((other) => other !== name);
    this.chosen[this.mode] = shown.includes(name) ? others : [...shown, name];
  }

  /** @param {Parameters} values of an address */
  read({ mode, layers, opacity }) {
    if (mode === "stack" || mode === "beside") this.mode = mode;
    if (layers !== undefined) this.chosen[this.mode] = layers.split(",");
    const wanted = Number.parseFloat(opacity ?? "");
    if (Number.isFinite(wanted)) this.opacity = Math.min(1, Math.max(0, wanted));
  }

  /** The panels' part of an address. */
  get panels() {
    return { mode: this.stacks ? "stack" : "" };
  }

  /**
   * All of it, for an address.
   * @returns {Parameters}
   */
  get values() {
    const layers = this.chosen[this.mode]?.join(",") ?? "";
    return { ...this.panels, layers, opacity: this.opacity === OPACITY ? "" : String(this.opacity) };
  }
}

export const choice = new Choice();
