// The layers of one image, and what the panels show of them.

/** @import { Colour, Layer, Layers } from "../../../types/answers" */
/** @import { Group } from "../../../types/page" */

import { choice } from "./choice.js";
import { painted } from "./colours.js";
import { layersOf, scoreOf, withTrial } from "./layers.js";

export class Scene {
  /** @type {Map<string, HTMLCanvasElement>} layer → its colours */
  paints = new Map();

  /**
   * @param {Layers} answer
   * @param {Colour[]} colours background, the classes, undecided
   */
  constructor(answer, colours) {
    this.answer = answer;
    this.colours = colours;
    /** The run's own layers. */
    this.own = layersOf(answer);
    /** The same and those of a trial. */
    this.layers = this.own;
  }

  /** @param {Layer[]} trial labels of other values; none where the run's own are back */
  try(trial) {
    this.layers = trial.length ? withTrial(this.own, trial) : this.own;
    for (const { name } of this.layers.slice(this.own.length)) this.paints.delete(name);
  }

  get isTried() {
    return this.layers !== this.own;
  }

  /** @param {Colour[]} colours */
  repaint(colours) {
    this.colours = colours;
    this.paints.clear();
  }

  get shown() {
    return this.layers.filter(({ name }) => choice.isShown(name));
  }

  /**
   * One for each panel.
   * @returns {Group[]}
   */
  get groups() {
    const { shown } = this;
    if (!choice.stacks) {
      return shown.map((layer) => ({
        title: layer.name,
        note: scoreOf(layer),
        base: true,
        paints: this.paint(layer),
      }));
    }
    const title = shown.map(({ name }) => name).join(" + ") || "nothing";
    const base = shown.some(({ kind }) => kind === "image");
    return [{ title, base, paints: shown.flatMap((layer) => this.paint(layer)) }];
  }

  /**
   * What is drawn over the image.
   * @param {Layer} layer
   */
  paint(layer) {
    if (layer.kind === "image") return [];
    const { width, height } = this.answer;
    const made = this.paints.get(layer.name) ?? painted(layer, width, height, this.colours);
    this.paints.set(layer.name, made);
    return [made];
  }
}
