"""Finished runs as rows of one table, and the picture of core-minutes from labels to model against mIoU.

    python benchmarks/runs.py results/voc-animals-quick --out benchmarks/results/voc_animals.json
    python benchmarks/runs.py --out benchmarks/results/voc_animals.json --picture docs/cost.png

A run's core-minutes are read from Snakemake's measurements of its jobs: seconds times mean load. Stages that made
proxies which it took from another run (`from_run`) count as if it had made them. A row replaces the earlier one of the
same name, so the table keeps what was measured once.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from machine import describe
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from weakseg.report.progress import existing
from weakseg.run.opened import open_table
from weakseg.run.stages import Stage
from weakseg.run.table import Table
from weakseg.storage.atomic import write_text

PATH = click.Path(path_type=Path)
LAST = ("segmenter-crf", "segmenter")
"""The score in the picture: the first of these that a row has."""


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@click.option("--out", type=PATH, required=True, help="The table, JSON: name of a run → its figures.")
@click.option("--picture", type=PATH, help="Draw all rows of the table (PNG).")
@click.option("--note", default="", help="Kept in the rows: what else ran, what is special.")
def main(runs: tuple[Path, ...], out: Path, picture: Path | None, note: str) -> None:
    """Add finished RUNS to the table, print it, and draw it."""
    rows: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    for folder in runs:
        table = open_table(folder)
        rows[table.folder.name] = row(table) | {"note": note}
    write_text(out, json.dumps(rows, indent=2) + "\n")
    for name, item in rows.items():
        total = sum(item["core_minutes"].values())
        scored = {stage: value for stage, value in item["miou"].items() if value is not None}
        scores = ", ".join(f"{stage} {value:.3f}" for stage, value in scored.items())
        click.echo(f"{name}: {total:.0f} core-minutes; {scores}")
    if picture:
        draw(rows, picture)


def row(table: Table) -> dict[str, Any]:
    """The figures of one run."""
    config = table.config
    return {
        "core_minutes": {
            stage.name: round(core_minutes(stage), 2) for stage in stages(table) if stage.benchmarks
        },
        "miou": {name: score(table.evaluation(f"{name}.json"), "miou") for name in table.scores},
        "undecided": score(table.evaluation("refined.json"), "undecided"),
        "seeds": {"attention": config.attention.training.seed, "segmenter": config.segmenter.training.seed},
        "segmenter": f"{config.segmenter.method}, {config.segmenter.backbone.architecture}",
        "iterations": config.segmenter.training.iterations,
        "labels": config.segmenter.labels,
        "machine": describe()["processor"],
    }


def stages(table: Table) -> Iterator[Stage]:
    """A run's own stages, and those that made the proxies which it took from other runs."""
    yield from table.stages
    if table.config.segmenter.labels == "masks":
        return  # another run's classifier only gives it initial weights
    for room in ("saliency", "attention", "proxy", "affinity"):
        maker = getattr(table.config, room).from_run
        if maker is not None:
            made = stages(open_table(table.folder.parent / maker))
            yield from (stage for stage in made if stage.name.startswith(f"{room}_"))


def core_minutes(stage: Stage) -> float:
    """Minutes of one core that the jobs of a stage took."""
    total = 0.0
    for path in existing(stage.benchmarks):
        with path.open(encoding="utf-8", newline="") as file:
            for job in csv.DictReader(file, delimiter="\t"):
                load = job["mean_load"]
                total += float(job["s"]) * (float(load) / 100 if load not in ("-", "NA") else 1.0)
    return total / 60


def score(path: Path, name: str) -> float | None:
    """A figure of a scored stage; `None` where it was not scored."""
    return json.loads(path.read_text(encoding="utf-8"))[name] if path.is_file() else None


def draw(rows: dict[str, Any], path: Path) -> None:
    """A point a row: core-minutes, logarithmic, against the mIoU of its last stage."""
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for name, item in rows.items():
        value = next((item["miou"][each] for each in LAST if item["miou"].get(each) is not None), None)
        if value is None:
            continue
        minutes = sum(item["core_minutes"].values())
        colour = "#888888" if item["labels"] == "masks" else "#00704f"
        axes.plot(minutes, value, "o", color=colour)
        axes.annotate(name, (minutes, value), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(20, 1000)
    axes.set_xticks([20, 50, 100, 200, 500, 1000], minor=False)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("core-minutes from labels to model and scores")
    axes.set_ylabel("mIoU of the last stage, validation images")
    axes.grid(alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
