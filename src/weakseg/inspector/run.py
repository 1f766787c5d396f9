"""A finished run, or one as far as it has come, opened for looking."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.config import ProxyConfig, parse
from weakseg.dataset.index import proxy_records, read_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import read_labels
from weakseg.storage.run import Run
from weakseg.storage.shards import ShardReader
from weakseg.training.history import read_history

STAGES = ("fused", "refined", "prediction")
"""Label maps that the page shows."""
SCORES = ("attention", "fused", "refined", "segmenter", "segmenter-crf")
ROUND = ("relabelled", "segmenter", "segmenter-crf")
"""Scores of a further round, with `-2` and so on behind each."""
TITLES = {
    "attention": "attention maps",
    "fused": "fused proxies",
    "refined": "refined proxies",
    "relabelled": "relabelled proxies",
    "segmenter": "segmenter",
    "segmenter-crf": "segmenter with CRF",
}
TRAININGS = ("saliency", "attention", "segmenter")
MOST_POINTS = 400  # of a training curve; a screen shows no more


class RunView:
    """Reads what lies in `results/<run>`; nothing is written here.

    Args:
        folder: the run's folder.

    Raises:
        InputError: there is no readable index in it.
    """

    def __init__(self, folder: Path) -> None:
        files = Run(folder)
        if not files.index.is_file():
            raise InputError(
                f"{folder} holds no dataset/index.csv; the folder of a run, such as results/demo, was expected: "
                "run snakemake first."
            )
        self.folder, self._files = folder, files
        self.name = folder.resolve().name
        self.index = read_index(files.index, files.classes)
        self.records = proxy_records(self.index)
        self.rows = {record.id: row for row, record in enumerate(self.records)}
        self._attention = ShardReader(files.maps("attention"))
        self._saliency = ShardReader(files.maps("saliency"))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names without background."""
        return self.index.classes

    def record(self, image_id: str) -> Record:
        """The image of an id, its files as paths that can be opened from here.

        Raises:
            KeyError: no training or validation image has this id.
        """
        record = self.records[self.rows[image_id]]
        mask = None if record.mask is None else self._files.locate(record.mask)
        return replace(record, image=self._files.locate(record.image), mask=mask)

    def attention(self, record: Record) -> dict[str, np.ndarray]:
        """Present class → attention h×w in [0, 1], in the order of the classes; empty without maps."""
        named = self._attention.read(record.id) if record.id in self._attention else {}
        return {name: named[name] for name in self.classes if name in named}

    def saliency(self, record: Record) -> np.ndarray | None:
        """Saliency h×w in [0, 1]."""
        return self._saliency.read(record.id)["saliency"] if record.id in self._saliency else None

    def label_file(self, stage: str, record: Record) -> Path:
        """Where a stage's label map lies, whether or not it is there."""
        if stage == "prediction":
            return self._files.last_round / "predictions" / "crf" / f"{record.id}.png"
        return self.folder / "proxy" / stage / f"{record.id}.png"

    def labels(self, stage: str, record: Record) -> np.ndarray | None:
        """A stage's label map H×W `uint8`, 255 undecided; `None` where the stage made none."""
        path = self.label_file(stage, record)
        return read_labels(path) if path.is_file() else None

    def truth(self, record: Record) -> np.ndarray | None:
        """The true labels H×W `uint8`, 255 not scored; `None` without a mask."""
        return None if record.mask is None else self.index.read_mask(record)

    def proxy(self) -> ProxyConfig:
        """The proxy rule and CRF that this run was made with; the defaults where it does not say."""
        values = _json(self.folder / "configs" / "proxy-fuse.json") or {}
        refine = _json(self.folder / "configs" / "proxy-refine.json")
        if refine:
            values = values | {"refine": refine}
        return parse(ProxyConfig, values, str(self.folder / "configs"))

    def stages(self) -> list[dict[str, str]]:
        """All that can be scored, in the order of the chain: `name` of the score, and `title` for people."""
        first = [{"name": name, "title": TITLES[name]} for name in SCORES]
        return first + [
            {"name": f"{name}-{number}", "title": f"{TITLES[name]}, round {number}"}
            for number in self._rounds()
            for name in ROUND
        ]

    def summary(self) -> dict[str, Any]:
        """`evaluation/summary.json`, or the scores alone of a run that has not come that far."""
        evaluation = self._files.evaluation
        found = _json(evaluation / "summary.json")
        if found is not None:
            return found
        names = [stage["name"] for stage in self.stages()]
        scores = {name: _json(evaluation / f"{name}.json") for name in names}
        left_out = ("curve", "per_image", "stage")
        return {
            "scores": {
                stage: {name: value for name, value in score.items() if name not in left_out}
                for stage, score in scores.items()
                if score is not None
            }
        }

    def histories(self) -> dict[str, dict[str, list[float]]]:
        """Training → column → values, thinned to what a screen can show."""
        rooms = (*TRAININGS, *(f"segmenter/round-{number}" for number in self._rounds()))
        found = {room: read_history(self._files.history(room)) for room in rooms}
        return {name: _columns(rows) for name, rows in found.items() if rows}

    def _rounds(self) -> range:
        """The segmenter's trained rounds after the first."""
        return range(2, self._files.round + 1)

    def per_prediction(self) -> dict[str, float | None]:
        """Image id → mean IoU of its prediction by the last round, after the CRF where that is scored."""
        behind = f"-{self._files.round}" if self._files.round > 1 else ""
        return self.per_image(f"segmenter-crf{behind}") or self.per_image(f"segmenter{behind}")

    def per_image(self, stage: str) -> dict[str, float | None]:
        """Image id → its mean IoU, of a scored label stage."""
        found = (_json(self._files.evaluation / f"{stage}.json") or {}).get("per_image")
        return found if isinstance(found, dict) else {}

    def shares(self, column: str) -> dict[str, float]:
        """Image id → a share that refining noted: `undecided` or `changed`."""
        return {
            row["id"]: float(row[column])
            for path in self._files.shards("proxy/refined", "csv")
            for row in _table(path)
            if row.get("id") and row.get(column)
        }


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; `None` where there is none.

    Raises:
        InputError: the file is there and holds none.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); delete it and run again.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object; delete it and run again.")
    return found


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _columns(rows: list[dict[str, str]]) -> dict[str, list[float]]:
    step = max(1, -(-len(rows) // MOST_POINTS))
    kept = rows[::step] if rows[::step][-1] is rows[-1] else [*rows[::step], rows[-1]]
    return {name: [_number(row[name]) for row in kept] for name in kept[0]}


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < float("inf") else 0.0  # JSON has no NaN
