"""The images of a run as columns, for filtering and sorting."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from weakseg.inspector.run import RunView
from weakseg.storage.review import Review

MEASURES = ("doubt", "iou", "prediction_iou", "undecided", "changed", "disagreement")
"""Sort keys of images, besides the order of the index."""
STATES: dict[str, Callable[[Review], Any]] = {
    "flagged": lambda review: review.flagged,
    "accepted": lambda review: review.accepted,
    "rejected": lambda review: review.rejected,
    "corrected": lambda review: review.corrected,
}


@dataclass(frozen=True)
class Query:
    """A filter and an order of images; empty text means no restriction.

    Attributes:
        label: class that must be present.
        split: `train` or `val`.
        state: a name of `STATES`, or `open` for images without any decision.
        text: substring of the id.
        warning: name of a warning that names the image.
        sort: a name of `MEASURES`, or `index`.
        descending: largest first; images without the measure always come last.
    """

    label: str = ""
    split: str = ""
    state: str = ""
    text: str = ""
    warning: str = ""
    sort: str = "index"
    descending: bool = False


class Catalogue:
    """Columns over the run's training and validation images; NaN for missing values."""

    def __init__(self, run: RunView) -> None:
        self._run = run
        records = run.records
        self.ids = [record.id for record in records]
        self.splits = np.array([record.split for record in records])
        present = [[name in record.labels for name in run.classes] for record in records]
        self.present = np.array(present, bool).reshape(len(records), len(run.classes))
        self._known = {
            "doubt": self._column(run.doubts),
            "iou": self._column(run.per_image("refined")),
            "prediction_iou": self._column(run.per_prediction()),
            "undecided": self._column(run.shares("undecided")),
            "changed": self._column(run.shares("changed")),
        }

    def measure(self, name: str) -> np.ndarray:
        """One measure of all images, `float64` N; the first `disagreement` reads every map."""
        return self._disagreement if name == "disagreement" else self._known[name]

    def measured(self) -> list[str]:
        """The measures that at least one image has."""
        can = [name for name, values in self._known.items() if not np.isnan(values).all()]
        has_maps = any(
            self._run.saliency(record) is not None and self._run.attention(record)
            for record in self._run.records[:1]
        )
        return [*can, *(["disagreement"] if has_maps else [])]

    def order(self, query: Query, review: Review) -> np.ndarray:
        """Row numbers of the images of a query, in its order."""
        rows = np.flatnonzero(self._chosen(query, review))
        if query.sort == "index":
            return rows[::-1] if query.descending else rows
        values = self.measure(query.sort)[rows]
        ranked = np.argsort(-values if query.descending else values, kind="stable")  # NaN is last
        return rows[ranked]

    def row(self, row: int, review: Review) -> dict[str, Any]:
        """One image for the gallery, as plain values."""
        image_id = self.ids[row]
        shown = [name for name in MEASURES if name in self._known or "_disagreement" in self.__dict__]
        values = {name: _plain(self.measure(name)[row]) for name in shown}
        labels = [name for name, here in zip(self._run.classes, self.present[row], strict=True) if here]
        return (
            {"id": image_id, "split": str(self.splits[row]), "labels": labels}
            | values
            | decisions(review, image_id)
        )

    def _chosen(self, query: Query, review: Review) -> np.ndarray:
        chosen = np.ones(len(self.ids), bool)
        if query.label:
            chosen &= self.present[:, self._run.classes.index(query.label)]
        if query.split:
            chosen &= self.splits == query.split
        if query.text:
            chosen &= np.array([query.text.lower() in image_id.lower() for image_id in self.ids], bool)
        if query.warning:
            chosen &= self._among({*self._run.warnings[query.warning].images})
        if query.state:
            decided = {name: set(find(review)) for name, find in STATES.items()}
            if query.state == "open":
                chosen &= ~self._among(set().union(*decided.values()))
            else:
                chosen &= self._among(decided[query.state])
        return chosen

    def _among(self, wanted: set[str]) -> np.ndarray:
        """Which images are among some ids, `bool` N."""
        return np.array([image_id in wanted for image_id in self.ids], bool)

    def _column(self, values: dict[str, Any]) -> np.ndarray:
        found = [values.get(image_id) for image_id in self.ids]
        return np.array([np.nan if value is None else value for value in found], np.float64)

    @cached_property
    def _disagreement(self) -> np.ndarray:
        return np.array([self._disagree(image_id) for image_id in self.ids], np.float64)

    def _disagree(self, image_id: str) -> float:
        """Mean |strongest attention − saliency| over the attention's pixels; NaN without maps."""
        record = self._run.record(image_id)
        attention, saliency = self._run.attention(record), self._run.saliency(record)
        if not attention or saliency is None:
            return float("nan")
        strongest = np.max([*attention.values()], axis=0)
        size = (strongest.shape[1], strongest.shape[0])
        return float(np.abs(strongest - cv2.resize(saliency, size, interpolation=cv2.INTER_AREA)).mean())


def decisions(review: Review, image_id: str) -> dict[str, Any]:
    """The review of one image: `decision` (`accepted`, `rejected` or empty), `flagged`, `corrected`."""
    rejected, accepted = image_id in review.rejected, image_id in review.accepted
    return {
        "decision": "rejected" if rejected else "accepted" if accepted else "",
        "flagged": image_id in review.flagged,
        "corrected": image_id in review.corrected,
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
