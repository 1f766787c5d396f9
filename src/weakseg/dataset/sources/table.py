"""Your own images: a folder and a table `image, labels, split`."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from weakseg.dataset.sources.declaration import Source
from weakseg.settings.section import ClassName, FilePath

if TYPE_CHECKING:
    from weakseg.dataset.settings import DatasetConfig


class TableSource(Source):
    """Your own images: a folder and a table."""

    name = "table"
    title = "a folder and a table"
    made_by = "list_configured"

    images: FilePath = "images"
    """Folder of the images."""
    labels: FilePath = "labels.csv"
    """CSV with the columns `image`, `labels` (names joined by `|`) and `split` (`train` or `val`)."""
    masks: FilePath | None = None
    """Folder of label PNGs named like the images; used for scoring only. Images without one are not
    scored."""
    all_classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in the order of the masks' indices 1, 2, …; empty means the order of `dataset.classes`.
    Names here that are not in `dataset.classes` are known but left out: neither trained nor scored."""
    lists: dict[Literal["train", "val"], FilePath] = Field(default_factory=dict)
    """Optional text files of ids per split; they replace the table's `split` column. Both, or none."""

    @model_validator(mode="after")
    def _both_lists(self) -> Self:
        if len(self.lists) == 1:
            given, lacking = ("train", "val") if "train" in self.lists else ("val", "train")
            raise ValueError(
                f"lists has '{given}' alone, and with lists the table's column split is not read; both were expected: "
                f"add '{lacking}'"
            )
        return self

    def check(self, section: Any) -> None:
        """Its labels are compared with the list of the classes."""
        super().check(section)
        if not section.classes:
            raise ValueError("dataset.source 'table' needs dataset.classes, the ordered list of class names")


from weakseg.dataset.check import check_records
from weakseg.dataset.faults import BadImage, Fault, Faults, bad_image
from weakseg.dataset.folders import Names, bare, file_of, left_out, need_folder, none_found, stem_length
from weakseg.dataset.image_names import check_id
from weakseg.dataset.index import Index, Listing
from weakseg.dataset.masks import find_masks, found_line
from weakseg.dataset.negatives import without_negatives
from weakseg.dataset.records import SPLITS, Record
from weakseg.dataset.spreadsheet import read_list, read_table
from weakseg.dataset.unlisted import Unlisted
from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError

COLUMNS = ("image", "labels", "split")


def list_configured(source: TableSource, settings: "DatasetConfig", folder: Path) -> Listing:
    """The images as configured."""
    return list_table(
        Path(source.images),
        Path(source.labels),
        Path(source.masks) if source.masks else None,
        settings.classes,
        source.all_classes,
        {split: Path(path) for split, path in source.lists.items()},
        unlisted=settings.unlisted,
        unlabelled=settings.unlabelled,
    )


def list_table(
    images: Path,
    labels: Path,
    masks: Path | None,
    classes: Sequence[str],
    all_classes: Sequence[str] = (),
    lists: Mapping[str, Path] | None = None,
    *,
    unlisted: str = "refuse",
    unlabelled: str = "negative",
) -> Listing:
    """List the images of a table without opening them.

    Args:
        images: folder of the images; the table's `image` is a path below it, with or without extension.
        labels: CSV with the columns `image`, `labels` and, without `lists`, `split`.
        masks: folder of label PNGs named like the images, or `None`.
        classes: the chosen classes, in order.
        all_classes: names of the masks' indices 1, 2, …; empty means `classes`.
        lists: split → text file of ids; they replace the `split` column, other rows are left out.
        unlisted, unlabelled: as in `DatasetConfig`.

    Raises:
        InputError: the table is wrong, or none of its images or masks was found.
    """
    names = list(all_classes) or list(classes)
    _check_classes(classes, names)
    rows = read_table(labels, COLUMNS[: 2 if lists else 3], "dataset.table.labels")
    wanted = _splits(rows, lists or {}, labels)
    need_folder(images, "dataset.table.images", "images", [*wanted])
    cells = Unlisted(classes, names, ignore=unlisted == "ignore")
    there = Names(images)
    records, bad = _records(there, labels, rows, wanted, cells)
    notes = cells.notes()
    if unlabelled == "leave_out":
        records, about = without_negatives(records)
        notes += about
    elsewhere = [row["image"] for row in rows if row["image"] not in wanted]
    if elsewhere:
        count = counted(len(elsewhere), "row")
        notes.append(f"{count} of {labels} in none of the lists, left out: {examples(elsewhere)}")
    if masks is None:
        notes.append("no masks: nothing is scored")
    else:
        files = find_masks(masks, [record.id for record in records])
        records = [replace(record, mask=file) for record, file in zip(records, files, strict=True)]
        notes.append(found_line(records))
    index = Index(
        records=tuple(records),
        classes=tuple(classes),
        mask_values=(0, *(names.index(name) + 1 for name in classes)),
        bad=bad,
        notes=notes + left_out(there, masks, (row["image"] for row in rows), labels),
    )
    check_records(index)
    return Listing(index, len(names), "dataset.table")


def _check_classes(classes: Sequence[str], names: Sequence[str]) -> None:
    missing = [name for name in classes if name not in names]
    if missing:
        near = difflib.get_close_matches(missing[0], names, n=1)
        meant = f"did you mean '{near[0]}'?" if near else "correct one of the two."
        raise InputError(
            f"the chosen class '{missing[0]}' is not in the list of all classes of the masks "
            f"(dataset.table.all_classes), {examples(names, most=20)}: {meant}"
        )


def _records(
    names: Names,
    table: Path,
    rows: list[dict[str, str]],
    wanted: dict[str, str],
    cells: Unlisted,
) -> tuple[list[Record], list[BadImage]]:
    """A record (without mask) of each row whose file exists; the others with the reason."""
    records: list[Record] = []
    bad: list[BadImage] = []
    faults = Faults()
    if not names.files and len(wanted) > 1:
        raise none_found(names, table, [*wanted])
    for row in rows:
        name = row["image"]
        if name not in wanted:
            continue
        shown: tuple[str, ...] = ()
        try:
            shown = cells.read(row["labels"], name)
        except InputError as error:
            faults.add(name, error)
        try:
            path = file_of(names, name)
        except InputError as error:
            bad.append(bad_image(name, error))
            continue
        records.append(Record(path[: stem_length(path)], names.root / path, wanted[name], shown, None))
    try:
        cells.refuse(table)
    except InputError as error:
        faults.add(cells.first, error)
    faults.refuse(table)
    if len(bad) > 1 and not records:
        raise none_found(names, table, [item.id for item in bad])
    return records, bad


def _splits(rows: list[dict[str, str]], lists: Mapping[str, Path], table: Path) -> dict[str, str]:
    """Image name → split, from the lists if given, else from the table."""
    faults = Faults()
    for row in rows:
        try:
            check_id(row["image"])
        except InputError as error:
            faults.add(row["image"], error)
        if not lists and row["split"] not in SPLITS:
            faults.add(row["image"], _split_fault(row, table))
    faults.refuse(table)
    if not lists:
        return {row["image"]: row["split"] for row in rows}
    named = {row["image"] for row in rows}
    wanted: dict[str, str] = {}
    for split, path in lists.items():
        for image_id in read_list(path):
            if image_id not in named:
                raise InputError(
                    f"image {image_id[:60]!r} of {path} is not in {table}; {_row(image_id, named)}"
                )
            if image_id in wanted:
                raise InputError(
                    f"image '{image_id}' occurs twice in the split lists; an id may be in one split once."
                )
            wanted[image_id] = split
    return wanted


def _split_fault(row: Mapping[str, str], table: Path) -> Fault:
    wrong = f"in the split {row['split'][:60]!r}; one of {', '.join(SPLITS)} was expected: correct the row"
    return Fault(
        f"image '{row['image']}' of {table} is {wrong}.", f"split {row['split']}", f"of {table} are {wrong}s."
    )


def _row(image_id: str, named: Iterable[str]) -> str:
    """What to do about an id of a list without a row."""
    meant = next((name for name in named if bare(name).casefold() == bare(image_id).casefold()), None)
    if meant is None:
        return "add its row or drop it from the list."
    return f"the table calls it '{meant}': write the same name in both."
