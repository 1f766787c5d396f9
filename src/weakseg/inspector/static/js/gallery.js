// Thumbnails of all images that a filter finds. Only the rows near the window exist as elements.

import { address, getJSON } from "./api.js";
import { attempt, byId, h } from "./dom.js";
import { count, MEASURES } from "./format.js";
import { filterOf, link, replace } from "./state.js";

const PAGE = 200; // images asked for at once
const AHEAD = 3; // rows kept above and below the window
const MARKS = { rejected: ["✕", "rejected"], accepted: ["✓", "accepted"], flagged: ["⚑", "flagged"], corrected: ["✎", "corrected"] };

export function gallery(page) {
  const { run } = page;
  let filter = filterOf({});
  let found = { total: 0, pages: new Map() };
  let asked = new AbortController();
  const tiles = new Map();
  const field = h("ul", { class: "tiles" });
  const said = h("p", { class: "soft", role: "status" });
  const form = controls(run, change);
  const element = h("div", { class: "gallery" }, h("h1", { class: "hidden" }, "Gallery"), form, said, field);
  const watch = new ResizeObserver(layout);
  watch.observe(field);
  addEventListener("scroll", layout, { passive: true });

  function change() {
    filter = filterOf(Object.fromEntries(new FormData(form)));
    replace("gallery", "", filter);
    page.filter = filter;
    return load();
  }

  async function load() {
    asked.abort();
    asked = new AbortController();
    for (const tile of tiles.values()) tile.remove();
    tiles.clear();
    const mine = { total: 0, pages: new Map() };
    found = mine;
    said.textContent = filter.sort === "disagreement" ? "Reading every map, once…" : "…";
    field.setAttribute("aria-busy", "true");
    await fetchPage(0);
    if (mine === found) field.removeAttribute("aria-busy"); // else a newer question is under way
  }

  /** From an image back to where the gallery was left. */
  function comeBack() {
    scrollTo(0, page.left?.filter === JSON.stringify(filter) ? page.left.at : 0);
  }

  async function fetchPage(number) {
    if (found.pages.has(number)) return;
    const mine = found;
    mine.pages.set(number, null); // under way
    const values = { ...filter, offset: number * PAGE, limit: PAGE };
    const answer = await attempt(() => getJSON("/api/images", values, asked.signal));
    if (mine !== found || !answer) return;
    mine.pages.set(number, answer.rows);
    mine.total = answer.total;
    said.textContent = answer.total ? `${count(answer.total)} images` : "No image fits this filter.";
    layout();
  }

  function layout() {
    const style = getComputedStyle(field);
    const [width, height] = ["--tile", "--tile-height"].map((name) => parseFloat(style.getPropertyValue(name)));
    const columns = Math.max(2, Math.floor(field.clientWidth / width));
    const step = field.clientWidth / columns;
    field.style.height = `${Math.ceil(found.total / columns) * height}px`;
    const top = -field.getBoundingClientRect().top;
    const first = Math.max(0, (Math.floor(top / height) - AHEAD) * columns);
    const last = Math.min(found.total, (Math.ceil((top + innerHeight) / height) + AHEAD) * columns);
    for (const [place, tile] of tiles) {
      if (place >= first && place < last) continue;
      tile.querySelector("img")?.removeAttribute("src"); // a picture nobody waits for any more
      tile.remove();
      tiles.delete(place);
    }
    for (let place = first; place < last; place += 1) {
      const row = found.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
      if (!row) {
        fetchPage(Math.floor(place / PAGE));
        continue;
      }
      if (!tiles.has(place)) tiles.set(place, inOrder(field, makeTile(row, place)));
      const { style: at } = tiles.get(place);
      at.width = `${step}px`;
      at.transform = `translate(${(place % columns) * step}px, ${Math.floor(place / columns) * height}px)`;
    }
  }

  function makeTile(row, place) {
    const measure = MEASURES[filter.sort === "index" ? "iou" : filter.sort];
    const value = row[filter.sort === "index" ? "iou" : filter.sort];
    const states = [row.decision, row.flagged && "flagged", row.corrected && "corrected"].filter(Boolean);
    const source = address("/api/thumbnail", { id: row.id, palette: page.palette, start: run.start });
    const picture = h("img", { src: source, alt: "", draggable: "false", decoding: "async" });
    picture.addEventListener("error", () => picture.getAttribute("src") && picture.replaceWith(h("span", { class: "broken" }, "cannot be shown")));
    const text = [row.labels.join(", ") || "no class", ...states].join(", ");
    return h(
      "li",
      { class: "tile", "aria-setsize": found.total, "aria-posinset": place + 1, "data-place": place, "data-id": row.id },
      h(
        "a",
        { href: link("image", row.id, filter), title: text },
        picture,
        h("span", { class: "marks" }, states.map((state) => h("span", { class: `mark-${state}` }, h("span", { "aria-hidden": "true" }, MARKS[state][0]), h("span", { class: "hidden" }, MARKS[state][1])))),
        h("span", { class: "caption" }, h("span", { class: "name" }, row.id), h("span", { class: "number", title: measure.name }, measure.show(value))),
      ),
    );
  }

  return {
    element,
    update(_, values) {
      filter = filterOf(values);
      for (const [name, value] of Object.entries(filter)) if (form.elements[name]) form.elements[name].value = value;
      return load().then(comeBack);
    },
    repaint: load,
    leave() {
      page.left = { filter: JSON.stringify(filter), at: scrollY };
      asked.abort();
      watch.disconnect();
      removeEventListener("scroll", layout);
    },
  };
}

/** Tiles stand in the page in their order, for the tab key and screen readers. */
function inOrder(field, tile) {
  const later = [...field.children].find((other) => Number(other.dataset.place) > Number(tile.dataset.place));
  field.insertBefore(tile, later ?? null);
  return tile;
}

function controls(run, change) {
  const choose = (name, label, options) =>
    h("label", {}, label, h("select", { name, onchange: change }, options.map(([value, text]) => h("option", { value }, text))));
  let typing;
  const later = () => {
    clearTimeout(typing);
    typing = setTimeout(change, 200);
  };
  const states = [["", "any"], ["open", "no decision yet"], ["flagged", "flagged"], ["accepted", "accepted"], ["rejected", "rejected"], ["corrected", "corrected"]];
  const sorts = ["index", ...run.measures].map((name) => [name, MEASURES[name].name]);
  return h(
    "form",
    { class: "filters", "aria-label": "Filter and order", onsubmit: (event) => event.preventDefault() },
    choose("label", "Class", [["", "any"], ...run.classes.map((name) => [name, name])]),
    choose("split", "Split", [["", "any"], ...Object.keys(run.splits).map((name) => [name, name])]),
    choose("state", "Review", states),
    choose("sort", "Sort by", sorts),
    choose("order", "Order", [["up", "lowest first"], ["down", "highest first"]]),
    h("label", {}, "Name", h("input", { name: "text", type: "search", placeholder: "part of the id", oninput: later, autocomplete: "off" })),
  );
}
