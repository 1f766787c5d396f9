"""What the page shows of a run, finished or not."""

import csv
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.errors import InputError
from weakseg.evaluation.health.record import Warning
from weakseg.proxy.settings import ProxyConfig
from weakseg.report.artefacts import Artefacts, MapFiles
from weakseg.report.figures.curves import read_columns, training_name
from weakseg.report.health import doubts, warnings_of
from weakseg.report.progress import existing
from weakseg.report.supervision import sentence_of
from weakseg.run.opened import open_table
from weakseg.run.stages import Stage

MOST_POINTS = 400  # of a training curve; a screen shows no more


class RunView(Artefacts):
    """Reads the files in `results/<run>`; writes nothing.

    Args:
        folder: the run's folder.
        files: opened shards that an earlier view of the run used.

    Raises:
        InputError: the folder is not a run, or a file of it is damaged.
    """

    def __init__(self, folder: Path, files: MapFiles | None = None) -> None:
        super().__init__(open_table(folder), files)
        self.folder, self.name = folder, folder.resolve().name

    def proxy(self) -> ProxyConfig:
        """The proxy rule and CRF of this run."""
        return self.table.config.proxy

    def scored(self) -> list[dict[str, str]]:
        """Name and title of all scores, in the order of the chain."""
        scores = [stage.score for stage in self.table.stages if stage.score is not None]
        return [{"name": score.name, "title": score.title} for score in scores]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`evaluation/summary.json`, or only the scores if it does not exist yet; supervision as a sentence."""
        found = _json(self.table.evaluation("summary.json"))
        if found is None:
            found = self._scores_alone()
        ledger = found.get("supervision") or _json(self.table.evaluation("supervision.json"))
        return found | {"supervision": sentence_of(ledger) if ledger else None}

    def _scores_alone(self) -> dict[str, Any]:
        scores = {name: self._score(name) for name in self.table.scores}
        left_out = ("curve", "per_image", "stage")
        return {
            "scores": {
                name: {key: value for key, value in score.items() if key not in left_out}
                for name, score in scores.items()
                if score
            }
        }

    def histories(self, stages: Sequence[Stage] | None = None) -> dict[str, dict[str, list[float | None]]]:
        """Training → column → values, subsampled for the screen; of all stages, or of some."""
        asked = self.table.stages if stages is None else stages
        stages = [stage for stage in asked if stage.trains and stage.history.is_file()]
        found = {training_name(stage): read_columns(stage.history) for stage in stages}
        return {name: _thinned(columns) for name, columns in found.items() if columns}

    @cached_property
    def doubts(self) -> dict[str, float]:
        """Image id → doubt in [0, 1]; only images with any doubt."""
        return doubts(self.health)

    @cached_property
    def warnings(self) -> dict[str, Warning]:
        """Name of each warning of the health checks → the warning."""
        return warnings_of(self.health)

    def per_prediction(self) -> dict[str, float | None]:
        """Image id → mean IoU of the last round's prediction, after the CRF if that is scored."""
        names = [stage.score.name for stage in self._predictions if stage.score is not None]
        return next(filter(None, map(self.per_image, names)), {})

    def per_image(self, name: str) -> dict[str, float | None]:
        """Image id → its mean IoU in a score of label maps."""
        found = self._score(name).get("per_image")
        return found if isinstance(found, dict) else {}

    def shares(self, column: str) -> dict[str, float]:
        """Image id → its share of `undecided` or `changed` pixels, recorded by refining."""
        return {
            row["id"]: float(row[column])
            for path in existing(self.table["proxy_refine"].shard_files)
            for row in _table(path)
            if row.get("id") and row.get(column)
        }

    def _score(self, name: str) -> dict[str, Any]:
        return _json(self.table.evaluation(f"{name}.json")) or {}


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; `None` where there is none.

    Raises:
        InputError: the file exists but is not a JSON object.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); delete it and run snakemake again."
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is not a JSON object; delete it and run snakemake again.")
    return found


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _thinned(columns: dict[str, np.ndarray]) -> dict[str, list[float | None]]:
    """About `MOST_POINTS` rows, the last and those of checkpoints; `None` where a value is not finite."""
    rows = len(next(iter(columns.values())))
    kept = {*range(0, rows - 1, max(1, -(-rows // MOST_POINTS))), rows - 1}
    kept |= {*np.flatnonzero(np.isfinite(columns.get("val_ap", np.zeros(0)))).tolist()}
    return {name: [_finite(value) for value in values[sorted(kept)]] for name, values in columns.items()}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
