"""Comparison of several runs."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from weakseg.errors import InputError
from weakseg.evaluation.health.record import StageHealth
from weakseg.evaluation.score import write_json
from weakseg.evaluation.text import aligned, decimals
from weakseg.report.costs import total
from weakseg.report.figures.charts import draw_comparison
from weakseg.report.results import read_results
from weakseg.run.health import run_health
from weakseg.run.opened import open_table
from weakseg.storage.atomic import write_text


@dataclass(frozen=True)
class RunFigures:
    """One run's figures; `None` if missing.

    Attributes:
        name: name of its folder.
        miou: name of a score → mean IoU in the order of the chain, `None` if not scored yet.
        undecided: share of undecided pixels in the refined proxies.
        refined_wrong: mean IoU of the refined proxies with undecided pixels as misses.
        refined_background: the same with undecided pixels as background.
        gt_known: GT-known localisation accuracy of the attention maps.
        images_per_second: of the attention training.
        minutes: total time of its stages' jobs, without scoring.
        memory_gb: largest memory of a job, 10⁹ bytes.
        supervision: the ledger's line.
        warnings: what the health checks told, each with its classes; `None` if nothing was checked.
    """

    name: str
    miou: dict[str, float | None]
    undecided: float | None
    refined_wrong: float | None
    refined_background: float | None
    gt_known: float | None
    images_per_second: float | None
    minutes: float | None
    memory_gb: float | None
    supervision: str | None = None
    warnings: list[str] | None = None

    def cells(self, scored: Sequence[str]) -> dict[str, str]:
        """Column → text, with a column for each score."""
        named: dict[str, float | None] = {name: self.miou.get(name) for name in scored}
        named |= {"undecided": self.undecided}
        named |= {"refined, undecided wrong": self.refined_wrong}
        named |= {"refined, undecided background": self.refined_background, "GT-known": self.gt_known}
        rest = {"images/s": self.images_per_second, "minutes": self.minutes, "GB": self.memory_gb}
        text = {name: decimals(value) for name, value in named.items()}
        told = {"warnings": "–" if self.warnings is None else str(len(self.warnings))}
        return {"run": self.name} | text | told | {n: decimals(value, digits=1) for n, value in rest.items()}

    @property
    def lines(self) -> list[str]:
        """What stands below the table: supervision, and what looks wrong."""
        told = [f"health: {', '.join(self.warnings)}"] if self.warnings else []
        return [self.supervision or "supervision: not recorded", *told]


def read_run(folder: Path) -> RunFigures:
    """Read the figures of a run, finished or not.

    Raises:
        InputError: the folder is not a run, the run has no score yet, or one of its files is damaged.
    """
    table = open_table(folder)
    results = read_results(table, table.stages)
    costs = total(results.costs.values())
    scores = {name: results.scores.get(name) for name in table.scores}
    refined = {stage.rule: scores[name] for name, stage in table.scores.items()}["proxy_refine"]
    return RunFigures(
        name=folder.resolve().name,
        miou={name: None if score is None else score.miou for name, score in scores.items()},
        undecided=None if refined is None else refined.undecided,
        refined_wrong=None if refined is None else refined.miou_undecided_wrong,
        refined_background=None if refined is None else refined.miou_undecided_background,
        gt_known=None if results.localisation is None else results.localisation.gt_known,
        images_per_second=results.images_per_second.get("attention"),
        minutes=costs.seconds / 60 if costs.jobs else None,
        memory_gb=None if costs.memory_mb is None else costs.memory_mb * 1.048576 / 1000,
        supervision=None if results.supervision is None else results.supervision.line,
        warnings=_warnings(run_health(table)),
    )


def _warnings(stages: Sequence[StageHealth]) -> list[str] | None:
    """`attention.collapsed (cow and sheep)`; `None` without a checked stage."""
    told = [warning for stage in stages for warning in stage.warnings]
    named = [
        f"{each.signal} ({' and '.join(each.classes)})" if each.classes else each.signal for each in told
    ]
    return named if stages else None


def write_comparison(runs: Sequence[RunFigures], out: Path) -> str:
    """Write `compare.csv`, `compare.json` and `compare.png` into the folder `out`.

    Returns:
        The table as aligned text.

    Raises:
        InputError: two runs have the same name.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"two runs have the same name ({', '.join(names)}); give each run once.")
    longest_first = sorted(runs, key=lambda run: len(run.miou), reverse=True)
    scored = list(dict.fromkeys(name for run in longest_first for name in run.miou))
    rows = [run.cells(scored) for run in runs]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], "supervision"], lineterminator="\n")
    writer.writeheader()
    for row, run in zip(rows, runs, strict=True):
        writer.writerow(row | {"supervision": run.lines[0].removeprefix("supervision: ")})
    write_text(out / "compare.csv", text.getvalue())
    write_json(out / "compare.json", {run.name: asdict(run) for run in runs})
    draw_comparison({run.name: run.miou for run in runs}, scored, out / "compare.png")
    table = aligned([list(rows[0]), *(list(row.values()) for row in rows)])
    return "\n".join([table, *(f"{run.name}: {line}" for run in runs for line in run.lines)])
