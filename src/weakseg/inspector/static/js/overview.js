// Scores, curves, time and memory of the run.

import { bar, lines } from "./charts.js";
import { h } from "./dom.js";
import { count, duration, known, memory, percent, score } from "./format.js";
import { link } from "./state.js";

const STAGES = { attention: "attention maps", fused: "fused proxies", refined: "refined proxies", relabelled: "relabelled proxies", segmenter: "segmenter", "segmenter-crf": "segmenter with CRF" };
const NOT_LOSSES = ["iteration", "epoch", "learning_rate", "gradient_norm", "seconds"];

export function overview(page) {
  const { run } = page;
  const { summary } = run;
  const scores = Object.entries(summary.scores ?? {}).sort(([one], [other]) => place(one) - place(other));
  const element = h(
    "div",
    { class: "overview" },
    head(run),
    scores.length ? [scoreTable(scores), classTable(scores, run)] : h("p", { class: "soft" }, "Nothing is scored yet."),
    h("div", { class: "cards" }, curves(run.histories), costs(summary.rules), facts(run, summary)),
  );
  return { element };
}

function head(run) {
  const splits = Object.entries(run.splits).map(([name, images]) => `${count(images)} ${name}`);
  return h(
    "header",
    { class: "title" },
    h("h1", {}, run.name),
    h("p", { class: "soft" }, `${splits.join(" + ")} images · ${run.classes.length} classes: ${run.classes.join(", ")}`),
  );
}

/** Name and round of a stage: `segmenter-crf-2` is the second round's `segmenter-crf`. */
function parts(stage) {
  const [, name, round] = /^(.+)-(\d)$/.exec(stage) ?? ["", stage, "1"];
  return [name, Number(round)];
}

function place(stage) {
  const [name, round] = parts(stage);
  return 10 * round + Object.keys(STAGES).indexOf(name);
}

function title(stage) {
  const [name, round] = parts(stage);
  return STAGES[name] + (round > 1 ? `, round ${round}` : "");
}

function scoreTable(scores) {
  const row = ([stage, found]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, title(stage)),
      h("td", {}, found.split),
      h("td", { class: "number" }, count(found.images)),
      h("td", { class: "number" }, bar(score(found.miou), found.miou)),
      h("td", { class: "number" }, percent(found.undecided)),
      h("td", { class: "number" }, score(found.miou_undecided_wrong)),
      h("td", { class: "number" }, percent(found.pixel_accuracy)),
    );
  const names = ["stage", "split", "images", "mIoU", "undecided", "mIoU, undecided wrong", "right pixels"];
  return section("Scores", table(names, scores.map(row)));
}

function classTable(scores, run) {
  const names = ["background", ...run.classes];
  const row = ([stage, found]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, title(stage)),
      names.map((name) => h("td", { class: "number" }, bar(score(found.per_class?.[name]), found.per_class?.[name]))),
    );
  return section("IoU of each class", table(["stage", ...names], scores.map(row)));
}

function curves(histories) {
  const drawn = Object.entries(histories).map(([room, columns]) => {
    const parts = Object.keys(columns).filter((name) => !NOT_LOSSES.includes(name) && name !== "loss");
    const named = ["loss", ...(parts.length > 1 ? parts : [])].filter((name) => columns[name]);
    return lines(room, named.map((name) => ({ name: name.replaceAll("_", " "), x: columns.iteration, y: columns[name] })), "iterations");
  });
  return drawn.length ? section("Training", h("div", { class: "charts" }, drawn)) : null;
}

function costs(rules = {}) {
  const found = Object.entries(rules ?? {}).sort(([, one], [, other]) => other.seconds - one.seconds);
  if (!found.length) return null;
  const [most, largest] = ["seconds", "memory_mb"].map((name) => Math.max(...found.map(([, cost]) => cost[name] ?? 0)));
  const row = ([name, cost]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name.replaceAll("_", " ")),
      h("td", { class: "number" }, String(cost.jobs)),
      h("td", { class: "number" }, bar(duration(cost.seconds), cost.seconds / most)),
      h("td", { class: "number" }, bar(memory(cost.memory_mb), cost.memory_mb / largest)),
    );
  const total = found.reduce((sum, [, cost]) => sum + cost.seconds, 0);
  return section("Time and memory", table(["rule", "jobs", "time", "peak memory"], found.map(row)), h("p", { class: "soft" }, `${duration(total)} of all jobs added up; jobs side by side count each.`));
}

function facts(run, summary) {
  const lines = [];
  const { ceiling, localisation, supervision, images_per_second: speeds } = summary;
  if (supervision) lines.push(["supervision", typeof supervision === "string" ? supervision : plain(supervision)]);
  if (ceiling) lines.push(["weak / full", `${score(ceiling.weak)} / ${score(ceiling.full)} = ${known(ceiling.ratio) ? ceiling.ratio.toFixed(2) : "–"}`]);
  if (localisation) lines.push(["boxes, GT-known", `${percent(localisation.gt_known)} of ${count(localisation.cases)} cases`]);
  for (const [room, speed] of Object.entries(speeds ?? {})) lines.push([`${room} training`, `${speed.toFixed(1)} images/s`]);
  const { review } = run;
  const states = Object.keys(review).filter((name) => review[name]);
  const reviewed = states.map((state, at) => [at ? ", " : "", h("a", { href: link("gallery", "", { state }) }, `${count(review[state])} ${state}`)]);
  lines.push(["review", reviewed.length ? reviewed : "no decision yet"]);
  lines.push(["weakseg", run.version]);
  return section("This run", h("dl", { class: "facts" }, lines.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))));
}

/** `{masks: 3, points: {clicks: 2}}` as a line. */
const plain = (value) =>
  Object.entries(value).map(([name, item]) => `${name.replaceAll("_", " ")}: ${item && typeof item === "object" ? plain(item) : item}`).join(" · ");

const section = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), content);

const table = (names, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${names.join(", ")}` },
    h("table", {}, h("thead", {}, h("tr", {}, names.map((name, at) => h("th", { scope: "col", class: at > 1 || rows.length && at && names.length > 7 ? "number" : "" }, name)))), h("tbody", {}, rows)),
  );
