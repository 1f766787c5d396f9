"""Time and memory of a run's jobs, measured by Snakemake."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weakseg.errors import InputError


@dataclass(frozen=True)
class Cost:
    """Time and memory of a stage.

    Attributes:
        jobs: number of jobs (shards; 1 for a training).
        seconds: total wall time of the jobs, also of parallel ones.
        memory_mb: largest resident memory of a job, MB; `None` if the jobs were too short to measure.
    """

    jobs: int
    seconds: float
    memory_mb: float | None


def read_cost(files: Iterable[Path]) -> Cost:
    """The cost of a stage from the benchmark files of its jobs: tables with the columns `s` and `max_rss`.

    Raises:
        InputError: a file is damaged or has no such columns.
    """
    tables = [_rows(path) for path in files]
    rows = [row for table in tables for row in table]
    memory = [_measured(row["max_rss"]) for row in rows]
    return Cost(
        jobs=len(tables),
        seconds=sum(_measured(row["s"]) or 0.0 for row in rows),
        memory_mb=max((value for value in memory if value is not None), default=None),
    )


def total(costs: Iterable[Cost]) -> Cost:
    """The cost of all stages together."""
    every = list(costs)
    memory = [cost.memory_mb for cost in every if cost.memory_mb is not None]
    return Cost(
        jobs=sum(cost.jobs for cost in every),
        seconds=sum(cost.seconds for cost in every),
        memory_mb=max(memory, default=None),
    )


def working_seconds(files: Iterable[Path]) -> float:
    """Time in which at least one job ran, in seconds; jobs side by side count once.

    A job ended when its benchmark file was written.

    Raises:
        InputError: as `read_cost`.
    """
    spans = []
    for path in files:
        ended = path.stat().st_mtime
        spans += [(ended - (_measured(row["s"]) or 0.0), ended) for row in _rows(path)]
    seconds, until = 0.0, -math.inf
    for start, end in sorted(spans):
        seconds += max(0.0, end - max(start, until))
        until = max(until, end)
    return seconds


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            lacking = {"s", "max_rss"} - {*(reader.fieldnames or [])}
            if not lacking:
                return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and run snakemake again.") from None
    raise InputError(
        f"{path} has no column '{min(lacking)}'; a benchmark file of Snakemake was expected: delete it and run "
        "snakemake again."
    )


def _measured(text: str | None) -> float | None:
    """A number; `None` for `-` and `NA`, which Snakemake writes for missing measurements."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
