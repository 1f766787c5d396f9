"""Training curves of a run, read from its histories."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weakseg.run.stages import Stage
from weakseg.training.history import read_history

NOT_LOSSES = ("iteration", "epoch", "learning_rate", "loss", "gradient_norm", "seconds", "val_ap")
"""Columns of a history that are not single losses."""


@dataclass(frozen=True)
class Curve:
    """One training's curve.

    Attributes:
        iterations: N.
        loss: N; the total loss.
        parts: name → N; the single losses if there are several.
        epochs_per_second: speed of the training; `None` if not measured.
    """

    iterations: np.ndarray
    loss: np.ndarray
    parts: dict[str, np.ndarray]
    epochs_per_second: float | None = None


def training_name(stage: Stage) -> str:
    """Name of a stage's training in tables and figures: `attention`, `segmenter`, `segmenter/round-2`."""
    return stage.room if stage.round == 1 else stage.place


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """Column of a training's `history.csv` → N values, NaN if not a number; empty without rows.

    Raises:
        InputError: the file is damaged or is not a history.
    """
    rows = read_history(path)
    return {name: np.array([_number(row[name]) for row in rows]) for name in (rows[0] if rows else ())}


def read_curve(path: Path) -> Curve:
    """The curve of a training's `history.csv`.

    Raises:
        InputError: as `read_columns`.
    """
    columns = read_columns(path)
    parts = {name: values for name, values in columns.items() if name not in NOT_LOSSES}
    empty = np.zeros(0)
    return Curve(
        iterations=columns.get("iteration", empty),
        loss=columns.get("loss", empty),
        parts=parts if len(parts) > 1 else {},
        epochs_per_second=_speed(columns),
    )


def _speed(columns: Mapping[str, np.ndarray]) -> float | None:
    """Epochs per second; each row's `seconds` cover the iterations since the previous row."""
    epochs, seconds = columns.get("epoch"), columns.get("seconds")
    if epochs is None or seconds is None or not len(epochs) or not seconds.sum() > 0:
        return None
    return float(epochs[-1] / seconds.sum())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
