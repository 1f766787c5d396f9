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
from weakseg.errors import InputError

Segmentation = list[list[float]] | dict[str, Any] | None


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
        InputError: pycocotools is not installed, or a segmentation is wrong.
    """
    path, height, width, objects = task
    labels = np.zeros((height, width), np.uint8)
    for label, crowd, _, text in sorted(objects, key=lambda item: (not item[1], -item[2])):
        held: Segmentation = msgspec.json.decode(text)
        if held:
            labels[_mask(path, held, height, width)] = 255 if crowd else label
    return labels


def _mask(path: str, held: Segmentation, height: int, width: int) -> np.ndarray:
    """Where a segmentation is, H×W bool."""
    try:
        from pycocotools import mask as tools
    except ImportError:
        raise InputError(
            "masks of COCO's format need pycocotools, which is not installed: pip install 'weakseg[detector]', or set "
            "dataset.masks.format to none."
        ) from None
    try:
        if isinstance(held, list):
            coded = tools.merge(tools.frPyObjects(held, height, width))
        elif isinstance(held, dict) and isinstance(held.get("counts"), list):
            coded = tools.frPyObjects(_whole(held, height, width), height, width)
        elif isinstance(held, dict):
            coded = _whole(held, height, width)
        else:
            raise ValueError("neither polygons nor run lengths")
        found: np.ndarray = tools.decode(coded).astype(bool)
    except Exception as error:  # pycocotools raises many types, among them Exception itself
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path} has a segmentation that is none ({reason}) of an image of {width}×{height} pixels: export it "
            "again."
        ) from None
    return found


def _whole(held: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """Run lengths that fit their image.

    Raises:
        ValueError: they are of another size, or do not add up.
    """
    size, counts = held.get("size"), held.get("counts")
    if size != [height, width]:
        raise ValueError(f"run lengths of the size {str(size)[:40]}")
    if not isinstance(counts, list | str):
        raise ValueError("no counts")
    runs = _runs(counts) if isinstance(counts, str) else counts  # pycocotools trusts what it decodes
    if not all(isinstance(run, int) and run >= 0 for run in runs) or sum(runs) != height * width:
        raise ValueError("run lengths that do not add up")
    return held


def _runs(text: str) -> list[int]:
    """Run lengths of COCO's compressed text: five bits a character, from the third on less the run two before.

    Raises:
        ValueError: a character is none of it, or the last run is cut off.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("run lengths of another coding")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths that are cut off")
    return runs
