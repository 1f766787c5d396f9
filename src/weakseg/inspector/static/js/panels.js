// The canvases: one per layer side by side, or one for all; they zoom and move together.

import { h } from "./dom.js";

const MOST = 24; // times the size at which the image fits
const GAP = 8;
const CAPTION = 24;
const NARROWEST = 150; // pixels of a panel

/**
 * @param hover told the pixel under the pointer, or null
 * @param moved told the new zoom, to keep it in the address
 */
export function panels(hover, moved) {
  const element = h("div", { class: "panels" });
  const view = { zoom: 1, x: 0.5, y: 0.5 }; // the middle, as a share of the image
  let content = { groups: [], picture: null, width: 1, height: 1, opacity: 0.7 };
  let canvases = [];
  let cursor = null;
  let drag = null;
  let waiting = false;
  new ResizeObserver(() => arrange()).observe(element);

  /** Show groups of layers, a panel each: `{title, note, base, paints}`. */
  function show(next) {
    content = { ...content, ...next };
    while (canvases.length > content.groups.length) canvases.pop().figure.remove();
    while (canvases.length < content.groups.length) canvases.push(panel());
    canvases.forEach((item, number) => {
      const { title, note } = content.groups[number];
      item.title.textContent = title;
      item.note.textContent = note ?? "";
      item.canvas.setAttribute("aria-label", [title, note].filter(Boolean).join(", "));
    });
    arrange();
  }

  function panel() {
    const [title, note] = [h("span"), h("span", { class: "note" })];
    const canvas = h("canvas", { role: "img" });
    const figure = h("figure", { class: "panel" }, h("figcaption", {}, title, note), canvas);
    canvas.addEventListener("pointermove", (event) => over(event, canvas));
    canvas.addEventListener("pointerleave", () => point(null));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, y: event.clientY, from: { ...view } };
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (drag = null));
    canvas.addEventListener("wheel", (event) => wheel(event, canvas), { passive: false });
    element.append(figure);
    return { figure, canvas, title, note };
  }

  /** As large as the panels can be: the number of columns that gives the widest ones. */
  function arrange() {
    const { clientWidth: wide, clientHeight: tall } = element;
    const number = content.groups.length;
    if (!wide || !number) return;
    const shape = content.height / content.width;
    const free = getComputedStyle(element).overflowY === "visible"; // a narrow page scrolls as a whole
    let best = { width: 0, columns: 1 };
    for (let columns = 1; columns <= number; columns += 1) {
      const rows = Math.ceil(number / columns);
      const across = (wide - GAP * (columns - 1)) / columns;
      const down = free ? Infinity : ((tall - GAP * (rows - 1)) / rows - CAPTION) / shape;
      const width = Math.min(across, down);
      if (free ? across >= NARROWEST || columns === 1 : width > best.width) best = { width, columns };
    }
    const width = Math.max(60, Math.floor(best.width));
    element.style.gridTemplateColumns = `repeat(${best.columns}, ${width}px)`;
    const density = devicePixelRatio || 1;
    for (const { canvas } of canvases) {
      const size = [Math.round(width * density), Math.round(width * shape * density)];
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
      canvas.style.height = `${Math.round(width * shape)}px`;
      canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    }
    draw();
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      canvases.forEach(({ canvas }, number) => content.groups[number] && paint(canvas, content.groups[number]));
    });
  }

  function paint(canvas, group) {
    const context = canvas.getContext("2d");
    const scale = (canvas.width / content.width) * view.zoom;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const [left, top] = corner(canvas, scale);
    context.setTransform(scale, 0, 0, scale, left, top);
    context.imageSmoothingEnabled = scale < 2; // large pixels are shown as they are
    if (group.base && content.picture) context.drawImage(content.picture, 0, 0, content.width, content.height);
    for (const paint of group.paints) {
      context.globalAlpha = group.base ? content.opacity : 1;
      context.imageSmoothingEnabled = scale < 1;
      context.drawImage(paint, 0, 0);
    }
    context.globalAlpha = 1;
    if (cursor) cross(context, scale);
  }

  const corner = (canvas, scale) => [canvas.width / 2 - view.x * content.width * scale, canvas.height / 2 - view.y * content.height * scale];

  function cross(context, scale) {
    for (const [style, width] of [["#000", 3], ["#fff", 1.2]]) {
      context.strokeStyle = style;
      context.lineWidth = width / scale;
      const arm = 7 / scale;
      context.beginPath();
      context.moveTo(cursor.x + 0.5 - arm, cursor.y + 0.5);
      context.lineTo(cursor.x + 0.5 + arm, cursor.y + 0.5);
      context.moveTo(cursor.x + 0.5, cursor.y + 0.5 - arm);
      context.lineTo(cursor.x + 0.5, cursor.y + 0.5 + arm);
      context.stroke();
    }
  }

  /** The image's pixel under the pointer. */
  function pixel(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const scale = (box.width / content.width) * view.zoom;
    return {
      x: (event.clientX - box.left - box.width / 2) / scale + view.x * content.width,
      y: (event.clientY - box.top - box.height / 2) / scale + view.y * content.height,
      scale,
    };
  }

  function over(event, canvas) {
    const at = pixel(event, canvas);
    if (drag) {
      view.x = drag.from.x - (event.clientX - drag.x) / (at.scale * content.width);
      view.y = drag.from.y - (event.clientY - drag.y) / (at.scale * content.height);
      settle();
    }
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    point(x >= 0 && y >= 0 && x < content.width && y < content.height ? { x, y } : null);
  }

  function point(at) {
    cursor = at;
    hover(at);
    draw();
  }

  function wheel(event, canvas) {
    event.preventDefault();
    const at = pixel(event, canvas);
    zoomTo(view.zoom * Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.002)), at.x / content.width, at.y / content.height);
  }

  /** Zoom so that one point of the image stays where it is. */
  function zoomTo(zoom, x = view.x, y = view.y) {
    const next = Math.min(MOST, Math.max(1, zoom));
    view.x = x + (view.x - x) * (view.zoom / next);
    view.y = y + (view.y - y) * (view.zoom / next);
    view.zoom = next;
    settle();
  }

  /** The image never leaves the panel. */
  function settle() {
    const half = 0.5 / view.zoom;
    for (const name of ["x", "y"]) view[name] = Math.min(1 - half, Math.max(half, view[name]));
    for (const { canvas } of canvases) canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    draw();
    moved(view);
  }

  return {
    element,
    show,
    draw,
    zoom: (factor) => zoomTo(factor ? view.zoom * factor : 1),
    move: (text) => {
      const [zoom, x, y] = (text || "1,0.5,0.5").split(",").map(Number);
      if ([zoom, x, y].every(Number.isFinite)) Object.assign(view, { zoom: Math.min(MOST, Math.max(1, zoom)), x, y });
      settle();
    },
    position: () => (view.zoom > 1 ? [view.zoom.toFixed(2), view.x.toFixed(4), view.y.toFixed(4)].join(",") : ""),
  };
}
