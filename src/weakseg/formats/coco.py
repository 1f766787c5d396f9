"""COCO: one JSON of images, categories and annotations; a region is run lengths (RLE), which keep its holes."""

from weakseg.formats.declaration import Format


class Coco(Format):
    """COCO's instances JSON, one annotation a region, as compressed RLE."""

    name = "coco"
    title = "COCO tools, FiftyOne, Detectron2, CVAT"
    suffix = ".json"
    reads_back = True


import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.errors import InputError
from weakseg.formats.items import Bad, Images, Item, Options, Written, each, label_of
from weakseg.formats.regions import labels_in, numbered, outside, paint, ring_of
from weakseg.formats.tree import LARGEST, is_zip, opened, parsed
from weakseg.storage.atomic import atomic_path

CUT = "polygons reach beyond the image and were cut off"
_LISTS = ("images", "annotations", "categories")


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT, a JSON file; memory holds the images' entries, not the annotations."""
    _tools()
    images: list[str] = []
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
        file.write(f'{{"info": {{"description": "weakseg"}}, "categories": {json.dumps(categories)},\n')
        file.write('"annotations": [')

        def add(item: Item) -> None:
            height, width = item.labels.shape
            entry = {"id": len(images) + 1, "file_name": item.file_name, "width": width, "height": height}
            images.append(json.dumps(entry))
            found = list(_annotations(item.labels))
            for number, annotation in enumerate(found, start=written.regions + 1):
                numbers = {"id": number, "image_id": len(images)}
                file.write((",\n" if number > 1 else "\n") + json.dumps(numbers | annotation))
            written.count(item, len(found))

        yield add
        file.write('],\n"images": [\n' + ",\n".join(images) + "]}\n")


def _tools() -> Any:
    try:
        from pycocotools import mask
    except ImportError:
        raise InputError(
            "pycocotools, which writes COCO's run lengths, is not installed; run pip install 'weakseg[formats]', in a "
            "checkout pip install -e '.[formats]'."
        ) from None
    return mask


def _annotations(labels: np.ndarray) -> Iterator[dict[str, Any]]:
    """Category, run lengths, box and area of every region, without its ids."""
    height, width = labels.shape
    for label in labels_in(labels):
        for places in _regions(labels == label):
            counts = _run_lengths(places, labels.size)
            (coded,) = _tools().frPyObjects([{"size": [height, width], "counts": counts}], height, width)
            columns, rows = np.divmod(places, height)
            left, top = int(columns.min()), int(rows.min())
            yield {
                "category_id": label,
                "segmentation": {"size": [height, width], "counts": coded["counts"].decode()},
                "bbox": [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top],
                "area": len(places),
                "iscrowd": 0,
            }


def _regions(mask: np.ndarray) -> list[np.ndarray]:
    """Of each region of a mask H×W its pixels, counted down the columns, ascending."""
    count, regions = numbered(mask)
    columns = regions.T.ravel()
    places = np.flatnonzero(columns)
    places = places[np.argsort(columns[places], kind="stable")]
    return np.split(places, np.cumsum(np.bincount(columns, minlength=count + 1)[1:])[:-1])


def _run_lengths(places: np.ndarray, pixels: int) -> list[int]:
    """The lengths of a region's runs, what is not the region first."""
    breaks = np.flatnonzero(np.diff(places) != 1)
    first, last = np.r_[0, breaks + 1], np.r_[breaks, len(places) - 1]
    edges = np.stack([places[first], places[last] + 1], axis=1).ravel()
    lengths: list[int] = np.diff(edges, prepend=0, append=pixels).tolist()
    return lengths


def read(path: Path, classes: Sequence[str], images: Images) -> Iterator[Item | Bad]:
    """The images of a JSON, or of the only JSON with images in a folder or ZIP; categories are known by their names.

    Annotations are drawn in the file's order. Crowds (`iscrowd`) are drawn, too: CVAT marks every mask as one.
    """
    content, where = _content(path)
    categories = _by_id(content["categories"], where, "category")
    of_image: dict[Any, list[Any]] = {number: [] for number in _by_id(content["images"], where, "image")}
    for annotation in content["annotations"]:
        number = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(number, int) or number not in of_image:
            raise InputError(
                f"{where} has an annotation of the image {number!r}, which it does not list; a whole file was "
                "expected: export it again."
            )
        of_image[number].append(annotation)

    def make(image: Mapping[str, Any]) -> Item:
        image_id = images.find(str(image.get("file_name")))
        size = images.size(image_id)
        _check_size(image, size, f"{where}: '{image.get('file_name')}'")
        labels, cut = np.zeros(size, np.uint8), 0
        for annotation in of_image[image["id"]]:
            named = f"{where}: annotation {annotation.get('id')!r} of '{image.get('file_name')}'"
            number = annotation.get("category_id")
            category = categories.get(number, {}) if isinstance(number, int) else {}
            label = label_of(category.get("name", number), classes, named)
            cut += draw(labels, annotation.get("segmentation"), label, named)
        return Item(image_id, None, labels, notes=[f"{cut} {CUT}"] * bool(cut))

    yield from each(content["images"], lambda image: str(image.get("file_name")), make)


def _content(path: Path) -> tuple[dict[str, Any], str]:
    """The parsed JSON, and where it lies."""
    single = path.is_file() and not is_zip(path)
    with opened(path.parent if single else path) as tree:
        names = [path.name] if single else tree.ending(".json")
        read = [(parsed(tree.content(name, LARGEST), tree.where(name)), tree.where(name)) for name in names]
    found = [(content, where) for content, where in read if _is_coco(content)]
    if len(found) != 1:
        listed = f" ({', '.join(where for _, where in found[:3])})" if found else ""
        raise InputError(
            f"{path} holds {len(found) or 'no'} JSON of COCO's images, annotations and categories{listed}; one was "
            "expected: name the file."
        )
    return found[0]


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(name), list) and all(isinstance(entry, dict) for entry in content[name])
        for name in _LISTS
    )


def _by_id(entries: Sequence[Mapping[str, Any]], where: str, what: str) -> dict[int, Mapping[str, Any]]:
    """Entries by their ids.

    Raises:
        InputError: an id is missing, not a number, or given twice.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        number = entry.get("id")
        if not isinstance(number, int) or number in found:
            raise InputError(
                f"{where} has {'two entries' if number in found else 'an entry'} of the {what} id {number!r}; a number "
                "for each was expected: export it again."
            )
        found[number] = entry
    return found


def _check_size(image: Mapping[str, Any], size: tuple[int, int], where: str) -> None:
    given = (image.get("height"), image.get("width"))
    if given not in (size, (None, None)):
        raise InputError(
            f"{where} is {given[1]}×{given[0]} pixels there, the image {size[1]}×{size[0]}; both must have one size: "
            "annotate the image at its own size."
        )


def draw(labels: np.ndarray, segmentation: Any, label: int, where: str) -> int:
    """Draw polygons or run lengths; the number of polygons that were cut off.

    Raises:
        InputError: neither of the two, of another size, or outside the image.
    """
    if isinstance(segmentation, dict):
        labels[decoded(segmentation, (labels.shape[0], labels.shape[1]), where)] = label
        return 0
    if not isinstance(segmentation, list) or not segmentation:
        raise InputError(
            f"{where} has no segmentation, only a box perhaps; polygons or run lengths were expected: draw its mask."
        )
    cut = 0
    for flat in segmentation:
        pairs = flat if isinstance(flat, list) and len(flat) % 2 == 0 else []
        ring = ring_of(list(zip(pairs[::2], pairs[1::2], strict=True)), where)
        cut += outside(ring, (labels.shape[0], labels.shape[1]), where)
        paint(labels, [ring], label)
    return cut


def decoded(segmentation: Mapping[str, Any], size: tuple[int, int], where: str) -> np.ndarray:
    """A mask H×W `bool` of run lengths down the columns.

    Not by pycocotools: its C code reads beyond the end of a text that was cut off.

    Raises:
        InputError: of another size, or damaged.
    """
    given, counts = segmentation.get("size"), segmentation.get("counts")
    if given != list(size):
        raise InputError(
            f"{where} has run lengths of the size {given!r} (height, width), the image {list(size)}; both must "
            "have one size: annotate the image at its own size."
        )
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    plain = [run for run in runs if type(run) is int and run >= 0] if isinstance(runs, list) else []
    if plain != runs or sum(plain) != size[0] * size[1]:
        raise InputError(
            f"{where} has run lengths that do not fill {size[1]}×{size[0]} pixels; it is damaged: export it again."
        )
    flat = np.repeat(np.arange(len(plain)) % 2 == 1, np.asarray(plain, np.int64))
    return flat.reshape(size[::-1]).T


def _unpacked(text: str) -> list[int] | None:
    """Run lengths of COCO's text: five bits a character from 48 on, the lowest first; from the fourth number on
    the difference to the number before the last. `None` if it is cut off.
    """
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
        value = shift = 0
    return numbers if not shift else None
