"""A detector's boxes against true boxes: COCO's mean average precision, computed by `torchmetrics`.

As a baseline, random boxes are scored, too: as many per image as the detector predicts, with random class and place.
Images without known true boxes are counted, but not scored. With masks as truth, each connected region gives one box,
so touching objects of a class share one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weakseg.dataset.images import image_size
from weakseg.dataset.index import Index
from weakseg.errors import InputError
from weakseg.evaluation.boxes import Boxes, box_source
from weakseg.evaluation.text import decimals

LEAST_REGION = 0.005
"""Share of the image below which a region of a mask does not count as an object, as in `weakseg proxy boxes`."""
SEED = 0
"""Of the random boxes."""
NAMES = {"map": "map", "map50": "map_50", "map75": "map_75"}
"""Our name of a score → torchmetrics'."""


@dataclass(frozen=True)
class Found:
    """Predicted boxes of one image.

    Attributes:
        boxes: K×4 float32: left, top, right and bottom in pixels.
        labels: K int64, 1…C.
        scores: K float32.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def tensors(self) -> dict[str, Tensor]:
        """In the format of torchmetrics."""
        return {name: torch.from_numpy(values) for name, values in vars(self).items()}


def score_detector(
    index: Index, split: str, files: Sequence[Path], source: str, least: float = LEAST_REGION
) -> dict[str, Any]:
    """Score a detector on one split.

    Args:
        index: the data set.
        split: which images.
        files: boxes in COCO's results format; `image_id` is the image's position in the split, from 1.
        source: source of the true boxes (`box_source`).
        least: share of the image below which a region of a mask gives no true box.

    Returns:
        `split`; the numbers of scored `images`, `unscored` images, `boxes` and `true_boxes`; `map` (the mean over
        overlaps of 0.50, 0.55, …, 0.95), `map50`, `map75`, `per_class` (name → `map`); and these four for `random`
        boxes. Fractions, `None` if undefined.

    Raises:
        InputError: torchmetrics or pycocotools is not installed, or a file is damaged or of other images.
    """
    records, truth = index.split(split), box_source(index, source, least)
    found = read_results(files, len(records), len(index.classes))
    generator = np.random.default_rng(SEED)
    detector, chance = _metric(), _metric()
    images = boxes = true_boxes = 0
    for record, given in zip(records, found, strict=True):
        true = truth(record)
        if true is None:
            continue
        target = [_target(true, index.classes)]
        number = len(given.labels)
        guessed = random_boxes(generator, image_size(record.image), number, len(index.classes))
        detector.update([given.tensors()], target)
        chance.update([guessed.tensors()], target)
        images, boxes, true_boxes = images + 1, boxes + number, true_boxes + len(target[0]["labels"])
    return {
        "split": split,
        "images": images,
        "unscored": len(records) - images,
        "boxes": boxes,
        "true_boxes": true_boxes,
        **_precisions(detector, index.classes, images),
        "random": _precisions(chance, index.classes, images),
    }


def detection_line(scores: Mapping[str, Any]) -> str:
    """The scores in one line."""
    mean, half, chance = (
        decimals(value) for value in (scores["map"], scores["map50"], scores["random"]["map"])
    )
    return (
        f"detector: mAP {mean} ({half} at an overlap of 0.5), random boxes {chance}, on {scores['images']} "
        f"{scores['split']} images with {scores['true_boxes']} true boxes"
    )


def read_results(files: Sequence[Path], images: int, classes: int) -> list[Found]:
    """The boxes of each image of a split, from files in COCO's results format.

    Raises:
        InputError: a file is damaged, or names an unknown image or class.
    """
    rows: list[list[tuple[list[float], int, float]]] = [[] for _ in range(images)]
    for path in files:
        try:
            for item in json.loads(path.read_text(encoding="utf-8")):
                number, label = int(item["image_id"]), int(item["category_id"])
                left, top, width, height = map(float, item["bbox"])
                if not (1 <= number <= images and 1 <= label <= classes):
                    raise InputError(
                        f"{path} has a box of image {number} and class {label}; 1…{images} and 1…{classes} were "
                        "expected: predict the boxes again with this index."
                    )
                box = [left, top, left + width, top + height]
                rows[number - 1].append((box, label, float(item["score"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"boxes {path} cannot be read ({error!r}); a list in COCO's results format was expected: run 'weakseg "
                "detector predict' again."
            ) from None
    return [
        Found(
            np.array([box for box, _, _ in image], np.float32).reshape(-1, 4),
            np.array([label for _, label, _ in image], np.int64),
            np.array([score for _, _, score in image], np.float32),
        )
        for image in rows
    ]


def random_boxes(generator: np.random.Generator, size: tuple[int, int], number: int, classes: int) -> Found:
    """Boxes with random corners, class and score in an image of height and width `size`."""
    ends = np.sort(generator.uniform(size=(number, 2, 2)), axis=1)  # number, lower and upper, x and y
    boxes = (ends * np.array([size[1], size[0]])).reshape(number, 4).astype(np.float32)
    labels = generator.integers(1, classes + 1, number)
    return Found(boxes, labels, generator.uniform(size=number).astype(np.float32))


def _target(true: Boxes, classes: Sequence[str]) -> dict[str, Tensor]:
    pairs = [(box, classes.index(name) + 1) for name, boxes in true.items() for box in boxes]
    return {
        "boxes": torch.tensor([box for box, _ in pairs], dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor([label for _, label in pairs], dtype=torch.int64),
    }


def _metric() -> Any:
    try:
        import pycocotools.coco  # noqa: F401
        from torchmetrics.detection import MeanAveragePrecision
    except ImportError:
        raise InputError(
            "torchmetrics and pycocotools, which score boxes, are not both installed; run pip install -e '.[detector]' "
            "in weakseg's checkout."
        ) from None
    return MeanAveragePrecision(backend="pycocotools", class_metrics=True)


def _precisions(metric: Any, classes: Sequence[str], images: int) -> dict[str, Any]:
    """The scores of a metric; torchmetrics' −1 (undefined) becomes `None`."""
    if not images:
        return dict.fromkeys(NAMES) | {"per_class": dict.fromkeys(classes)}
    values = metric.compute()
    numbers, each = (values[name].reshape(-1).tolist() for name in ("classes", "map_per_class"))
    of_class = dict(zip(numbers, each, strict=True))
    found: dict[str, Any] = {short: _plain(float(values[name])) for short, name in NAMES.items()}
    found["per_class"] = {
        name: _plain(of_class.get(number, -1.0)) for number, name in enumerate(classes, start=1)
    }
    return found


def _plain(value: float) -> float | None:
    return None if value < 0 else value
