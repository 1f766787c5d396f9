"""The common form of what a source says: an entry for each image. `listed.py` makes the index's records of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weakseg.dataset.folders import Names, extension
from weakseg.dataset.image_names import EXTENSIONS
from weakseg.errors import InputError

TRAIN, VAL, TEST = "train", "val", "test"
_SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a source says of one image.

    Attributes:
        image: path below its folder, `/` between the parts, with or without extension.
        labels: names of what it shows.
        split: `train`, `val`, `test` (which is left out) or `None`, where the source does not say.
        group: name of its burst, patient, slide or video; `None` where the source does not say.
        folder: key of its folder in `Found.folders`.
    """

    image: str
    labels: tuple[str, ...] = ()
    split: str | None = None
    group: str | None = None
    folder: str = ""


@dataclass(frozen=True)
class Found:
    """What a source says of all images.

    Attributes:
        entries: in a fixed order.
        folders: key → folder of images. An image's id starts with the key, where that is not empty.
        where: the file or folder that says so, for messages.
        key: what names the images' folder in the configuration, such as `dataset.yolo.data`.
        classes: every name that labels may have, in the source's order; empty where labels alone tell them.
        notes: remarks, a sentence each.
        whole: whether images of the folders that are not among the entries are worth a line.
    """

    entries: Sequence[Entry]
    folders: Mapping[str, Path]
    where: Path
    key: str
    classes: Sequence[str] = ()
    notes: Sequence[str] = ()
    whole: bool = True
    names: Mapping[str, Names] = field(default_factory=dict)
    """Key → files of the folder, where the source listed them."""
    origins: Mapping[str, Path] = field(default_factory=dict)
    """Split of an entry → the file that lists it, where that may hold its mask."""

    def files(self, key: str) -> Names:
        """The files of a folder."""
        return self.names.get(key) or Names(self.folders[key])


def split_named(text: str) -> str | None:
    """`train`, `val` or `test` for a folder's or cell's name of a split in any usual spelling; `None` for others."""
    return _SPLITS.get(text.strip().lower())


def images_below(names: Names) -> list[str]:
    """Paths of the images below a folder, in order."""
    return [path for path in names.by_folder if extension(path) in EXTENSIONS]


def no_entries(where: Path, key: str, expected: str) -> InputError:
    """The error if a source has no image."""
    return InputError(f"{key} {where} has no image; {expected} was expected: correct the path or add images.")
