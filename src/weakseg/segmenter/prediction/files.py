"""Predicting many image files: batches, files that appear whole, and no image that stops the others."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from weakseg.dataset.images import read_image
from weakseg.errors import InputError
from weakseg.formats import FORMATS
from weakseg.formats.items import Item, Written
from weakseg.formats.write import writing
from weakseg.segmenter.prediction.inputs import PNG, Outputs
from weakseg.segmenter.prediction.model import Model, Prediction
from weakseg.storage.atomic import atomic_path, write_text
from weakseg.storage.drawing import overlay_labels, stretch_labels
from weakseg.storage.labels import write_labels
from weakseg.storage.shards import write_shard
from weakseg.training.exhausted import Halving, OutOfMemory

OVERLAY_QUALITY = 90


@dataclass
class Report:
    """What became of the images.

    Attributes:
        areas: name → file, size, and per class the pixels and their share.
        failures: file → sentence.
        written: what was written in another format than PNG.
    """

    areas: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    written: Written | None = None


def predict_files(
    model: Model,
    files: Mapping[str, Path],
    outputs: Outputs,
    batch: int = 1,
    done: Callable[[str | None], None] = lambda problem: None,
    left_out: Sequence[Path] = (),
) -> Report:
    """Predict images one batch after the other; memory is that of a batch.

    Args:
        model: what predicts.
        files: name → image file.
        outputs: where the results go.
        batch: how many images that follow each other and are seen at one size are computed at once.
        done: called after every image, with a sentence if it could not be read.
        left_out: files beside them that are not read, for the summary.

    Raises:
        InputError: the disk is full or a folder cannot be written.
    """
    report = Report()
    predict = Halving(model.predict_batch, "image", "set --longest lower, or --window")

    def scores(add: Callable[[Item], None]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for group in _groups(model, files, batch, report, done):
            try:
                predictions = predict([image for _, image in group])
            except OutOfMemory as error:  # one that does not fit stops no other
                for name, _ in group:
                    report.failures[str(files[name])] = str(error)
                    done(str(error))
                continue
            for (name, _), prediction in zip(group, predictions, strict=True):
                add(Item(name, files[name], prediction.labels))
                _overlay(outputs, name, prediction)
                size = (prediction.labels.shape[0], prediction.labels.shape[1])
                counts = np.bincount(prediction.labels.ravel(), minlength=len(model.classes))
                report.areas[name] = areas_of(model.classes, files[name], size, counts)
                yield name, dict(zip(model.classes, prediction.scores, strict=True))
                done(None)

    with _label_maps(outputs, model.classes[1:], report) as add:
        if outputs.scores is None:
            deque(scores(add), maxlen=0)
        else:
            write_shard(outputs.scores, scores(add), model.grid)
    write_summary(outputs, model.classes, report, left_out)
    return report


def _groups(
    model: Model,
    files: Mapping[str, Path],
    batch: int,
    report: Report,
    done: Callable[[str | None], None],
) -> Iterator[list[tuple[str, np.ndarray]]]:
    """Names and images, read when they are due; those of a group are seen at one size."""
    group: list[tuple[str, np.ndarray]] = []
    for name, path in files.items():
        try:
            image = read_image(path)
        except InputError as error:
            report.failures[str(path)] = str(error)
            done(str(error))
            continue
        if group and (len(group) == batch or model.seen_size(image) != model.seen_size(group[0][1])):
            yield group
            group = []
        group.append((name, image))
    if group:
        yield group


@contextmanager
def _label_maps(outputs: Outputs, classes: Sequence[str], report: Report) -> Iterator[Callable[[Item], None]]:
    """What writes a label map: PNGs one by one, so that earlier ones may be replaced, other formats as a whole."""
    if outputs.form == PNG:
        yield lambda item: write_labels(outputs.labels / f"{item.id}.png", item.labels, classes)
        return
    with writing(FORMATS[outputs.form], outputs.labels, classes, outputs.options) as (add, report.written):
        yield add


def _overlay(outputs: Outputs, name: str, prediction: Prediction) -> None:
    if outputs.overlays is None:
        return
    labels = stretch_labels(prediction.labels, prediction.seen.shape)  # outlines vanish when scaled later
    picture = Image.fromarray(overlay_labels(prediction.seen, labels))
    with atomic_path(outputs.overlays / f"{name}.jpg") as temporary:
        picture.save(temporary, format="JPEG", quality=OVERLAY_QUALITY)


def areas_of(
    classes: tuple[str, ...], path: Path, size: tuple[int, int], counts: np.ndarray
) -> dict[str, Any]:
    """File, size, and for every class its pixels and their share."""
    pixels = size[0] * size[1]
    return {
        "file": str(path),
        "height": size[0],
        "width": size[1],
        "pixels": dict(zip(classes, counts.tolist(), strict=True)),
        "share": {
            name: round(count / pixels, 6) for name, count in zip(classes, counts.tolist(), strict=True)
        },
    }


def write_summary(
    outputs: Outputs, classes: tuple[str, ...], report: Report, left_out: Sequence[Path]
) -> None:
    """Write the JSON of areas, if it is wanted."""
    if outputs.summary is None:
        return
    content: dict[str, Any] = {"classes": classes, "images": report.areas, "failures": report.failures}
    content["not_read"] = [str(file) for file in left_out]
    write_text(outputs.summary, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
