// Time and memory of each rule.

/** @import { Cost } from "../../../types/answers" */

import { h } from "../common/dom.js";
import { duration, memory, spaced } from "../common/format.js";
import { bar, number, row, section, table } from "../common/tables.js";

/** @type {(rules: Record<string, Cost>) => HTMLElement | null} */
export function costs(rules) {
  const found = Object.entries(rules).sort(([, one], [, other]) => other.seconds - one.seconds);
  if (!found.length) return null;
  const most = Math.max(...found.map(([, cost]) => cost.seconds));
  const largest = Math.max(...found.map(([, cost]) => cost.memory_mb ?? 0));
  const rows = found.map(([name, cost]) =>
    row(
      spaced(name),
      number(String(cost.jobs)),
      number(bar(duration(cost.seconds), cost.seconds / most)),
      number(bar(memory(cost.memory_mb), (cost.memory_mb ?? 0) / largest)),
    ),
  );
  const total = found.reduce((sum, [, cost]) => sum + cost.seconds, 0);
  const said = `${duration(total)} of all jobs added up; jobs side by side count each.`;
  const columns = ["jobs", "time", "peak memory"];
  return section("Time and memory", table(["rule"], columns, rows), h("p", { class: "soft" }, said));
}
