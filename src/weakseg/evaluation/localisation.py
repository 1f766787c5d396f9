"""Boxes from attention maps against true boxes: the scores of weakly supervised object localisation.

A case is an image and one of its classes. The predicted box surrounds the largest connected region where the map is
above a share of its maximum. It is right if it overlaps a true box of the class enough.

* GT-known: the class is given. At the best threshold this is MaxBoxAcc (Choe et al., CVPR 2020), for an overlap of 0.5,
  and as the mean of 0.3, 0.5 and 0.7.
* top-1 and top-5 error: the class must also be the classifier's first, or among its first five, as in ILSVRC.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from weakseg.dataset.images import image_size
from weakseg.dataset.index import Index
from weakseg.errors import InputError
from weakseg.evaluation.boxes import Box, Boxes, box_source
from weakseg.evaluation.class_scores import read_class_scores
from weakseg.evaluation.score import class_maps
from weakseg.storage.shards import ShardReader

THRESHOLDS: np.ndarray = np.arange(100, dtype=np.float32) / np.float32(100)
"""0.00, 0.01, …, 0.99 of a map's maximum."""
OVERLAPS = (0.3, 0.5, 0.7)
SIDE = 224
"""Longest side at which maps are thresholded; boxes are in the image's pixels."""


@dataclass(frozen=True)
class Case:
    """An image with its maps, its true boxes and the classifier's ranking.

    Attributes:
        size: height and width of the image.
        maps: class name → h×w in [0, 1], present classes only.
        boxes: the true boxes.
        ranking: class names by descending score; `None` without a classifier.
    """

    size: tuple[int, int]
    maps: Mapping[str, np.ndarray]
    boxes: Boxes
    ranking: list[str] | None


@dataclass(frozen=True)
class Localisation:
    """Scores over all cases; fractions, `None` if undefined.

    Attributes:
        split: `train` or `val`.
        cases: pairs of an image and a class with a true box.
        threshold: best share of a map's maximum for an overlap of 0.5, used by all scores but `max_box_acc`.
        gt_known: share of right boxes at an overlap of 0.5, which is MaxBoxAcc.
        max_box_acc: overlap → share of right boxes, each at its own best threshold.
        mean_max_box_acc: their mean.
        top1_error, top5_error: share of cases whose class or box is wrong.
    """

    split: str
    cases: int
    threshold: float | None
    gt_known: float | None
    max_box_acc: dict[str, float | None]
    mean_max_box_acc: float | None
    top1_error: float | None
    top5_error: float | None


def localise(split: str, cases: Iterable[Case]) -> Localisation:
    """Score all cases in one pass."""
    overlaps, ranks = [], []
    for case in cases:
        for name, values in case.maps.items():
            truth = case.boxes.get(name)
            if truth:
                found = boxes_at(values, case.size, THRESHOLDS)
                overlaps.append([max(overlap(box, other) for other in truth) for box in found])
                ranks.append(np.inf if case.ranking is None else case.ranking.index(name))
    if not overlaps:
        return Localisation(split, 0, None, None, {str(least): None for least in OVERLAPS}, None, None, None)
    table, rank = np.array(overlaps), np.array(ranks)
    accuracy = {least: (table >= least).mean(axis=0) for least in OVERLAPS}
    best = int(accuracy[0.5].argmax())
    right = table[:, best] >= 0.5
    known = np.isfinite(rank).all()
    return Localisation(
        split=split,
        cases=len(table),
        threshold=float(THRESHOLDS[best]),
        gt_known=float(right.mean()),
        max_box_acc={str(least): float(values.max()) for least, values in accuracy.items()},
        mean_max_box_acc=float(np.mean([values.max() for values in accuracy.values()])),
        top1_error=float(1.0 - (right & (rank < 1)).mean()) if known else None,
        top5_error=float(1.0 - (right & (rank < 5)).mean()) if known else None,
    )


def read_cases(
    index: Index, split: str, maps: ShardReader, class_scores: Sequence[Path], boxes: str
) -> Iterator[Case]:
    """The cases of one split; images without true boxes are left out.

    Args:
        index: the data set.
        split: which images.
        maps: their attention maps.
        class_scores: tables of the classifier's scores; other images have no ranking.
        boxes: as in `box_source`.
    """
    truth, rankings = box_source(index, boxes), _rankings(class_scores, index)
    for record in index.split(split):
        found = truth(record)
        if found is not None:
            named = {index.classes[at - 1]: values for at, values in class_maps(index, record, maps).items()}
            yield Case(image_size(record.image), named, found, rankings.get(record.id))


def _rankings(tables: Sequence[Path], index: Index) -> dict[str, list[str]]:
    scores = read_class_scores(tables, index.classes)
    return {
        image_id: sorted(of_image, key=of_image.__getitem__, reverse=True)
        for image_id, of_image in scores.items()
    }


def read_localisation(path: Path) -> Localisation:
    """Read a file of `weakseg evaluate localisation`.

    Raises:
        InputError: missing, damaged or another file.
    """
    try:
        return Localisation(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as localisation scores ({error}); delete it and run again."
        ) from None


def boxes_at(values: np.ndarray, size: tuple[int, int], thresholds: Iterable[float]) -> list[Box]:
    """The box around the largest region above each share of the map's maximum.

    Args:
        values: h×w, resized to the image by bilinear interpolation.
        size: height and width of the image.
        thresholds: shares of the maximum, ascending.

    Returns:
        One box per threshold in the image's pixels; empty if no value is above it.
    """
    scale = min(1.0, SIDE / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    enlarged = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    top, (x, y) = float(enlarged.max()), (0, 0)
    across, down = size[1] / width, size[0] / height
    found = []
    for threshold in thresholds:
        mask = (enlarged > threshold * top).astype(np.uint8)
        # A higher threshold leaves pixels out and adds none: only this window is looked at from now on.
        left, upper, wide, high = cv2.boundingRect(mask)
        window = (slice(upper, upper + high), slice(left, left + wide))
        if wide:
            enlarged, mask, x, y = enlarged[window], mask[window], x + left, y + upper
        left, upper, right, lower = largest_region(mask)
        if right:
            left, upper, right, lower = left + x, upper + y, right + x, lower + y
        found.append((round(left * across), round(upper * down), round(right * across), round(lower * down)))
    return found


def largest_region(mask: np.ndarray) -> Box:
    """The box around the largest 8-connected region of a mask H×W of 0 and 1."""
    regions, _, table, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if regions < 2:
        return 0, 0, 0, 0
    left, top, width, height, _ = table[1 + int(table[1:, cv2.CC_STAT_AREA].argmax())].tolist()
    return left, top, left + width, top + height


def overlap(box: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = sum((right - left) * (bottom - top) for left, top, right, bottom in (box, other))
    return shared / (areas - shared) if areas > shared else 0.0
