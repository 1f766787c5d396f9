"""Label Studio: tasks with brush masks as predictions, which people accept or correct there.

Its run lengths are not COCO's. They are those of the JavaScript library rle-pack, of the four channels of every pixel:
32 bits with the number of values, 5 with the bits of a value less one, four times 4 with the bits of a length less one;
then for each run one bit (1: one value repeated), 2 bits with which of the four lengths follows, the length less one,
and the value.
"""

from weakseg.formats.declaration import Format


class LabelStudio(Format):
    """Label Studio's `tasks.json` with a brush mask a class, and the labelling interface that names the classes."""

    name = "label-studio"
    title = "Label Studio"


import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from weakseg.formats.items import Item, Options, Written
from weakseg.formats.regions import labels_in
from weakseg.storage.atomic import atomic_folder
from weakseg.storage.labels import voc_palette

CHANNELS = 4
"""Values of a pixel: red, green, blue and opacity, all 255 in the mask."""
LENGTHS = (3, 4, 8, 16)
"""Bits of a length; any four would do, these are what Label Studio writes."""


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT/tasks.json, and OUT/interface.xml for the project's labelling interface."""
    with atomic_folder(out) as folder, (folder / "tasks.json").open("w", encoding="utf-8") as file:
        file.write("[")

        def add(item: Item) -> None:
            present = labels_in(item.labels)
            results = [_brush(item.labels == label, classes[label - 1]) for label in present]
            task = {
                "data": {"image": options.image_url + quote(item.file_name), "id": item.id},
                "predictions": [{"model_version": "weakseg", "result": results}],
            }
            file.write(("," if written.images else "") + "\n" + json.dumps(task, ensure_ascii=False))
            written.count(item, len(present))

        yield add
        file.write("\n]\n")
        (folder / "interface.xml").write_text(_interface(classes), encoding="utf-8")


def _interface(classes: Sequence[str]) -> str:
    colours = ["#" + bytes(colour).hex() for colour in voc_palette()]
    rows = [
        f'    <Label value={quoteattr(name)} background="{colours[number]}"/>'
        for number, name in enumerate(classes, start=1)
    ]
    opening = '<View>\n  <Image name="image" value="$image" zoom="true"/>\n  <BrushLabels name="label" toName="image">'
    return "\n".join([opening, *rows, "  </BrushLabels>", "</View>", ""])


def _brush(mask: np.ndarray, name: str) -> dict[str, Any]:
    height, width = mask.shape
    return {
        "type": "brushlabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": run_lengths(mask).tolist(), "brushlabels": [name]},
    }


def run_lengths(mask: np.ndarray) -> np.ndarray:
    """Label Studio's run lengths of a mask H×W, `uint8`."""
    values = mask.astype(bool).ravel()
    starts = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    lengths = np.diff(starts, append=values.size) * CHANNELS
    pieces = -(-lengths // (1 << LENGTHS[-1]))  # a run is at most 65,536 values
    parts = np.full(pieces.sum(), 1 << LENGTHS[-1])
    ends = np.cumsum(pieces) - 1
    parts[ends] = lengths - (pieces - 1) * (1 << LENGTHS[-1])
    colours = np.repeat(values[starts], pieces) * 255
    kinds = np.searchsorted([1 << bits for bits in LENGTHS], parts)
    widths = 1 + 2 + np.asarray(LENGTHS)[kinds] + 8
    header = [(values.size * CHANNELS, 32), (8 - 1, 5), *((bits - 1, 4) for bits in LENGTHS)]
    first = np.concatenate([_bits(np.array([value]), width)[0] for value, width in header])
    flat = np.zeros(len(first) + widths.sum(), np.uint8)
    flat[: len(first)] = first
    places = len(first) + np.cumsum(widths) - widths
    for kind, width in enumerate(LENGTHS):
        own = kinds == kind
        columns = (np.ones(own.sum(), int), 1), (kinds[own], 2), (parts[own] - 1, width), (colours[own], 8)
        coded = np.concatenate([_bits(column, bits) for column, bits in columns], axis=1)
        flat[places[own][:, None] + np.arange(coded.shape[1])] = coded
    return np.packbits(flat)


def _bits(values: np.ndarray, width: int) -> np.ndarray:
    """The bits of N numbers, the highest first, `uint8` N×width."""
    shifted: np.ndarray = (values[:, None] >> np.arange(width - 1, -1, -1)) & 1
    return shifted.astype(np.uint8)
