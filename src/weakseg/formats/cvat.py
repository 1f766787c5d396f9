"""CVAT's "Segmentation mask 1.1": a ZIP of coloured PNGs, one of classes and one of objects, and a table of colours."""

from weakseg.formats.declaration import Format


class Cvat(Format):
    """CVAT's ZIP, one object a region."""

    name = "cvat"
    title = "CVAT, Datumaro"
    suffix = ".zip"
    names_images = False
    reads_back = True


import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from weakseg.errors import InputError
from weakseg.formats.items import Bad, Images, Item, Options, Written, each, label_of
from weakseg.formats.regions import labels_in, numbered
from weakseg.formats.tree import LARGEST_IMAGE, Tree, opened, read_text, zipped
from weakseg.storage.labels import UNDECIDED, decode_pixels, voc_palette

CLASSES, OBJECTS, COLOURS, LIST = (
    "SegmentationClass",
    "SegmentationObject",
    "labelmap.txt",
    "ImageSets/Segmentation/default.txt",
)
MOST_OBJECTS = 255
"""Objects of an image: its readers know VOC's 256 colours, of which black is none."""
_FORBIDDEN = ":,#"
"""Characters that the table of colours has a use for."""


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT, a ZIP. Undecided pixels become background: their colour would be a class that no task declares.

    The table of colours must declare the background, and the PNGs of objects keep it from being painted.
    """
    odd = next((name for name in classes if set(name) & set(_FORBIDDEN)), None)
    if odd is not None:
        raise InputError(
            f"the class '{odd}' has one of the characters {' '.join(_FORBIDDEN)}, which CVAT's table of colours cannot "
            "hold; a name without them was expected: rename the class, or choose another format."
        )
    colours = voc_palette()
    names: list[str] = []
    with zipped(out) as write:

        def add(item: Item) -> None:
            decided = np.where(item.labels == UNDECIDED, 0, item.labels).astype(np.uint8)
            objects, regions = _objects(decided)
            for folder, values in ((CLASSES, decided), (OBJECTS, objects)):
                write(f"{folder}/{item.stem}.png", _png(values, colours))
            names.append(item.stem)
            written.count(item, regions)

        yield add
        rows = [
            f"{name}:{','.join(map(str, colours[i]))}::" for i, name in enumerate(("background", *classes))
        ]
        write(COLOURS, "\n".join(["# label:color_rgb:parts:actions", *rows, ""]).encode())
        write(LIST, "".join(f"{name}\n" for name in names).encode())


def _objects(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers of the objects of an image, `uint8` H×W, and how many regions there are.

    Above `MOST_OBJECTS` the smallest regions of a class are one object, which keeps their classes.
    """
    present = labels_in(labels)
    found = np.zeros(labels.shape, np.int64)
    for label in present:
        _, regions = numbered(labels == label)
        found[regions > 0] = regions[regions > 0] + found.max()
    sizes = np.bincount(found.ravel())
    largest = np.argsort(-sizes[1:], kind="stable") + 1
    lookup = np.zeros(len(sizes), np.uint8)
    alone = largest if len(largest) <= MOST_OBJECTS else largest[: MOST_OBJECTS - len(present)]
    lookup[alone] = np.arange(1, len(alone) + 1)
    objects: np.ndarray = lookup[found]
    for place, label in enumerate(present, start=len(alone) + 1):
        rest = (objects == 0) & (labels == label)
        objects[rest] = min(place, MOST_OBJECTS)
    return objects, len(largest)


def _png(values: np.ndarray, colours: np.ndarray) -> bytes:
    image = Image.fromarray(values, mode="P")
    image.putpalette(colours.tobytes())
    file = io.BytesIO()
    image.convert("RGB").save(file, format="PNG")
    return file.getvalue()


def read(path: Path, classes: Sequence[str], images: Images) -> Iterator[Item | Bad]:
    """The images of a ZIP, or of the folder that was unpacked from one.

    An image that the list names and that has no PNG shows none of the classes.
    """
    with opened(path) as tree:
        names = tree.names()
        table = next((name for name in names if name.rpartition("/")[2] == COLOURS), None)
        if table is None:
            raise InputError(
                f"{path} has no {COLOURS}; an export in CVAT's format 'Segmentation mask 1.1' was expected: export it "
                "again."
            )
        root = table.removesuffix(COLOURS)
        colours = _colours(tree, table, classes)
        masks = {
            name.removeprefix(f"{root}{CLASSES}/")[: -len(".png")]: name
            for name in names
            if name.startswith(f"{root}{CLASSES}/") and name.lower().endswith(".png")
        }

        def make(name: str) -> Item:
            image_id = images.find(name)
            size = images.size(image_id)
            if name not in masks:
                return Item(image_id, None, np.zeros(size, np.uint8))
            where = tree.where(masks[name])
            pixels = decode_pixels(tree.content(masks[name], LARGEST_IMAGE), where, size)
            return Item(image_id, None, _labels(pixels, colours, where))

        yield from each(dict.fromkeys([*masks, *_listed(tree, root)]), str, make)


def _colours(tree: Tree, table: str, classes: Sequence[str]) -> Mapping[int, int | str]:
    """Colour, as one number, → label, or the name of what is no class.

    Raises:
        InputError: the table is damaged.
    """
    found: dict[int, int | str] = {}
    for number, line in enumerate(read_text(tree, table).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        values = rest.partition(":")[0].split(",")
        if len(values) != 3 or not all(each.strip().isdecimal() and int(each) < 256 for each in values):
            raise InputError(
                f"{tree.where(table)} line {number} is {line[:80]!r}; 'name:red,green,blue::' was expected: export it "
                "again."
            )
        colour = _packed(np.array([int(each) for each in values]))
        try:
            found[int(colour)] = label_of(name, classes, tree.where(table))
        except InputError:
            found[int(colour)] = name  # a class that nobody painted does not matter
    return found


def _packed(colours: np.ndarray) -> np.ndarray:
    """RGB …×3 as one number each."""
    packed: np.ndarray = colours.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return packed


def _labels(pixels: np.ndarray, colours: Mapping[int, int | str], where: str) -> np.ndarray:
    """Labels H×W of RGB pixels H×W×3.

    Raises:
        InputError: a colour is that of no class.
    """
    painted, places = np.unique(_packed(pixels), return_inverse=True)
    lookup = np.zeros(len(painted), np.uint8)
    for place, colour in enumerate(painted.tolist()):
        label = colours.get(colour, 0 if colour == 0 else None)
        if not isinstance(label, int):
            rgb = f"({colour >> 16}, {colour >> 8 & 255}, {colour & 255})"
            found = f"the class '{label}'" if label else f"the colour {rgb}, which {COLOURS} does not declare"
            raise InputError(
                f"{where} shows {found}; classes of the run were expected: repaint it in CVAT, or take the class into "
                "the configuration."
            )
        lookup[place] = label
    labels: np.ndarray = lookup[places].reshape(pixels.shape[:2])
    return labels


def _listed(tree: Tree, root: str) -> list[str]:
    """Names of the images in the lists of an export."""
    lists = [name for name in tree.ending(".txt") if name.startswith(f"{root}ImageSets/Segmentation/")]
    lines = [line.strip() for name in lists for line in read_text(tree, name).splitlines()]
    return [line.strip('"') for line in lines if line and not line.startswith("#")]
