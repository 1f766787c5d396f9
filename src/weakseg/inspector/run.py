"""Reads a run for the page, finished or not."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.dataset.index import proxy_records, read_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.proxy.settings import ProxyConfig
from weakseg.report.figures.curves import read_columns, training_name
from weakseg.report.progress import existing, located, predictions
from weakseg.run.opened import open_table
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import ShardReader

MOST_POINTS = 400  # of a training curve; a screen shows no more


class RunView:
    """Reads the files in `results/<run>`; writes nothing.

    Args:
        folder: the run's folder.

    Raises:
        InputError: the folder is not a run, or has no readable index yet.
    """

    def __init__(self, folder: Path) -> None:
        self.table = table = open_table(folder)
        self.folder, self.name = folder, folder.resolve().name
        self.index = read_index(*table["dataset_index"].files)
        self.records = proxy_records(self.index)
        self.rows = {record.id: row for row, record in enumerate(self.records)}
        self._predictions = predictions(table)
        self.label_folders = {
            "fused": table["proxy_fuse"].label_folder,
            "refined": table["proxy_refine"].label_folder,
            "prediction": self._predictions[0].label_folder,
        }
        self._attention = ShardReader(existing(table["attention_maps"].shard_files))
        self._saliency = ShardReader(existing(table["saliency_maps"].shard_files))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names without background."""
        return self.index.classes

    def record(self, image_id: str) -> Record:
        """The image of an id, with paths relative to the current folder.

        Raises:
            KeyError: no training or validation image has this id.
        """
        return located(self.table, self.records[self.rows[image_id]])

    def attention(self, record: Record) -> dict[str, np.ndarray]:
        """Present class → attention h×w in [0, 1], in the order of the classes; empty without maps."""
        named = self._attention.read(record.id) if record.id in self._attention else {}
        return {name: named[name] for name in self.classes if name in named}

    def saliency(self, record: Record) -> np.ndarray | None:
        """Saliency h×w in [0, 1]."""
        return self._saliency.read(record.id)["saliency"] if record.id in self._saliency else None

    def label_file(self, layer: str, record: Record) -> Path:
        """The file of a label map of `label_folders`; it may not exist."""
        return self.label_folders[layer] / f"{record.id}.png"

    def labels(self, layer: str, record: Record) -> np.ndarray | None:
        """A label map H×W `uint8`, 255 undecided; `None` if it does not exist yet."""
        path = self.label_file(layer, record)
        return read_labels(path) if path.is_file() else None

    def truth(self, record: Record) -> np.ndarray | None:
        """The true labels H×W `uint8`, 255 not scored; `None` without a mask."""
        return None if record.mask is None else self.index.read_mask(record)

    def proxy(self) -> ProxyConfig:
        """The proxy rule and CRF of this run."""
        return self.table.config.proxy

    def stages(self) -> list[dict[str, str]]:
        """Name and title of all scores, in the order of the chain."""
        scores = [stage.score for stage in self.table.stages if stage.score is not None]
        return [{"name": score.name, "title": score.title} for score in scores]

    def summary(self) -> dict[str, Any]:
        """`evaluation/summary.json`, or only the scores if it does not exist yet."""
        found = _json(self.table.evaluation("summary.json"))
        if found is not None:
            return found
        scores = {name: self._score(name) for name in self.table.scores}
        left_out = ("curve", "per_image", "stage")
        return {
            "scores": {
                name: {key: value for key, value in score.items() if key not in left_out}
                for name, score in scores.items()
                if score
            }
        }

    def histories(self) -> dict[str, dict[str, list[float]]]:
        """Training → column → values, subsampled for the screen."""
        stages = [stage for stage in self.table.stages if stage.trains and stage.history.is_file()]
        found = {training_name(stage): read_columns(stage.history) for stage in stages}
        return {name: _thinned(columns) for name, columns in found.items() if columns}

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


def _thinned(columns: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """At most about `MOST_POINTS` rows with the last one; values that are not finite become 0, as JSON has no NaN."""
    rows = len(next(iter(columns.values())))
    kept = [*range(0, rows - 1, max(1, -(-rows // MOST_POINTS))), rows - 1]
    return {
        name: np.nan_to_num(values[kept], posinf=0.0, neginf=0.0).tolist() for name, values in columns.items()
    }
