"""Thumbnails, pictures and layers of an image for the page."""

import io
import json
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from weakseg.crf.size import shrunk
from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.evaluation.confusion import ConfusionMatrix
from weakseg.inspector.palettes import PALETTES
from weakseg.inspector.run import RunView
from weakseg.proxy.stages import enlarge
from weakseg.storage.drawing import outline, stretch_labels
from weakseg.storage.labels import UNDECIDED, read_labels
from weakseg.storage.shards import to_uint8

THUMBNAIL = 176  # longest side, pixels: a tile's width on a screen of ordinary density
LARGEST = 1600  # longest side sent to the page; eight layers of a 24-megapixel image would fill its memory
KEPT = 4000  # thumbnails kept in memory, about 6 kB each

Plane = tuple[dict[str, Any], np.ndarray]
"""A layer's description and its values H×W `uint8`."""


@lru_cache(KEPT)
def thumbnail(image: Path, labels: Path, palette: str, changed: int) -> bytes:
    """A small JPEG of an image under its label map.

    Args:
        image: the image's file.
        labels: the label map's file; it may be missing.
        palette: a name of `PALETTES`.
        changed: modification time of the label map, for the cache; 0 if there is none.

    Raises:
        InputError: the image cannot be read.
    """
    pixels = shrunk(read_image(image, at_least=2 * THUMBNAIL), THUMBNAIL)
    if changed:
        shown = stretch_labels(read_labels(labels), pixels.shape)
        pixels = tint(pixels, shown, PALETTES[palette])
    return encode(pixels, quality=82)


def tint(image: np.ndarray, labels: np.ndarray, palette: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lay class colours over an image: undecided pixels pale, background unchanged, a dark line around each region."""
    cover = np.full(256, opacity, np.float32)
    cover[0] = 0.0
    cover[UNDECIDED] = 0.7
    share = cover[labels][..., None]
    mixed: np.ndarray = np.rint(image * (1 - share) + palette[labels] * share).astype(np.uint8)
    mixed[outline(labels)] = 24
    return mixed


def encode(pixels: np.ndarray, quality: int) -> bytes:
    """RGB `uint8` H×W×3 as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def picture(record: Record) -> bytes:
    """The image at the size of its layers, as a JPEG."""
    return encode(shrunk(read_image(record.image), LARGEST), quality=94)


def shown_size(shape: Sequence[int], longest: int = LARGEST) -> tuple[int, int]:
    """Height and width of an image on the page, at most `longest` pixels a side."""
    scale = min(1.0, longest / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def layers(run: RunView, record: Record) -> bytes:
    """All layers of one image in one response (`bundle`)."""
    image = read_image(record.image)
    size = shown_size(image.shape)
    truth = run.truth(record)
    planes: list[Plane] = [
        (
            {"name": f"attention {name}", "kind": "map", "class": run.classes.index(name) + 1},
            _map(values, size),
        )
        for name, values in run.attention(record).items()
    ]
    saliency = run.saliency(record)
    if saliency is not None:
        planes.append(({"name": "saliency", "kind": "map"}, _map(saliency, size)))
    for layer in run.label_folders:
        labels = run.labels(layer, record)
        if labels is not None:
            about = {"name": layer, "kind": "labels"} | facts(matrix_of(run.classes, labels, truth), labels)
            planes.append((about, stretch_labels(labels, size)))
    if truth is not None:
        planes.append(({"name": "truth", "kind": "labels"}, stretch_labels(truth, size)))
    return bundle({"size": [*image.shape[:2]], "labels": record.labels}, planes)


def matrix_of(classes: Sequence[str], labels: np.ndarray, truth: np.ndarray | None) -> ConfusionMatrix | None:
    """Confusion matrix of a label map; `None` without a truth of the same size."""
    if truth is None or truth.shape != labels.shape:
        return None
    matrix = ConfusionMatrix(classes)
    matrix.update(truth, labels)
    return matrix


def facts(matrix: ConfusionMatrix | None, labels: np.ndarray) -> dict[str, Any]:
    """`iou` of a label map (`None` without truth), and its `undecided` share."""
    iou = None if matrix is None or np.isnan(matrix.miou) else round(matrix.miou, 4)
    return {"iou": iou, "undecided": round(float((labels == UNDECIDED).mean()), 4)}


def bundle(header: Mapping[str, Any], planes: Sequence[Plane]) -> bytes:
    """Several planes of one size as one response: length of the header, header (JSON), planes.

    The length is a little-endian 32-bit number; each plane is H·W bytes, row by row. Unlike a picture format, this
    keeps the values exact: browsers' colour management may change pictures.
    """
    height, width = planes[0][1].shape if planes else (0, 0)
    about = {**header, "height": height, "width": width, "planes": [item for item, _ in planes]}
    text = json.dumps(about, allow_nan=False).encode()
    return b"".join(
        [struct.pack("<I", len(text)), text, *(np.ascontiguousarray(v).tobytes() for _, v in planes)]
    )


def _map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return to_uint8(enlarge(values, size))
