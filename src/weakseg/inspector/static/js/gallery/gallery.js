// Thumbnails of all images that a filter finds. Only the rows near the window exist as elements.

/** @import { Row } from "../../../types/answers" */
/** @import { Page, Parameters } from "../../../types/page" */

import { getImages } from "../common/api.js";
import { attempt, h } from "../common/dom.js";
import { count } from "../common/format.js";
import { coloursOf, entry } from "../common/legend.js";
import { filterOf, replace } from "../common/state.js";
import { chosen, controls, fillIn } from "./filters.js";
import { empty, tileOf } from "./tile.js";

const PAGE = 200; // images asked for at once
const AHEAD = 3; // rows kept above and below the window

/** What a filter has found: images by page of `PAGE`; `null` while a page is under way. */
class Found {
  total = 0;
  /** @type {Map<number, Row[] | null>} */
  pages = new Map();

  /** @param {number} place */
  row(place) {
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }
}

export class Gallery {
  filter = filterOf({});
  found = new Found();
  asked = new AbortController();
  /** @type {Map<number, HTMLElement>} place in the filter's order → tile */
  tiles = new Map();
  field = h("ul", { class: "tiles" });
  said = h("p", { class: "soft", role: "status" });
  legend = h("ul", { class: "legend", "aria-label": "Colours of the refined proxies" });

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.form = controls(page.run, () => this.change());
    const title = h("h1", { class: "hidden" }, "Gallery");
    this.element = h("div", { class: "gallery" }, title, this.form, this.said, this.legend, this.field);
    this.watch = new ResizeObserver(this.layout);
    this.watch.observe(this.field);
    addEventListener("scroll", this.layout, { passive: true });
  }

  /** Somebody has chosen another filter. */
  change() {
    this.filter = filterOf(chosen(this.form));
    replace("gallery", "", this.filter);
    this.page.filter = this.filter;
    return this.repaint();
  }

  /**
   * @param {string} _
   * @param {Parameters} values
   */
  async update(_, values) {
    this.filter = filterOf(values);
    fillIn(this.form, this.filter);
    await this.repaint();
    const { left } = this.page; // from an image back to where the gallery was left
    scrollTo(0, left?.filter === JSON.stringify(this.filter) ? left.at : 0);
  }

  leave() {
    this.page.left = { filter: JSON.stringify(this.filter), at: scrollY };
    this.asked.abort();
    this.watch.disconnect();
    removeEventListener("scroll", this.layout);
  }

  /** New labels or scores: the same images again, and the focus where it was. */
  async changed() {
    const { activeElement: active } = document;
    const place = Number(active?.closest(".tile")?.getAttribute("data-place") ?? -1);
    await this.repaint();
    if (place >= 0) this.tiles.get(place)?.querySelector("a")?.focus({ preventScroll: true });
  }

  explain() {
    const colours = coloursOf(this.page);
    const names = [...this.page.run.classes, "undecided"];
    this.legend.replaceChildren(...names.map((name, at) => entry(colours[at + 1], name)));
  }

  async repaint() {
    this.explain();
    this.asked.abort();
    this.asked = new AbortController();
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
    const mine = (this.found = new Found());
    this.said.textContent = this.filter.sort === "disagreement" ? "Reading every map, once…" : "…";
    this.field.setAttribute("aria-busy", "true");
    await this.fetchPage(0);
    if (mine === this.found) this.field.removeAttribute("aria-busy"); // else a newer question is under way
  }

  /** @param {number} number */
  async fetchPage(number) {
    const mine = this.found;
    if (mine.pages.has(number)) return;
    mine.pages.set(number, null);
    const query = { ...this.filter, offset: number * PAGE, limit: PAGE };
    const answer = await attempt(() => getImages(query, this.asked.signal));
    if (mine !== this.found || !answer) return;
    mine.pages.set(number, answer.rows);
    mine.total = answer.total;
    this.said.textContent = answer.total ? `${count(answer.total)} images` : "No image fits this filter.";
    this.layout();
  }

  layout = () => {
    const { field, found, tiles } = this;
    const style = getComputedStyle(field);
    const width = parseFloat(style.getPropertyValue("--tile"));
    const height = parseFloat(style.getPropertyValue("--tile-height"));
    const columns = Math.max(2, Math.floor(field.clientWidth / width));
    const step = field.clientWidth / columns;
    field.style.height = `${Math.ceil(found.total / columns) * height}px`;
    const top = -field.getBoundingClientRect().top;
    const first = Math.max(0, (Math.floor(top / height) - AHEAD) * columns);
    const last = Math.min(found.total, (Math.ceil((top + innerHeight) / height) + AHEAD) * columns);
    this.prune(first, last);
    for (let place = first; place < last; place += 1) {
      const tile = tiles.get(place) ?? this.add(place);
      if (!tile) continue;
      tile.style.width = `${step}px`;
      const [across, down] = [(place % columns) * step, Math.floor(place / columns) * height];
      tile.style.transform = `translate(${across}px, ${down}px)`;
    }
  };

  /**
   * Remove the tiles outside of two places.
   * @param {number} first
   * @param {number} last
   */
  prune(first, last) {
    for (const [place, tile] of this.tiles) {
      if (place >= first && place < last) continue;
      empty(tile);
      tile.remove();
      this.tiles.delete(place);
    }
  }

  /**
   * The tile of a place; without one its page is asked for.
   * @param {number} place
   */
  add(place) {
    const row = this.found.row(place);
    if (!row) {
      this.fetchPage(Math.floor(place / PAGE));
      return undefined;
    }
    const tile = tileOf(row, place, this.found.total, this.filter, this.page);
    // Tiles stand in the page in their order, for the tab key and screen readers.
    const later = [...this.tiles.keys()].filter((other) => other > place);
    this.field.insertBefore(tile, this.tiles.get(Math.min(...later)) ?? null);
    this.tiles.set(place, tile);
    return tile;
  }
}
