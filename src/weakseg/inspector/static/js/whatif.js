// Other values of the proxy rule and the CRF, on this image or on a sample of the filter.

import { getJSON, postBundle, postJSON } from "./api.js";
import { attempt, h, say } from "./dom.js";
import { duration, known, percent, score, signed } from "./format.js";
import { link } from "./state.js";

const SAMPLE = 12; // images of a filter that are tried
const HINT = "Move a slider: this image's proxy is made anew.";
const kept = { proxy: null }; // the sliders stay as they are from image to image

/** @param shown told the answer for this image (or null when the run's own values are back) */
export function whatIf(page, shown) {
  const { knobs } = page.run;
  let id = "";
  let running = false;
  let again = false;
  let sample = null;
  const own = () => ({ rule: knobs.rule, ...Object.fromEntries(Object.entries(knobs.rules).map(([name, sliders]) => [name, valuesOf(sliders)])), refine: { ...valuesOf(knobs.refine), crf: { ...valuesOf(knobs.crf), preset: knobs.preset } } });
  kept.proxy ??= own();
  const result = h("p", { class: "result what-if-result", role: "status" });
  const sliders = h("div", { class: "sliders" });
  const table = h("div", { class: "sample" });
  const layers = h("ol", { class: "layers", "aria-label": "Layers of the trial" });
  const element = h(
    "section",
    { class: "panel-section", "aria-labelledby": "what-if-title" },
    h("h2", { id: "what-if-title" }, "What if"),
    result,
    sliders,
    layers,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: trySample }, `Try on ${SAMPLE} of the filter`),
      h("button", { type: "button", onclick: copy }, "Copy as YAML"),
      h("button", { type: "button", class: "quiet", onclick: reset }, "Back to the run's values"),
    ),
    table,
    h("p", { class: "soft small" }, "IoU looks at the masks: values chosen by it are no longer weakly supervised."),
  );
  build();

  function build() {
    const { proxy } = kept;
    const crf = proxy.refine.crf;
    sliders.replaceChildren(
      choice("Rule", Object.keys(knobs.rules), proxy.rule, (value) => change(proxy, "rule", value)),
      ...knobs.rules[proxy.rule].map((knob) => control(knob, proxy[proxy.rule])),
      h("h3", {}, "CRF"),
      ...knobs.refine.map((knob) => control(knob, proxy.refine)),
      choice("preset", Object.keys(knobs.presets), crf.preset, (value) => preset(crf, value)),
      ...(crf.preset === "custom" ? knobs.crf.map((knob) => control(knob, crf)) : []),
    );
  }

  /** `custom` starts from the values of the preset that was left; a preset takes none but its own. */
  function preset(crf, value) {
    Object.assign(crf, knobs.presets[value === "custom" ? crf.preset : value]);
    change(crf, "preset", value);
  }

  function change(section, name, value) {
    section[name] = value;
    if (name === "rule" || name === "preset") build();
    stopSample();
    run();
  }

  function control(knob, section) {
    const value = section[knob.name];
    const set = (next) => change(section, knob.name, next);
    if (knob.kind === "choice") return choice(knob.name, knob.choices, value, set, knob.help);
    if (knob.kind === "switch") return h("label", { class: "knob", title: knob.help }, spaced(knob.name), h("input", { type: "checkbox", checked: value, onchange: (event) => set(event.target.checked) }));
    const output = h("output", {}, String(+value.toFixed(3)));
    const input = h("input", { type: "range", name: knob.name, min: knob.least, max: knob.most, step: knob.step, value, oninput: () => moved() });
    const moved = () => {
      output.textContent = String(+Number(input.value).toFixed(3));
      set(Number(input.value));
    };
    return h("label", { class: "knob", title: knob.help }, h("span", {}, spaced(knob.name)), input, output);
  }

  const question = (image, planes) => ({ id: image, proxy: kept.proxy, planes });

  /** One request at a time; of the changes meanwhile only the last counts. */
  async function run() {
    again = running;
    if (running || !id) return;
    if (isOwn()) return shown(null), void (result.textContent = HINT);
    running = true;
    result.setAttribute("aria-busy", "true");
    const asked = id;
    const answer = await attempt(() => postBundle("/api/what-if", question(asked, true)));
    running = false;
    result.removeAttribute("aria-busy");
    if (answer && asked === id) {
      tell(answer);
      shown(answer);
    } else if (!answer) result.textContent = HINT;
    if (again || asked !== id) run();
  }

  const isOwn = () => JSON.stringify(kept.proxy) === JSON.stringify(own());

  function tell({ old, new: now, changed, seconds }) {
    const parts = [];
    if (known(now.iou) && known(old?.iou)) parts.push(h("span", {}, "IoU ", score(old.iou), " → ", h("b", {}, score(now.iou)), " ", h("span", { class: now.iou < old.iou ? "worse" : now.iou > old.iou ? "better" : "" }, `(${signed(now.iou - old.iou)})`)));
    parts.push(h("span", {}, `undecided ${old ? `${percent(old.undecided)} → ` : ""}${percent(now.undecided)}`));
    if (known(changed)) parts.push(h("span", {}, `${percent(changed)} of the pixels changed`));
    parts.push(h("span", { class: "soft" }, `${duration(seconds)}`));
    result.replaceChildren(...parts);
  }

  async function copy() {
    const answer = await attempt(() => postJSON("/api/yaml", question(id, false)));
    if (!answer) return;
    table.replaceChildren(h("textarea", { class: "yaml", rows: 12, readonly: true, spellcheck: "false", "aria-label": "Configuration to paste" }, answer.yaml));
    table.firstChild.value = answer.yaml;
    try {
      await navigator.clipboard.writeText(answer.yaml);
      say("Copied; paste it into the run's configuration.");
    } catch {
      table.firstChild.select(); // no clipboard without a secure address: ready to be copied by hand
    }
  }

  function reset() {
    kept.proxy = own();
    build();
    stopSample();
    run();
  }

  function stopSample() {
    sample = null;
  }

  async function trySample() {
    const mine = (sample = {});
    const { total } = (await attempt(() => getJSON("/api/images", { ...page.filter, limit: 0 }))) ?? { total: 0 };
    const number = Math.min(SAMPLE, total);
    const places = Array.from({ length: number }, (_, at) => Math.floor(((at + 0.5) * total) / number));
    const done = [];
    for (const offset of places) {
      table.replaceChildren(h("p", { role: "status" }, `${done.length} of ${number}… `, h("button", { type: "button", class: "quiet", onclick: stopSample }, "stop")));
      const { rows = [] } = (await attempt(() => getJSON("/api/images", { ...page.filter, offset, limit: 1 }))) ?? {};
      const answer = rows[0] && sample === mine && (await attempt(() => postBundle("/api/what-if", question(rows[0].id, false))));
      if (sample !== mine) return table.replaceChildren();
      if (answer) done.push({ id: rows[0].id, ...answer });
    }
    table.replaceChildren(...summary(done, page.filter));
  }

  return {
    element,
    layers,
    image(next) {
      id = next;
      result.textContent = HINT;
      run();
    },
    leave: stopSample,
  };
}

function summary(done, filter) {
  const scored = done.filter(({ old, new: now }) => old?.counts && now.counts);
  const [before, after] = ["old", "new"].map((name) => meanIoU(scored.map((item) => item[name].counts)));
  const mean = (name) => done.reduce((sum, item) => sum + (item[name]?.undecided ?? 0), 0) / done.length;
  const rows = done
    .map(({ id, old, new: now, changed }) => ({ id, old: old?.iou, now: now.iou, changed, gain: known(old?.iou) && known(now.iou) ? now.iou - old.iou : NaN }))
    .sort((one, other) => (other.gain || 0) - (one.gain || 0));
  return [
    h("p", { class: "result" }, scored.length ? h("span", {}, "mIoU ", score(before), " → ", h("b", {}, score(after)), ` (${signed(after - before)})`) : null, h("span", {}, `undecided ${percent(mean("old"))} → ${percent(mean("new"))}`), h("span", { class: "soft" }, `${done.length} images, evenly spaced in the filter's order`)),
    h("table", {}, h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: link("image", row.id, filter) }, row.id)), h("td", { class: "number" }, score(row.now)), h("td", { class: `number ${row.gain < 0 ? "worse" : "better"}` }, signed(row.gain)), h("td", { class: "number" }, percent(row.changed)))))),
  ];
}

/** Mean IoU of confusion matrices added up, over the classes that occur. */
function meanIoU(matrices) {
  if (!matrices.length) return NaN;
  const size = matrices[0].length;
  const sum = (row, column) => matrices.reduce((all, matrix) => all + matrix[row][column], 0);
  const all = Array.from({ length: size }, (_, row) => Array.from({ length: size }, (__, column) => sum(row, column)));
  const found = all.map((row, at) => row[at] / (row.reduce((one, other) => one + other, 0) + all.reduce((one, other) => one + other[at], 0) - row[at]));
  const defined = found.filter(Number.isFinite);
  return defined.reduce((one, other) => one + other, 0) / defined.length;
}

const valuesOf = (sliders) => Object.fromEntries(sliders.map(({ name, value }) => [name, value]));

const spaced = (name) => name.replaceAll("_", " ");

const choice = (name, options, value, set, help) =>
  h("label", { class: "knob", title: help }, spaced(name), h("select", { onchange: (event) => set(event.target.value) }, options.map((option) => h("option", { value: option, selected: option === value }, option))));
