"""Scores a stage's maps or labels against the masks, and writes the JSON file with the result.

Images without a mask are counted, but not scored. If no image has a mask, every score is null and the workflow
continues. The score is also null if no class has a pixel in the masks: the IoU of the background alone would be near 1
for any labels.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.confusion import ConfusionMatrix
from weakseg.evaluation.curve import ThresholdSweep
from weakseg.storage.atomic import write_text
from weakseg.storage.labels import read_labels
from weakseg.storage.presence import Tally
from weakseg.storage.shards import ShardReader

DIGITS = 4
"""Decimals of the numbers in the JSON file."""


@dataclass(frozen=True)
class Score:
    """Scores of one stage on one split; fractions, `None` if undefined.

    Attributes:
        stage: name in tables and figures: `fused`, `segmenter-crf-2`.
        split: `train` or `val`.
        images: scored images.
        unscored: images of the split without a mask.
        miou: mean IoU over the classes that occur, background included; undecided pixels left out.
        miou_undecided_wrong: the same with undecided pixels as false negatives.
        miou_undecided_background: the same with undecided pixels as background, as in many published scores of proxies.
        pixel_accuracy: accuracy on the decided pixels.
        undecided: share of undecided pixels among those with a true label.
        per_class: class name → IoU, background first; `None` for a class in neither masks nor labels.
        classes_scored: number of foreground classes in the mean.
        classes_true: number of foreground classes with a pixel in the masks.
        missing_class: label maps only: number of images, with or without mask, in which a labelled class has no pixel.
        nothing: whether no label map shows any class, although labels name some.
        threshold: attention only: the best background threshold, used for these scores.
        curve: attention only: `threshold`, `miou`, `precision`, `recall` → one value per threshold.
        per_image: label maps only: image id → its mean IoU.
    """

    stage: str
    split: str
    images: int
    unscored: int
    miou: float | None
    miou_undecided_wrong: float | None
    pixel_accuracy: float | None
    undecided: float | None
    per_class: dict[str, float | None]
    threshold: float | None = None
    curve: dict[str, list[float | None]] | None = None
    miou_undecided_background: float | None = None
    classes_scored: int = 0
    classes_true: int = 0
    missing_class: int | None = None
    nothing: bool = False
    per_image: dict[str, float | None] = field(default_factory=dict)


def score_labels(index: Index, split: str, stage: str, folder: Path) -> Score:
    """Score the label maps `folder/<image id>.png` of one split.

    Raises:
        InputError: a label map is missing, of another size than its mask, or holds an index that is not a class.
    """
    total = ConfusionMatrix(index.classes)
    per_image: dict[str, float | None] = {}
    records = index.split(split)
    tally = Tally(index.classes)
    for record in records:
        path = folder / f"{record.id}.png"
        if record.mask is None and not path.is_file():
            continue
        labels = read_labels(path)
        tally.add(record.id, labels, [index.classes.index(name) + 1 for name in record.labels])
        if record.mask is None:
            continue
        matrix = _matrix(index, record, labels, path)
        total.counts += matrix.counts
        total.undecided += matrix.undecided
        per_image[record.id] = _plain(matrix.miou)
    any_class = total.true_classes > 0
    return Score(
        stage=stage,
        split=split,
        images=len(per_image),
        unscored=len(records) - len(per_image),
        miou=_plain(total.miou) if any_class else None,
        miou_undecided_wrong=_plain(total.miou_undecided_wrong) if any_class else None,
        miou_undecided_background=_plain(total.miou_undecided_background) if any_class else None,
        classes_scored=_defined(total.iou()),
        classes_true=total.true_classes,
        missing_class=len(tally.lacking),
        nothing=tally.nothing() is not None,
        pixel_accuracy=_plain(total.pixel_accuracy),
        undecided=_plain(total.undecided_share),
        per_class=_named(total.names, total.iou()),
        per_image=per_image,
    )


def score_image(index: Index, record: Record, path: Path) -> ConfusionMatrix:
    """The confusion matrix of one label map against its image's mask.

    Raises:
        InputError: as `score_labels`, or the image has no mask.
    """
    return _matrix(index, record, read_labels(path), path)


def _matrix(index: Index, record: Record, labels: np.ndarray, path: Path) -> ConfusionMatrix:
    matrix = ConfusionMatrix(index.classes)
    try:
        matrix.update(index.read_mask(record), labels)
    except ValueError as error:
        raise InputError(f"{path} does not fit its mask: {error}; remake the label map.") from None
    return matrix


def score_attention(index: Index, split: str, maps: ShardReader) -> Score:
    """Score attention maps at their best background threshold on these images.

    Raises:
        InputError: an image's maps are missing or belong to an unknown class.
    """
    sweep = ThresholdSweep(index.classes)
    records = index.split(split)
    scored = [record for record in records if record.mask is not None]
    for record in scored:
        sweep.update(index.read_mask(record), class_maps(index, record, maps))
    curve = sweep.curve()
    best = curve.best
    miou = _plain(curve.miou[best]) if sweep.true_classes else None
    return Score(
        stage="attention",
        split=split,
        images=len(scored),
        unscored=len(records) - len(scored),
        miou=miou,
        miou_undecided_wrong=miou,
        miou_undecided_background=miou,
        classes_scored=_defined(curve.iou[best]),
        classes_true=sweep.true_classes,
        pixel_accuracy=_plain(curve.accuracy[best]),
        undecided=None if np.isnan(curve.accuracy[best]) else 0.0,
        per_class=_named(("background", *index.classes), curve.iou[best]),
        threshold=None if miou is None else _plain(curve.thresholds[best]),
        curve={
            "threshold": [_plain(value) for value in curve.thresholds],
            "miou": [_plain(value) for value in curve.miou],
            "precision": [_plain(value) for value in curve.precision],
            "recall": [_plain(value) for value in curve.recall],
        },
    )


def class_maps(index: Index, record: Record, maps: ShardReader) -> dict[int, np.ndarray]:
    """Class index → attention map h×w float in [0, 1] of one image.

    Raises:
        InputError: the image has no maps, or the map of an unknown class.
    """
    named = maps.read(record.id)
    for name in named:
        if name not in index.classes:
            raise InputError(
                f"the attention maps of image '{record.id}' name the class '{name}'; the index has "
                f"{', '.join(index.classes)}: make the attention maps again."
            )
    return {index.classes.index(name) + 1: values for name, values in named.items()}


def write_score(path: Path, score: Score) -> None:
    """Write the JSON file: `threshold` and `curve` for attention only, `per_image` for label maps only."""
    unused = ("per_image", "missing_class") if score.curve is not None else ("threshold", "curve")
    write_json(path, {name: value for name, value in asdict(score).items() if name not in unused})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write readable JSON, atomically: sorted keys, floats rounded to 4 digits."""
    text = json.dumps(rounded(content), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def rounded(value: Any) -> Any:
    """Plain values with every float rounded to 4 digits, at any depth."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def read_score(path: Path) -> Score:
    """Read a file of `write_score`.

    Raises:
        InputError: missing, not JSON, or not such a file.
    """
    try:
        return Score(**json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            f"score file {path} cannot be read ({error.strerror}); evaluate that stage first."
        ) from None
    except (ValueError, TypeError) as error:
        raise InputError(
            f"score file {path} is not of 'weakseg evaluate' ({error}); delete it and evaluate again."
        ) from None


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _defined(iou: np.ndarray) -> int:
    """Number of foreground classes with an IoU."""
    return int(np.count_nonzero(~np.isnan(iou[1:])))


def _named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in zip(names, values, strict=True)}
