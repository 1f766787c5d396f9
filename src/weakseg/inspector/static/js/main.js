// The page's frame: which view is shown, theme, colours, keys.

/** @import { Now, Run } from "../../types/answers" */
/** @import { Page, View } from "../../types/page" */

import { getRun } from "./common/api.js";
import { byId, h, say } from "./common/dom.js";
import { filterOf, go, here, setUsual } from "./common/state.js";
import { follow } from "./follow.js";
import { Gallery } from "./gallery/gallery.js";
import { ImageView } from "./image/image.js";
import { Overview } from "./overview/overview.js";

/** @type {[string, (page: Page) => View][]} */
const VIEWS = [
  ["overview", (page) => new Overview(page)],
  ["gallery", (page) => new Gallery(page)],
  ["image", (page) => new ImageView(page)],
];
const THEMES = [
  { name: "", said: "as the system" },
  { name: "light", said: "light" },
  { name: "dark", said: "dark" },
];
const TYPED_INTO = "input:not([type=range], [type=checkbox], [type=radio]), select, textarea";

const main = byId("main", HTMLElement);
const help = byId("help", HTMLDialogElement);

class Frame {
  name = "";
  /** @type {View | null} */
  view = null;

  /** @param {Run} run */
  constructor(run) {
    setUsual(run);
    const palette = localStorage.getItem("weakseg-palette") ?? "voc";
    /** @type {Page} */
    this.page = { run, now: null, palette, filter: filterOf({}), lastImage: "", left: null };
    byId("run-name", HTMLElement).textContent = run.name;
    const choice = byId("palette", HTMLSelectElement);
    choice.value = palette;
    choice.addEventListener("change", () => this.setPalette(choice.value));
    byId("theme", HTMLElement).addEventListener("click", () => this.nextTheme());
    byId("help-open", HTMLElement).addEventListener("click", () => help.showModal());
    byId("skip", HTMLElement).addEventListener("click", () => main.focus());
    document.addEventListener("keydown", (event) => this.press(event));
    addEventListener("hashchange", () => this.show());
  }

  /** Show what the address says. */
  async show() {
    const { view: name, id, values } = here();
    const make = new Map(VIEWS).get(name);
    if (!make) return go("overview");
    if (name !== "overview") this.page.filter = filterOf(values);
    if (this.name !== name || !this.view?.update) {
      this.view?.leave?.();
      this.open(name, make(this.page));
    }
    await this.view?.update?.(id, values);
  }

  /**
   * @param {string} name
   * @param {View} view
   */
  open(name, view) {
    this.name = name;
    this.view = view;
    main.replaceChildren(view.element);
    main.dataset.view = name;
    scrollTo(0, 0);
    for (const anchor of byId("views", HTMLElement).children) {
      if (anchor.getAttribute("href") === `#/${name}`) anchor.setAttribute("aria-current", "page");
      else anchor.removeAttribute("aria-current");
    }
    document.title = `${this.page.run.name} · ${name} · weakseg`;
  }

  /** @param {Now} now */
  tell(now) {
    this.page.now = now;
    this.view?.tell?.(now);
  }

  /**
   * Files of the run have changed.
   * @param {Run} run
   */
  async changed(run) {
    const before = choices(this.page.run);
    this.page.run = run;
    setUsual(run);
    if (choices(run) === before) return this.view?.changed?.();
    this.name = ""; // there is another choice of classes or orders: the view is made again
    return this.show();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (target instanceof Element && isFor(target, key)) return;
    if (key === "?") help.showModal();
    else if (key === "g") go("gallery", "", this.page.filter);
    else if (key === "o") go("overview");
    else if (!this.view?.key?.(event)) return;
    event.preventDefault();
  }

  nextTheme() {
    const { dataset } = document.documentElement;
    const now = THEMES.findIndex(({ name }) => name === (dataset.theme ?? ""));
    const { name, said } = THEMES[(now + 1) % THEMES.length];
    if (name) {
      dataset.theme = name;
      localStorage.setItem("weakseg-theme", name);
    } else {
      delete dataset.theme;
      localStorage.removeItem("weakseg-theme");
    }
    say(`Theme: ${said}`);
    this.view?.repaint?.();
  }

  /** @param {string} name */
  setPalette(name) {
    this.page.palette = name;
    localStorage.setItem("weakseg-palette", name);
    this.view?.repaint?.();
  }
}

/**
 * Whether a field needs a key itself.
 * @type {(field: Element, key: string) => boolean}
 */
const isFor = (field, key) =>
  field.matches(TYPED_INTO) || (field.matches("input[type=range]") && key.startsWith("Arrow"));

/**
 * What views are made for once.
 * @param {Run} run
 */
const choices = ({ classes, measures, splits, warnings }) =>
  JSON.stringify([classes, measures, splits, warnings.map(({ name }) => name)]);

async function start() {
  let run;
  try {
    run = await getRun();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    main.replaceChildren(h("p", { class: "waiting wrong" }, said));
    return;
  }
  const frame = new Frame(run);
  await frame.show();
  await follow(frame, run.stamp);
}

start();
