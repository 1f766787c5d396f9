"""What formats exchange with the rest: label maps, the images they belong to, and what was lost."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED

Entry = TypeVar("Entry")
MOST = 8  # names that one sentence lists


@dataclass(frozen=True)
class Item:
    """The label map of one image.

    Attributes:
        id: of the image in its run, a path without `..`.
        image: its file, if it is known.
        labels: H×W `uint8`, 0 background, i the class `classes[i - 1]`, 255 undecided.
        split: `train` or `val`, for formats that have splits.
        decisions: `accepted`, `rejected` or `flagged` → whether, as far as somebody has decided.
        notes: what a reader noticed, in words.
    """

    id: str
    image: Path | None
    labels: np.ndarray
    split: str = "train"
    decisions: Mapping[str, bool] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def file_name(self) -> str:
        """The image's name in a tool: the id with the extension of its file."""
        suffix = self.image.suffix if self.image is not None else ""
        return self.id if suffix and self.id.lower().endswith(suffix.lower()) else self.id + suffix

    @property
    def stem(self) -> str:
        """The image's name in a tool without an extension, for files named like the image."""
        return self.file_name.removesuffix(self.image.suffix) if self.image is not None else self.id


@dataclass(frozen=True)
class Bad:
    """An image of a file that cannot be taken: its name there, and a sentence."""

    name: str
    reason: str


@dataclass(frozen=True)
class Options:
    """How label maps are written.

    Attributes:
        tolerance: of polygons, in pixels: the largest distance of a dropped corner from the line that replaces it.
        image_url: what stands before an image's name in Label Studio's tasks.
    """

    tolerance: float = 0.5
    image_url: str = "/data/local-files/?d="


@dataclass
class Written:
    """What a writer wrote, and what its format has no place for.

    Attributes:
        images: number of label maps.
        regions: number of connected regions.
        lost: what was lost → number of images, and of pixels or regions.
    """

    images: int = 0
    regions: int = 0
    lost: dict[str, tuple[int, int]] = field(default_factory=dict)

    def count(self, item: Item, regions: int, keeps_undecided: bool = False) -> None:
        """Note an image that was written."""
        self.images += 1
        self.regions += regions
        if not keeps_undecided:
            self.lose("undecided pixels (they are background there)", int((item.labels == UNDECIDED).sum()))

    def lose(self, what: str, amount: int) -> None:
        """Note what was lost of one image; nothing if the amount is 0."""
        if amount:
            images, before = self.lost.get(what, (0, 0))
            self.lost[what] = images + 1, before + amount

    def lines(self) -> list[str]:
        """What was lost, a line each."""
        return [
            f"lost: {amount:,} {what}, in {images:,} image{'s' if images > 1 else ''}"
            for what, (images, amount) in self.lost.items()
        ]


class Images:
    """The images of a run, found by the names that tools give them.

    Args:
        files: id → image file.
        size: height and width of an image file.
    """

    def __init__(self, files: Mapping[str, Path], size: Callable[[Path], tuple[int, int]]) -> None:
        self._files, self._size = files, size
        self._whole: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        for image_id in files:
            whole = _stem(image_id)
            self._whole.setdefault(whole, []).append(image_id)
            self._last.setdefault(whole.rpartition("/")[2], []).append(image_id)

    def find(self, name: str) -> str:
        """The id of an image that a tool calls `name`: with an extension or without, with its folders or without.

        Raises:
            InputError: no image has that name, or several have.
        """
        plain = str(PurePosixPath(name.replace("\\", "/"))).lstrip("/")
        stem = _stem(plain)
        for exact in (plain, stem):
            if exact in self._files:
                return exact
        last = [each for each in self._last.get(stem.rpartition("/")[2], []) if _agree(each, stem)]
        for found in (self._whole.get(stem, []), last):
            if len(found) == 1:
                return found[0]
            if found:
                raise InputError(
                    f"'{_short(name)}' is the name of {len(found)} images of the run ({', '.join(found[:MOST])}); one "
                    "was expected: keep the folders in the names."
                )
        raise InputError(
            f"'{_short(name)}' is not an image of the run ({len(self._files):,} images, such as "
            f"'{next(iter(self._files), '-')}'); name the file as the run names the image, or leave it out."
        )

    def size(self, image_id: str) -> tuple[int, int]:
        """Height and width of an image.

        Raises:
            InputError: its file is missing or damaged.
        """
        return self._size(self._files[image_id])


def _agree(image_id: str, name: str) -> bool:
    """Whether two names can be of one image: the folders that both give are the same, from the last one up."""
    pairs = zip(reversed(image_id.split("/")[:-1]), reversed(name.split("/")[:-1]), strict=False)
    return all(one == other for one, other in pairs)


def _stem(name: str) -> str:
    """A name without the extension of an image."""
    base, dot, extension = name.rpartition(".")
    return base if dot and "/" not in extension and extension.lower() in _EXTENSIONS else name


_EXTENSIONS = {"jpg", "jpeg", "jpe", "jfif", "png", "bmp", "webp", "tif", "tiff", "gif"}


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def each(
    entries: Iterable[Entry], name: Callable[[Entry], str], make: Callable[[Entry], Item]
) -> Iterator[Item | Bad]:
    """The items made of a file's entries; one that cannot be taken is named and stops no other."""
    for entry in entries:
        try:
            yield make(entry)
        except InputError as error:
            yield Bad(name(entry), str(error))


def label_of(
    name: object, classes: Sequence[str], where: str, others: Mapping[str, int] | None = None
) -> int:
    """The label of a class's name: its place among the classes, 0 for `background`.

    Args:
        name: as the file has it.
        classes: names without background.
        where: of the name, for messages.
        others: further names and their labels.

    Raises:
        InputError: there is no such class.
    """
    known = {"background": 0, **(others or {}), **{each: i for i, each in enumerate(classes, start=1)}}
    if isinstance(name, str) and name in known:
        return known[name]
    raise InputError(
        f"{where} has the class {_short(repr(name))}; one of the run's was expected ({', '.join(classes[:MOST])}"
        f"{', …' if len(classes) > MOST else ''}): rename or delete it there."
    )
