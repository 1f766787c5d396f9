// One image and all its layers.

import { address, getBundle, getJSON } from "./api.js";
import { attempt, h } from "./dom.js";
import { count, known, score } from "./format.js";
import { change, DIFFERENCE, layersOf, painted, valueAt, withDifference } from "./layers.js";
import { panels } from "./panels.js";
import { review } from "./review.js";
import { filterOf, go, link, replace } from "./state.js";
import { whatIf } from "./whatif.js";

const HIDDEN_BESIDE = ["new fused"]; // of the layers side by side, unless asked for
const STACKED = ["image", "refined"]; // of the layers in one panel, unless asked for
const kept = { mode: "beside", chosen: { beside: null, stack: null }, opacity: 0.7 };

export function image(page) {
  const { run } = page;
  const names = ["background", ...run.classes];
  let id = "";
  let place = {};
  let layers = [];
  let own = 0; // layers of the run itself; those of a trial follow
  let rows = [];
  let answer = null;
  let paints = new Map();
  let asked = new AbortController();

  const stage = panels(hover, () => remember());
  const list = h("ol", { class: "layers", "aria-label": "Layers" });
  const legend = h("ul", { class: "legend", "aria-label": "Colours" });
  const pointer = h("p", { class: "pointer soft", "aria-hidden": "true" }, "Point at the image for its values.");
  const title = h("h1", {}, "");
  const about = h("p", { class: "about soft" });
  const [before, after] = [["←", "before", "Image before"], ["→", "after", "Next image"]].map(([mark, side, label]) =>
    h("button", { type: "button", "aria-label": label, onclick: () => step(side) }, mark),
  );
  const modes = [["beside", "Side by side"], ["stack", "One panel"]].map(([name, text]) =>
    h("button", { type: "button", "data-mode": name, onclick: () => setMode(name) }, text),
  );
  const opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: kept.opacity, oninput: () => setOpacity(Number(opacity.value)) });
  const reviewing = review(page);
  const trying = whatIf(page, tried);
  const element = h(
    "div",
    { class: "image-view" },
    h(
      "div",
      { class: "image-head" },
      h("div", { class: "group" }, before, after),
      h("div", { class: "naming" }, title, about),
      h("div", { class: "group", role: "group", "aria-label": "Panels" }, modes),
      h("label", { class: "compact" }, "Opacity ", opacity),
      h("div", { class: "group", role: "group", "aria-label": "Zoom" }, zoomButton("−", "Zoom out", 1 / 1.5), zoomButton("+", "Zoom in", 1.5), zoomButton("Fit", "Whole image", 0)),
    ),
    stage.element,
    h(
      "aside",
      { class: "side", "aria-label": "Layers, review and what if" },
      h("section", { class: "panel-section", "aria-labelledby": "layers-title" }, h("h2", { id: "layers-title" }, "Layers"), list, pointer, legend),
      reviewing.element,
      trying.element,
    ),
  );

  function zoomButton(text, label, factor) {
    return h("button", { type: "button", title: label, "aria-label": text.length > 1 ? null : label, onclick: () => stage.zoom(factor) }, text);
  }

  async function update(next, values) {
    page.filter = filterOf(values);
    if (!next) return first();
    if (values.mode === "stack" || values.mode === "beside") kept.mode = values.mode;
    if (values.layers !== undefined) kept.chosen[kept.mode] = values.layers.split(",");
    if (known(Number.parseFloat(values.opacity))) kept.opacity = Math.min(1, Math.max(0, Number.parseFloat(values.opacity)));
    opacity.value = kept.opacity;
    if (next === id && layers.length) {
      stage.move(values.zoom);
      return refresh();
    }
    await open(next);
    if (next === id) stage.move(values.zoom);
  }

  /** Without an id: the image that was last seen, or the first of the filter. */
  async function first() {
    if (page.lastImage) return go("image", page.lastImage, page.filter);
    const found = await attempt(() => getJSON("/api/images", { ...page.filter, limit: 1 }));
    if (found?.rows.length) go("image", found.rows[0].id, page.filter);
    else title.textContent = "No image fits the filter.";
  }

  async function open(next) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    id = next;
    element.setAttribute("aria-busy", "true");
    const picture = new Image();
    picture.src = address("/api/picture", { id, start: run.start });
    const found = await attempt(() => Promise.all([getBundle("/api/layers", { id }, signal), getJSON("/api/place", { id, ...page.filter }, signal), picture.decode()]));
    if (signal.aborted) return;
    element.removeAttribute("aria-busy");
    if (!found) {
      title.textContent = "This image cannot be shown.";
      return;
    }
    [answer, place] = found;
    page.lastImage = id;
    layers = layersOf(answer);
    own = layers.length;
    paints = new Map();
    stage.show({ picture, width: answer.width || picture.naturalWidth, height: answer.height || picture.naturalHeight, opacity: kept.opacity });
    describe();
    reviewing.show(place.row);
    refresh();
    trying.image(id);
  }

  function describe() {
    title.textContent = id;
    const [height, width] = answer.size;
    const at = place.place === null ? `not in the filter's ${count(place.total)}` : `${count(place.place + 1)} of ${count(place.total)}`;
    about.textContent = `${answer.labels.join(", ") || "no class"} · ${place.row.split} · ${width}×${height} · ${at}`;
    before.disabled = !place.before;
    after.disabled = !place.after;
  }

  function tried(found) {
    layers = layersOf(answer);
    if (found) {
      const old = layers.find((layer) => layer.name === "refined");
      const now = found.planes.find((layer) => layer.name === "new refined");
      layers = withDifference([...layers, ...found.planes], "new refined", "new difference");
      if (old && now) layers.push({ name: "change", kind: "change", values: change(old.values, now.values) });
    }
    for (const name of ["new fused", "new refined", "new difference", "change"]) paints.delete(name);
    refresh();
  }

  // ------------------------------------------------------------------ what is shown

  function isShown(name) {
    const chosen = kept.chosen[kept.mode];
    if (chosen) return chosen.includes(name) || (kept.mode === "beside" && name.startsWith("new ref"));
    return kept.mode === "beside" ? !HIDDEN_BESIDE.includes(name) : STACKED.includes(name);
  }

  function toggle(name) {
    const shown = layers.map((layer) => layer.name).filter(isShown);
    kept.chosen[kept.mode] = shown.includes(name) ? shown.filter((other) => other !== name) : [...shown, name];
    refresh();
  }

  function refresh() {
    for (const button of modes) button.setAttribute("aria-pressed", String(button.dataset.mode === kept.mode));
    const shown = layers.filter((layer) => isShown(layer.name));
    const over = (layer) => (layer.kind === "image" ? [] : [paint(layer)]);
    const note = ({ iou }) => (known(iou) ? `IoU ${score(iou)}` : "");
    const stacked = { title: shown.map((layer) => layer.name).join(" + ") || "nothing", base: shown.some((layer) => layer.kind === "image"), paints: shown.flatMap(over) };
    const groups = kept.mode === "stack" ? [stacked] : shown.map((layer) => ({ title: layer.name, note: note(layer), base: true, paints: over(layer) }));
    stage.show({ groups, opacity: kept.opacity });
    drawList();
    drawLegend(shown);
    remember();
  }

  function paint(layer) {
    if (!paints.has(layer.name)) paints.set(layer.name, painted(layer, answer.width, answer.height, colours()));
    return paints.get(layer.name);
  }

  const colours = () => run.palettes[page.palette] ?? run.palettes.voc;

  /** The layers of a trial stand below its sliders: above them they would push the slider away that is being moved. */
  function drawList() {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    rows = layers.map(({ name, iou, kind }, at) =>
      h(
        "li",
        {},
        h("button", { type: "button", "data-name": name, "aria-pressed": String(isShown(name)), "aria-keyshortcuts": at < 9 ? at + 1 : null, onclick: () => toggle(name) }, h("kbd", { class: at < 9 ? "" : "none" }, at < 9 ? at + 1 : ""), h("span", { class: "layer-name" }, name), h("span", { class: "value", "data-kind": kind }, known(iou) ? `IoU ${score(iou)}` : "")),
      ),
    );
    list.replaceChildren(...rows.slice(0, own));
    trying.layers.replaceChildren(...rows.slice(own));
    if (focused) element.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
  }

  function drawLegend(shown) {
    const used = new Set(layers.filter((layer) => layer.kind === "labels").flatMap(({ values }) => [...new Set(values)]));
    const entry = (colour, text) => h("li", {}, h("span", { class: colour === "hatch" ? "swatch hatched" : "swatch", style: Array.isArray(colour) ? { background: `rgb(${colour.slice(0, 3)})` } : {} }), text);
    const entries = [...used].filter((value) => value > 0 && value < 255).sort((one, other) => one - other).map((value) => entry(colours()[value], names[value]));
    if (used.has(255)) entries.push(entry("hatch", "undecided, not scored"));
    const compared = shown.some((layer) => layer.kind === "difference") ? DIFFERENCE.slice(1, 4).map(({ name, colour }) => entry(colour, name)) : [];
    legend.replaceChildren(...entries, ...compared);
  }

  function hover(at) {
    if (!answer) return;
    pointer.textContent = at ? `x ${at.x}, y ${at.y}` : "Point at the image for its values.";
    layers.forEach((layer, number) => {
      const value = rows[number]?.querySelector(".value");
      if (value) value.textContent = at ? valueAt(layer, at.y * answer.width + at.x, names) : known(layer.iou) ? `IoU ${score(layer.iou)}` : "";
    });
  }

  // ------------------------------------------------------------------ what people do

  function remember() {
    if (!id || !layers.length) return;
    const chosen = kept.chosen[kept.mode];
    const values = { ...page.filter, mode: kept.mode === "stack" ? "stack" : "", layers: chosen ? chosen.join(",") : "", opacity: kept.opacity === 0.7 ? "" : String(kept.opacity), zoom: stage.position() };
    replace("image", id, values);
  }

  function setMode(name) {
    kept.mode = name;
    refresh();
  }

  function setOpacity(value) {
    kept.opacity = value;
    stage.show({ opacity: value });
    remember();
  }

  function step(side) {
    if (!place[side]) return;
    const values = { ...page.filter, mode: kept.mode === "stack" ? "stack" : "" };
    location.hash = link("image", place[side], values);
  }

  function key(event) {
    const layer = /^[1-9]$/.test(event.key) && layers[Number(event.key) - 1];
    if (layer) toggle(layer.name);
    else if (event.key === "ArrowLeft") step("before");
    else if (event.key === "ArrowRight") step("after");
    else if (event.key === "s") setMode(kept.mode === "stack" ? "beside" : "stack");
    else if (event.key in ZOOM) stage.zoom(ZOOM[event.key]);
    else return reviewing.key(event);
    return true;
  }

  function repaint() {
    paints = new Map();
    if (answer) refresh();
  }

  return {
    element,
    update,
    key,
    repaint,
    leave() {
      asked.abort();
      trying.leave();
    },
  };
}

const ZOOM = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 };
