"""What `weakseg init` sees in a folder of images and a table."""

import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.dataset.dividing import divided
from weakseg.dataset.faults import BadImage
from weakseg.dataset.images import image_size
from weakseg.dataset.records import Record
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.sources import SOURCES
from weakseg.dataset.sources.table import list_table
from weakseg.dataset.spreadsheet import columns_of, read_table
from weakseg.dataset.wording import examples
from weakseg.errors import InputError
from weakseg.run.init import found
from weakseg.run.init.masks import mask_classes
from weakseg.settings.reading import parse

SAMPLE = 200
"""Images whose size is read."""


@dataclass(frozen=True)
class Seen:
    """Images, labels, split and masks.

    Attributes:
        where: folder and table, for people.
        source: name of the source.
        section: its values.
        classes: all classes of the labels: in the order of the masks' values or of the source, else the most frequent
            first.
        records: the images that exist, with split and labels.
        bad: those that do not.
        split: image as in the table → split, where the table has none; else empty.
        notes: what was seen of masks and of the split, a sentence each.
        sides: longest side of some images, pixels.
    """

    where: str
    source: str
    section: dict[str, Any]
    classes: tuple[str, ...]
    records: tuple[Record, ...]
    bad: Sequence[BadImage]
    split: dict[str, str]
    notes: tuple[str, ...]
    sides: tuple[int, ...]

    def of_split(self, name: str) -> list[Record]:
        """The images of a split."""
        return [record for record in self.records if record.split == name]


def see_source(source: str, section: dict[str, Any], folder: Path) -> Seen:
    """Look at data as another tool lays them out.

    Args:
        source: name of the source.
        section: its values.
        folder: what was given.

    Raises:
        InputError: the data are wrong.
    """
    settings = parse(DatasetConfig, {"source": source, source: section}, str(folder))
    index = settings.own.listing(settings, folder).index
    shown = {name for record in index.records for name in record.labels}
    classes = tuple(name for name in index.classes if name in shown)
    notes = [note for note in index.notes if not note.startswith("no masks")]
    if len(classes) < len(index.classes):
        notes.append(f"in no image: {examples([name for name in index.classes if name not in shown])}")
    return Seen(
        where=f"{folder}, {SOURCES[source].title}",
        source=source,
        section=section,
        classes=classes,
        records=tuple(index.records),
        bad=index.bad,
        split={},
        notes=(*(f"{note[:1].upper()}{note[1:]}." for note in notes), *filter(None, [SOURCES[source].doubt])),
        sides=_sides(tuple(index.records)),
    )


def see(images: Path, labels: Path, masks: Path | None) -> Seen:
    """Look at a folder, its table and its masks; masks that were not given are looked for.

    Raises:
        InputError: the table or a given folder is wrong.
    """
    rows = read_table(labels, found.COLUMNS, "--labels")
    shown = {row["image"]: _names(row["labels"]) for row in rows}
    classes = _classes(labels, shown)
    split = _split(labels, shown)
    with tempfile.TemporaryDirectory() as folder:
        lists = write_lists(Path(folder), split)
        index = list_table(images, labels, None, classes, lists=lists).index
    records = tuple(index.records)
    folder_of_masks = masks or found.find_masks(images, [record.id for record in records])
    order: Sequence[str] = ()
    notes: list[str] = []
    if folder_of_masks is not None:
        told = mask_classes(folder_of_masks, records, classes)
        if isinstance(told, str):
            remark = f"{folder_of_masks} is not used as masks: {told}"
            if masks is not None:
                raise InputError(f"{remark}; give another folder, or set masks and all_classes by hand.")
            notes, folder_of_masks = [f"{remark}."], None
        else:
            order, notes = told, [f"Masks, for scores alone: {folder_of_masks}."]
    ours = [name for name in order if name in classes]
    section: dict[str, Any] = {
        "images": images.as_posix(),
        "labels": labels.as_posix(),
        "masks": None if folder_of_masks is None else folder_of_masks.as_posix(),
    }
    if list(order) != ours:
        section["all_classes"] = [*order]
    return Seen(
        where=f"{images}, labelled by {labels}",
        source="table",
        section=section,
        classes=tuple(ours or classes),
        records=records,
        bad=index.bad,
        split=split,
        notes=tuple(notes),
        sides=_sides(records),
    )


def write_lists(folder: Path, split: dict[str, str], prefix: str = "") -> dict[str, Path]:
    """Write the images of each split into a text file; split → file."""
    lists = {}
    for name in ("train", "val") if split else ():
        lists[name] = folder / f"{prefix}{name}.txt"
        lists[name].write_text(list_text(split, name), encoding="utf-8")
    return lists


def list_text(split: dict[str, str], name: str) -> str:
    """The images of a split, one a line."""
    return "".join(f"{image}\n" for image, of in split.items() if of == name)


def _names(cell: str) -> list[str]:
    return [unicodedata.normalize("NFC", name.strip()) for name in cell.split("|") if name.strip()]


def _classes(labels: Path, shown: dict[str, list[str]]) -> list[str]:
    """All classes, the most frequent first.

    Raises:
        InputError: there are none, or two that differ in capital letters alone.
    """
    count = Counter(name for names in shown.values() for name in dict.fromkeys(names))
    if not count:
        raise InputError(
            f"the column labels of {labels} is empty; what each image shows was expected, joined by '|': fill it in."
        )
    spelled: dict[str, str] = {}
    for name in count:
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{labels} has the classes '{other}' ({count[other]:,}) and '{name}' ({count[name]:,}); one spelling "
                "was expected: correct the table."
            )
    return sorted(count, key=lambda name: (-count[name], name))


def _split(labels: Path, shown: dict[str, list[str]]) -> dict[str, str]:
    """A made-up split, where the table's column is missing or empty."""
    if "split" in columns_of(labels):
        given = read_table(labels, (*found.COLUMNS, "split"), "--labels")
        if any(row["split"] for row in given):
            return {}
    return divided(shown)


def _sides(records: Sequence[Record]) -> tuple[int, ...]:
    """Longest sides of images spread over the table; damaged ones are told when the run starts."""
    sides = []
    for record in records[:: -(-len(records) // SAMPLE)] if records else ():
        try:
            sides.append(max(image_size(record.image)))
        except InputError:
            continue
    return tuple(sides)
