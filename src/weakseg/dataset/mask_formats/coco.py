"""Polygons and run lengths in COCO's JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found


class CocoMasks(MaskFormat):
    """The polygons and run lengths in the JSON of source `coco`; smaller ones lie over larger ones, and regions of many
    objects (`iscrowd`) are not scored where no other lies over them."""

    name = "coco"
    made_by = "draw_coco"

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The JSON that lists each image."""
        return [found.origins[image.entry.split or ""] for image in images]

    def drawn_from(
        self, images: Sequence[tuple[Unmasked, Path]], known: Sequence[str]
    ) -> Iterator[tuple[Unmasked, Any]]:
        """Size and objects of each image, one JSON after the other."""
        return objects_of(images, known)


import msgspec
import numpy as np

from weakseg.dataset.documents import Key, read_json
from weakseg.dataset.sources.coco import EXPECTED, Category
from weakseg.formats.coco import draw
from weakseg.storage.labels import UNDECIDED


class Sized(msgspec.Struct, gc=False):
    """An image of the JSON with its size."""

    id: Key
    file_name: str
    height: int
    width: int


class Region(msgspec.Struct, gc=False):
    """An object of the JSON; its polygons stay text until they are drawn."""

    image_id: Key
    category_id: Key
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    area: float = 0.0
    iscrowd: int | bool | None = 0


class Regions(msgspec.Struct):
    """What is read of the JSON."""

    images: list[Sized]
    categories: list[Category]
    annotations: list[Region] = []


def objects_of(
    images: Sequence[tuple[Unmasked, Path]], known: Sequence[str]
) -> Iterator[tuple[Unmasked, Any]]:
    """Path of the JSON, height, width and (label, crowd, segmentation as JSON) of each image.

    Raises:
        InputError: a JSON is wrong, or lacks an image's size.
    """
    for path in dict.fromkeys(path for _, path in images):
        held = read_json(path, Regions, f"{EXPECTED} with sizes", mapped=False)
        numbers = {item.id: known.index(item.name) + 1 for item in held.categories}
        by_image: dict[Key, list[tuple[int, bool, float, bytes]]] = {}
        for item in held.annotations:
            one = (numbers[item.category_id], bool(item.iscrowd), item.area, bytes(item.segmentation))
            by_image.setdefault(item.image_id, []).append(one)
        sized = {item.file_name: item for item in held.images}
        del held
        for image, origin in images:
            if origin == path:
                whole = sized[image.entry.image]
                yield image, (str(path), whole.height, whole.width, by_image.get(whole.id, []))


def draw_coco(task: tuple[str, int, int, list[tuple[int, bool, float, bytes]]]) -> np.ndarray:
    """The labels of an image's objects, the largest first.

    Raises:
        InputError: a segmentation is wrong.
    """
    path, height, width, objects = task
    labels = np.zeros((height, width), np.uint8)
    for label, crowd, _, text in sorted(objects, key=lambda item: (not item[1], -item[2])):
        held = msgspec.json.decode(text)
        if held:
            draw(labels, held, UNDECIDED if crowd else label, f"{path}: an object")
    return labels
