// The page's frame: which view is shown, theme, colours, keys.

import { getJSON } from "./api.js";
import { byId, h, say } from "./dom.js";
import { gallery } from "./gallery.js";
import { image } from "./image.js";
import { overview } from "./overview.js";
import { filterOf, go, here } from "./state.js";

const VIEWS = { overview, gallery, image };
const THEMES = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };

/** What all views share: the run, the palette, the filter that was last chosen, and where the gallery was left. */
const page = { run: null, palette: localStorage.getItem("weakseg-palette") ?? "voc", filter: filterOf({}), lastImage: "", left: null };
let shown = { name: "", view: null };

async function show() {
  const { view: name, id, values } = here();
  if (!(name in VIEWS)) return go("overview");
  if (name !== "overview") page.filter = filterOf(values);
  if (shown.name === name && shown.view.update) return shown.view.update(id, values);
  shown.view?.leave?.();
  const view = VIEWS[name](page);
  shown = { name, view };
  byId("main").replaceChildren(view.element);
  byId("main").dataset.view = name;
  scrollTo(0, 0);
  for (const anchor of byId("views").children) {
    const current = anchor.getAttribute("href") === `#/${name}`;
    current ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  }
  document.title = `${page.run.name} · ${name} · weakseg`;
  await view.update?.(id, values);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const typing = event.target.matches("input:not([type=range], [type=checkbox], [type=radio]), select, textarea");
  if (typing || (event.target.matches("input[type=range]") && event.key.startsWith("Arrow"))) return;
  if (event.key === "?") byId("help").showModal();
  else if (event.key === "g") go("gallery", "", page.filter);
  else if (event.key === "o") go("overview");
  else if (!shown.view?.key?.(event)) return;
  event.preventDefault();
}

function theme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  next ? (root.dataset.theme = next) : delete root.dataset.theme;
  next ? localStorage.setItem("weakseg-theme", next) : localStorage.removeItem("weakseg-theme");
  say(`Theme: ${NAMES[next]}`);
  shown.view?.repaint?.();
}

function palette(event) {
  page.palette = event.target.value;
  localStorage.setItem("weakseg-palette", page.palette);
  shown.view?.repaint?.();
}

async function start() {
  try {
    page.run = await getJSON("/api/run");
  } catch (error) {
    byId("main").replaceChildren(h("p", { class: "waiting wrong" }, error.message));
    return;
  }
  byId("run-name").textContent = page.run.name;
  byId("palette").value = page.palette;
  byId("palette").addEventListener("change", palette);
  byId("theme").addEventListener("click", theme);
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("skip").addEventListener("click", () => byId("main").focus());
  document.addEventListener("keydown", keys);
  addEventListener("hashchange", show);
  await show();
}

start();
