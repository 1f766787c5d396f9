"""PNGs of one class index a pixel, as weakseg keeps them; the names of the classes stand in the file."""

from weakseg.formats.declaration import Format


class Png(Format):
    """Palette PNGs in VOC's colours, 255 undecided."""

    name = "png"
    title = "any viewer, napari, weakseg itself"
    keeps_undecided = True
    names_images = False
    reads_back = True


from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from weakseg.errors import InputError
from weakseg.formats.items import Bad, Images, Item, Options, Written, each, label_of
from weakseg.formats.regions import labels_in, numbered
from weakseg.formats.tree import LARGEST_IMAGE, opened
from weakseg.storage.atomic import atomic_folder
from weakseg.storage.labels import UNDECIDED, classes_in, decode_labels, write_labels


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT/<image>.png of every image."""
    with atomic_folder(out) as folder:

        def add(item: Item) -> None:
            write_labels(folder / f"{item.stem}.png", item.labels, classes)
            regions = sum(numbered(item.labels == label)[0] for label in labels_in(item.labels))
            written.count(item, regions, keeps_undecided=True)

        yield add


def read(path: Path, classes: Sequence[str], images: Images) -> Iterator[Item | Bad]:
    """The PNGs of a folder or ZIP; indices are those of the names in the file, or else of `classes`."""
    with opened(path) as tree:
        names = tree.ending(".png")
        if not names:
            raise InputError(f"{path} holds no PNG; label maps named like their images were expected.")

        def make(name: str) -> Item:
            image_id = images.find(name)
            content, where = tree.content(name, LARGEST_IMAGE), tree.where(name)
            labels = decode_labels(content, where, images.size(image_id))
            return Item(image_id, None, _as_now(labels, classes_in(content), classes, where))

        yield from each(names, str, make)


def _as_now(
    labels: np.ndarray, drawn: Sequence[str] | None, classes: Sequence[str], where: str
) -> np.ndarray:
    """Labels by today's places of the classes that a file names.

    Raises:
        InputError: an index is no class.
    """
    names = classes if drawn is None else drawn
    lookup = np.arange(256, dtype=np.uint8)
    for index in labels_in(labels):
        if index > len(names):
            raise InputError(
                f"{where} holds the index {index}; 0…{len(names)} or {UNDECIDED} (undecided) was expected: correct it."
            )
        lookup[index] = label_of(names[index - 1], classes, where)
    moved: np.ndarray = lookup[labels]
    return moved
