"""Reads what the stages of a run made, for their health. Masks are never opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.evaluation.class_scores import read_class_scores
from weakseg.evaluation.health.attention import Attended
from weakseg.evaluation.health.doubt import View, square
from weakseg.evaluation.health.proxy import Labelled, agreement, inside, labelled
from weakseg.evaluation.health.segmenter import Predicted
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import ShardReader


@dataclass(frozen=True)
class Artefacts:
    """Files of a run, as far as a stage's health needs them.

    Attributes:
        index: the data set.
        attention: shards of attention maps.
        class_scores: their tables of the classifier's scores.
        saliency: shards of saliency maps.
        labels: folder of the stage's label maps.
        before: folder of those of the stage before.
    """

    index: Index
    attention: ShardReader | None = None
    class_scores: Sequence[Path] = ()
    saliency: ShardReader | None = None
    labels: Path | None = None
    before: Path | None = None

    def attended(self, split: str, with_maps: bool = True) -> Iterator[Attended]:
        """The images of a split as the attention network sees them."""
        scores = read_class_scores(self.class_scores, self.index.classes)
        for record in self.index.split(split):
            maps = self.attention.read(record.id) if with_maps and self.attention is not None else {}
            yield Attended(record.id, record.labels, maps, scores.get(record.id))

    def salient(self, split: str) -> Iterator[tuple[str, np.ndarray]]:
        """Id and saliency map h×w of the images of a split; in those without a label nothing need be salient."""
        assert self.saliency is not None
        for record in self.index.split(split):
            if record.labels:
                yield record.id, self.saliency.read(record.id)["saliency"]

    def label_maps(self, split: str) -> Iterator[Labelled]:
        """What the label maps of a split say."""
        for record in self.index.split(split):
            labels = self._labels(self.labels, record)
            apart = None
            if record.labels and self.attention is not None and self.saliency is not None:
                attention, saliency = self._maps(record)
                apart = inside(square([*attention.values()]), square([saliency]))
            yield labelled(record.id, labels, record.labels, self.index.classes, apart)

    def views(self, split: str) -> Iterator[tuple[Record, View]]:
        """Each image of a split whose label names a class, and what the stages made of it.

        `labels` are the refined ones, `before` the fused.
        """
        scores = read_class_scores(self.class_scores, self.index.classes)
        for record in self.index.split(split):
            if not record.labels:
                continue
            attention, saliency = self._maps(record)
            number = {name: place for place, name in enumerate(self.index.classes, 1)}
            yield (
                record,
                View(
                    {number[name]: values for name, values in attention.items()},
                    saliency,
                    self._labels(self.before, record),
                    self._labels(self.labels, record),
                    [number[name] for name in record.labels],
                    _margin(scores.get(record.id), record),
                ),
            )

    def predictions(self, split: str) -> Iterator[Predicted]:
        """What the predictions of a split show; `before` are the refined proxy labels."""
        for record in self.index.split(split):
            labels = self._labels(self.labels, record)
            pixels = np.bincount(labels.ravel(), minlength=256) / labels.size
            shares = {
                name: float(pixels[number])
                for number, name in enumerate(self.index.classes, 1)
                if pixels[number]
            }
            agreed = None if self.before is None else agreement(self._labels(self.before, record), labels)
            yield Predicted(record.id, record.labels, shares, agreed)

    def _maps(self, record: Record) -> tuple[dict[str, np.ndarray], np.ndarray]:
        assert self.attention is not None and self.saliency is not None
        return self.attention.read(record.id), self.saliency.read(record.id)["saliency"]

    @staticmethod
    def _labels(folder: Path | None, record: Record) -> np.ndarray:
        assert folder is not None
        return read_labels(folder / f"{record.id}.png")


def _margin(scores: dict[str, float] | None, record: Record) -> float | None:
    """Score of the lowest present class minus that of the highest absent one."""
    if scores is None:
        return None
    present = [value for name, value in scores.items() if name in record.labels]
    absent = [value for name, value in scores.items() if name not in record.labels]
    return min(present) - max(absent) if present and absent else None
