"""What is shown when Snakemake ends: scores and what to do next, why it failed, or where it was stopped."""

import csv
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from snakemake_logger_plugin_weakseg.lines import Job, Line, clock
from snakemake_logger_plugin_weakseg.logs import OURS, saved, why
from weakseg.errors import InputError
from weakseg.evaluation.health.record import read_health
from weakseg.run.table import Table

MOST = 2
"""Warnings of a stage that are shown."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's object; empty if there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def health_of(path: Path) -> list[str]:
    """What a stage's health file says: a few words, then its warnings."""
    try:
        stages = read_health(path)
    except InputError:
        return []
    lines = []
    for stage in stages:
        lines.append(stage.line)
        for warning in stage.warnings[:MOST]:
            lines += [f"  ! {warning.found}", f"    usually {warning.usually}; try {warning.remedy}"]
        more = len(stage.warnings) - MOST
        lines += [f"  ! and {more} more: {path}"] * (more > 0)
    return lines


def healths(table: Table) -> list[str]:
    """The health of every stage in a line."""
    try:
        stages = read_health(table.evaluation("health.json"))
    except InputError:
        return []
    titles = {stage.name: stage.title for stage in table.stages}
    return [f"  {titles.get(stage.stage, stage.stage):<26}{stage.line}" for stage in stages]


def _warnings(table: Table) -> list[str]:
    stages = read_json(table.evaluation("health.json")).get("stages", [])
    number = sum(len(stage.get("warnings", [])) for stage in stages)
    return [f"warnings: {number}; the report says what each means and what to try"] * bool(number)


def score_of(path: Path) -> str | None:
    """`mIoU 0.453 on 24 train images`; `None` without masks."""
    score = read_json(path)
    if score.get("miou") is None:
        return None
    return f"mIoU {score['miou']:.3f} on {score['images']} {score['split']} images"


def finished(table: Table, seconds: float, said: Sequence[str]) -> list[str]:
    """A finished run: scores, or health without masks, the report and three commands.

    Args:
        table: of the run.
        seconds: since the start.
        said: sentences that jobs left for the end.
    """
    lines = ["", f"{table.folder} is finished, after {clock(seconds)}."]
    scores = [(score.title, score_of(table.evaluation(f"{score.name}.json"))) for _, score in table.scored()]
    told = [f"  {title:<26}{text}" for title, text in scores if text is not None]
    lines += [*told, *_of_ceiling(table)] if told else healths(table)
    ledger = read_json(table.evaluation("supervision.json")).get("line")
    lines += [*said, *_warnings(table), *[str(ledger)] * bool(ledger)]
    report = table.folder / "report.html"
    lines += [f"report: {report}"] * report.is_file()
    return [*lines, "next:", *(f"  {command}" for command in commands(table))]


def _of_ceiling(table: Table) -> list[str]:
    found = read_json(table.evaluation("summary.json")).get("ceiling") or {}
    if not found.get("ratio"):
        return []
    return [f"  {found['ratio']:.0%} of the same network trained on masks (mIoU {found['full']:.3f})"]


def commands(table: Table) -> Iterator[str]:
    """What one wants next."""
    run = shlex.quote(str(table.folder))
    yield f"weakseg inspect {run}"
    if (table.folder / "segmenter" / "weights.pt").is_file():
        yield f"weakseg predict YOUR_IMAGES --run {run} --out masks"
    others = sorted(
        folder.parent.parent
        for folder in table.folder.parent.glob("*/evaluation/summary.json")
        if folder.parent.parent != table.folder
    )
    if others:
        yield f"weakseg compare {run} {shlex.quote(str(others[0]))}"
    else:
        yield f"weakseg show {run} {shlex.quote(_example(table))} --out stages.png"


def _example(table: Table) -> str:
    """Id of an image, a scored one if there is any."""
    try:
        with (table.folder / "dataset" / "index.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["split"], row["id"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error):
        return "ID"
    wanted = [name for split, name in rows if split == table.config.evaluation.split]
    return next(iter([*wanted, *(name for _, name in rows)]), "ID")


def failed(jobs: Sequence[tuple[str, Job]], errors: Sequence[str]) -> list[str]:
    """Why a run failed; the last line says what to do.

    Args:
        jobs: title and job, for each that failed.
        errors: what Snakemake says, shown where no job failed or one left no sentence.
    """
    if not jobs:
        return list(errors)
    lines: list[str] = []
    for title, job in jobs:
        before, sentence = why(job.log)
        log = f" (log: {job.log})" if job.log is not None else ""
        if sentence is None:
            before += [line for error in errors if not _is_usual(error) for line in error.splitlines()]
        block = [*(f"  | {line}" for line in before), f"{title} failed{log}"]
        block.append(
            sentence
            or _signalled(title, job)
            or f"{OURS}{title} ended without a sentence of its own; its last lines are above. A job that was killed "
            "mostly ran out of memory. The same command tries again."
        )
        if block[-1] not in lines:
            lines += block
    return lines


def _is_usual(error: str) -> bool:
    """Whether Snakemake says no more than that some job failed."""
    return any(words in error for words in ("Exiting because", "At least one job", "CalledProcessError"))


def _signalled(title: str, job: Job) -> str | None:
    """For a training that a signal ended: what it saved."""
    kept = saved(job.log)
    if kept is None:
        return None
    return (
        f"{OURS}{title} was stopped; it saved iteration {kept[0]} of {kept[1]}, and the same command goes on."
    )


def stopped(lines: Sequence[Line], jobs: Sequence[tuple[str, Job]]) -> list[str]:
    """Where a run was stopped on request.

    Args:
        lines: those that were at work.
        jobs: title and job, for each that was stopped.
    """
    told = []
    for title, job in jobs:
        kept = saved(job.log)
        if kept is not None:
            told.append(f"{title}: saved at iteration {kept[0]} of {kept[1]}")
    known = {title for title, job in jobs if saved(job.log) is not None}
    for line in lines:
        if line.title not in known and line.is_step and not line.is_done:
            told.append(_unfinished(line))
    return [*told, f"{OURS}stopped on request; the same command goes on from there."]


def _unfinished(line: Line) -> str:
    if line.stage is not None and line.stage.trains:
        return f"{line.title}: stopped before it saved anything new; it goes on from its last checkpoint, if it has one"
    if line.planned > 1:
        return (
            f"{line.title}: {len(line.ended)} of {line.planned} parts are finished, the others are made again"
        )
    return f"{line.title}: is made again"
