"""YOLO's segmentation folder: a text file an image, a line a polygon; a hole is cut open to the outline."""

from weakseg.formats.declaration import Format


class YoloSeg(Format):
    """Ultralytics' data set of polygons: `data.yaml`, `images/` and `labels/`."""

    name = "yolo-seg"
    title = "Ultralytics' YOLO, Roboflow"
    is_exact = False
    reads_back = True


import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml

from weakseg.errors import InputError
from weakseg.formats.items import Bad, Images, Item, Options, Written, each, label_of
from weakseg.formats.regions import check_simplifies, keyhole, outside, paint, polygons, ring_of
from weakseg.formats.tree import Tree, opened, read_text
from weakseg.storage.atomic import atomic_folder

CUT = "polygons reach beyond the image and were cut off"
_SPLITS = ("train", "val")
_BEYOND = 0.05
"""Coordinates are shares of a side; a little beyond 0…1 is an outline drawn over the edge, more is pixels."""


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """The folder OUT; its images are links, or copies where the file system has no links."""
    used: set[str] = set()
    check_simplifies(options.tolerance)
    with atomic_folder(out) as folder:

        def add(item: Item) -> None:
            split = item.split if item.split in _SPLITS else _SPLITS[0]
            used.add(split)
            assert item.image is not None
            found = polygons(item.labels, options.tolerance)
            sides = np.array(item.labels.shape[::-1])
            lines = [_line(region.label, keyhole(region.rings) / sides) for region in found]
            labels = folder / "labels" / split / f"{item.stem}.txt"
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text("".join(lines), encoding="utf-8")
            _link(item.image, folder / "images" / split / item.file_name)
            written.count(item, len(found))

        yield add
        (folder / "data.yaml").write_text(_table(classes, used), encoding="utf-8")


def _line(label: int, ring: np.ndarray) -> str:
    """A polygon: the class, counted from 0 and without background, and its points."""
    points = " ".join(f"{value:.7g}" for value in ring.ravel())
    return f"{label - 1} {points}\n"


def _table(classes: Sequence[str], used: set[str]) -> str:
    """`data.yaml`; its reader asks for both splits, so a missing one is the other.

    Without `path`, which would be relative to where the reader is started, the folders are those beside the file.
    """
    other = next(iter(used), _SPLITS[0])
    rows = [f"{split}: images/{split if split in used else other}" for split in _SPLITS]
    rows += ["names:", *(f"  {i}: {json.dumps(name, ensure_ascii=False)}" for i, name in enumerate(classes))]
    return "\n".join(rows) + "\n"


def _link(image: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(image.resolve())
    except OSError:
        shutil.copyfile(image, place)


def read(path: Path, classes: Sequence[str], images: Images) -> Iterator[Item | Bad]:
    """The label files of a folder or ZIP with its `data.yaml`; an empty one shows none of the classes."""
    with opened(path) as tree:
        names = _names(tree)
        files = [name for name in tree.ending(".txt") if "labels" in name.split("/")[:-1]]
        if not files:
            raise InputError(f"{path} has no labels/*.txt; a file of polygons an image was expected there.")

        def make(name: str) -> Item:
            image_id = images.find(_image_name(name))
            labels, cut = np.zeros(images.size(image_id), np.uint8), 0
            for number, line in enumerate(read_text(tree, name).splitlines(), start=1):
                if line.strip():
                    where = f"{tree.where(name)} line {number}"
                    cut += _draw(labels, line.split(), names, classes, where)
            return Item(image_id, None, labels, notes=[f"{cut} {CUT}"] * bool(cut))

        yield from each(files, _image_name, make)


def _image_name(file: str) -> str:
    """`labels/train/a/b.txt` → `a/b`: the image's name below its split's folder."""
    parts = file[: -len(".txt")].split("/")
    below = parts[parts.index("labels") + 1 :]
    return "/".join(below[1:] if below[0] in (*_SPLITS, "test", "valid") and len(below) > 1 else below)


def _names(tree: Tree) -> Mapping[int, str]:
    """Number → name of the classes, from the only YAML file with `names`.

    Raises:
        InputError: none, or it is damaged.
    """
    for name in [*tree.ending("data.yaml"), *tree.ending(".yaml"), *tree.ending(".yml")]:
        try:
            content = yaml.safe_load(read_text(tree, name))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise InputError(
                f"{tree.where(name)} is not YAML ({' '.join(str(error).split())[:120]}); the names of the classes were "
                "expected: export it again."
            ) from None
        found = content.get("names") if isinstance(content, dict) else None
        pairs = dict(enumerate(found)) if isinstance(found, list) else found
        # Aliases in YAML can stand for gigabytes, which would be written out as text: names alone are looked at.
        if isinstance(pairs, dict) and all(
            isinstance(number, int) and isinstance(name, str | int | float) for number, name in pairs.items()
        ):
            return {number: str(name) for number, name in pairs.items()}
    raise InputError(
        f"{tree.path} has no data.yaml with the names of the classes; one was expected beside labels/: copy it there."
    )


def _draw(
    labels: np.ndarray, words: Sequence[str], names: Mapping[int, str], classes: Sequence[str], where: str
) -> bool:
    """Draw a line's polygon; whether it was cut off."""
    try:
        number, values = int(words[0]), np.array([float(word) for word in words[1:]])
    except ValueError:
        raise InputError(
            f"{where} is {' '.join(words)[:80]!r}; a class number and the points of a polygon were expected: "
            "correct it."
        ) from None
    if len(values) == 4:
        raise InputError(
            f"{where} is a box; a polygon of three points or more was expected: draw its outline."
        )
    ring = ring_of(values.reshape(-1, 2) if len(values) % 2 == 0 else None, where)
    if ring.min() < -_BEYOND or ring.max() > 1 + _BEYOND:
        raise InputError(
            f"{where} has the coordinate {max(ring.min(), ring.max(), key=abs):g}; shares of the image's width and "
            "height, from 0 to 1, were expected: divide pixels by them."
        )
    height, width = labels.shape
    ring = ring * (width, height)
    cut = outside(ring, (height, width), where)
    paint(labels, [ring], label_of(names.get(number, number), classes, where))
    return cut
