"""What a run leaves beside its artefacts: Snakemake's benchmark files and the trainings' histories."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weakseg.dataset.index import Index
from weakseg.errors import InputError

NOT_LOSSES = ("iteration", "epoch", "learning_rate", "loss", "gradient_norm", "seconds")
"""Columns of a history besides its named losses."""


@dataclass(frozen=True)
class Cost:
    """What a rule took.

    Attributes:
        jobs: how many shards ran (1 for a training).
        seconds: their wall time, added up; shards that ran side by side count each.
        memory_mb: the largest resident memory of one job, MB; `None` if the jobs were too short to measure.
    """

    jobs: int
    seconds: float
    memory_mb: float | None


@dataclass(frozen=True)
class History:
    """One training's curve.

    Attributes:
        iterations: N.
        loss: N; the total.
        parts: name → N; the named losses if there are several.
        epochs_per_second: passes over the images per second of training; `None` where nothing was measured.
    """

    iterations: np.ndarray
    loss: np.ndarray
    parts: dict[str, np.ndarray]
    epochs_per_second: float | None = None


def read_costs(files: Sequence[tuple[str, Path]]) -> dict[str, Cost]:
    """Rule name → cost, in the order of the names' first files.

    Args:
        files: (rule name, benchmark TSV with at least the columns `s` and `max_rss`); a name may repeat.

    Raises:
        InputError: a file is missing or has no such columns.
    """
    costs: dict[str, Cost] = {}
    for name, path in files:
        rows = _table(path, "\t", ("s", "max_rss"), "--benchmark")
        before = costs.get(name, Cost(0, 0.0, None))
        memory = [before.memory_mb, *(_measured(row["max_rss"]) for row in rows)]
        costs[name] = Cost(
            jobs=before.jobs + 1,
            seconds=before.seconds + sum(_measured(row["s"]) or 0.0 for row in rows),
            memory_mb=max((value for value in memory if value is not None), default=None),
        )
    return costs


def read_history(path: Path) -> History:
    """Read a training's `history.csv`.

    Raises:
        InputError: missing, or without the columns `iteration` and `loss`.
    """
    rows = _table(path, ",", ("iteration", "loss"), "--history")
    names = [name for name in (rows[0] if rows else ()) if name]
    columns = {name: np.array([_number(row[name]) for row in rows]) for name in names}
    parts = {name: values for name, values in columns.items() if name not in NOT_LOSSES}
    empty = np.zeros(0)
    return History(
        iterations=columns.get("iteration", empty),
        loss=columns.get("loss", empty),
        parts=parts if len(parts) > 1 else {},
        epochs_per_second=_speed(columns),
    )


def images_per_second(history: History, index: Index) -> float | None:
    """Training images per second of a training that learns from the whole training split.

    Where people rejected some of it, or `labels: masks` finds none for them, it is too high by their share.
    """
    speed = history.epochs_per_second
    return None if speed is None else speed * len(index.split("train"))


def _speed(columns: Mapping[str, np.ndarray]) -> float | None:
    """Each row's `seconds` cover the iterations since the row before."""
    epochs, seconds = columns.get("epoch"), columns.get("seconds")
    if epochs is None or seconds is None or not len(epochs) or not seconds.sum() > 0:
        return None
    return float(epochs[-1] / seconds.sum())


def _table(path: Path, delimiter: str, columns: Sequence[str], option: str) -> list[Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            lacking = [name for name in columns if name not in (reader.fieldnames or [])]
            if lacking:
                raise InputError(
                    f"{option} {path} has no column '{lacking[0]}'; a table with {', '.join(columns)} was "
                    "expected: give the file that the workflow wrote."
                )
            return list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{option} {path} is damaged ({error}); delete it and run again.") from None
    except OSError as error:
        raise InputError(
            f"{option} {path} cannot be read ({error.strerror}); run that stage first."
        ) from None


def _measured(text: str | None) -> float | None:
    """Snakemake writes `-` or `NA` for what it could not measure."""
    value = _number(text)
    return value if math.isfinite(value) else None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
