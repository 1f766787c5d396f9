// One image and all its layers.

/** @import { Layers, Place, Trial } from "../../../types/answers" */
/** @import { Mode, Page, Parameters, Point, Side } from "../../../types/page" */

import { getImages, getLayers, getPlace, picture } from "../common/api.js";
import { attempt, h } from "../common/dom.js";
import { coloursOf } from "../common/legend.js";
import { filterOf, go, replace } from "../common/state.js";
import { WhatIf } from "../what-if/what-if.js";
import { choice } from "./choice.js";
import { Header, ZOOM } from "./header.js";
import { LayerList } from "./layer-list.js";
import { Panels } from "./panels.js";
import { Review } from "./review.js";
import { Scene } from "./scene.js";

/** @type {Record<string, number>} */
const ZOOMS = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM, 0: 0 };

export class ImageView {
  id = "";
  asked = new AbortController();
  /** @type {Scene | null} the image that is seen */
  scene = null;
  /** @type {Place | null} */
  place = null;

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.header = new Header(this, choice.opacity);
    this.panels = new Panels(this);
    this.review = new Review(page);
    this.trial = new WhatIf(page, (trial) => this.tried(trial));
    const names = ["background", ...page.run.classes];
    this.list = new LayerList(names, this.trial.layers, (name) => this.toggle(name));
    const side = { class: "side", "aria-label": "Layers, review and what if" };
    this.element = h(
      "div",
      { class: "image-view" },
      this.header.element,
      this.list.legend,
      this.panels.element,
      h("aside", side, this.list.element, this.review.element, this.trial.element),
    );
  }

  /**
   * @param {string} id
   * @param {Parameters} values
   */
  async update(id, values) {
    this.page.filter = filterOf(values);
    if (!id) return this.first();
    choice.read(values);
    this.header.opacity.value = String(choice.opacity);
    if (id === this.id && this.scene) {
      this.panels.move(values.zoom);
      return this.refresh();
    }
    await this.open(id);
    if (id === this.id) this.panels.move(values.zoom);
  }

  /** Without an id: the image that was last seen, or the first of the filter. */
  async first() {
    const { filter, lastImage } = this.page;
    if (lastImage) return go("image", lastImage, filter);
    const found = await attempt(() => getImages({ ...filter, limit: 1 }));
    if (found?.rows.length) go("image", found.rows[0].id, filter);
    else this.header.title.textContent = "No image fits the filter.";
  }

  /** @param {string} id */
  async open(id) {
    this.asked.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    this.id = id;
    this.element.setAttribute("aria-busy", "true");
    const image = new Image();
    image.src = picture(id, this.page.run.start);
    const query = { id, ...this.page.filter };
    const found = await attempt(() =>
      Promise.all([getLayers(id, signal), getPlace(query, signal), image.decode()]),
    );
    if (signal.aborted) return;
    this.element.removeAttribute("aria-busy");
    if (found) this.show(found[0], found[1], image);
    else this.header.title.textContent = "This image cannot be shown.";
  }

  /**
   * @param {Layers} answer
   * @param {Place} place
   * @param {HTMLImageElement} image
   */
  show(answer, place, image) {
    this.scene = new Scene(answer, coloursOf(this.page));
    this.place = place;
    this.page.lastImage = this.id;
    const width = answer.width || image.naturalWidth;
    const height = answer.height || image.naturalHeight;
    this.panels.show({ picture: image, width, height, opacity: choice.opacity });
    this.header.describe(this.id, answer, place);
    this.review.show(place.row);
    this.refresh();
    this.trial.image(this.id);
  }

  /** @param {Side} side */
  step(side) {
    const next = this.place?.[side];
    if (next) go("image", next, { ...this.page.filter, ...choice.panels });
  }

  refresh() {
    if (!this.scene) return;
    const { layers, own, shown, groups } = this.scene;
    this.header.press(choice.mode);
    this.panels.show({ groups, opacity: choice.opacity });
    this.list.show(layers, own.length, shown, coloursOf(this.page));
    this.remember();
  }

  repaint() {
    this.scene?.repaint(coloursOf(this.page));
    this.refresh();
  }

  /** @param {Trial | null} trial `null` where the run's own values are back */
  tried(trial) {
    this.scene?.try(trial?.planes ?? []);
    this.refresh();
  }

  /** @param {Point | null} at */
  hover(at) {
    if (this.scene) this.list.hover(at, this.scene.answer.width);
  }

  /** New layers or scores of the run; not while values are tried, which would be lost. */
  changed() {
    if (this.scene?.isTried) return undefined;
    return this.id ? this.open(this.id) : this.first();
  }

  // ---------------------------------------------------------------- what people do

  /** Keep what is shown in the address. */
  remember() {
    if (!this.id || !this.scene) return;
    const values = { ...this.page.filter, ...choice.values, zoom: this.panels.position };
    replace("image", this.id, values);
  }

  /** @param {string} name of a layer */
  toggle(name) {
    choice.toggle(name, this.scene?.layers.map((layer) => layer.name) ?? []);
    this.refresh();
  }

  /** @param {Mode} mode */
  setMode(mode) {
    choice.mode = mode;
    this.refresh();
  }

  /** @param {number} opacity */
  setOpacity(opacity) {
    choice.opacity = opacity;
    this.panels.show({ opacity });
    this.remember();
  }

  /** @param {number} factor 0 for the whole image */
  zoom(factor) {
    this.panels.zoom(factor);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { key } = event;
    const layer = /^[1-9]$/.test(key) && this.scene?.layers[Number(key) - 1];
    if (layer) this.toggle(layer.name);
    else if (key === "ArrowLeft") this.step("before");
    else if (key === "ArrowRight") this.step("after");
    else if (key === "s") this.setMode(choice.stacks ? "beside" : "stack");
    else if (key in ZOOMS) this.zoom(ZOOMS[key]);
    else return this.review.key(key);
    return true;
  }

  leave() {
    this.asked.abort();
    this.trial.leave();
  }
}
