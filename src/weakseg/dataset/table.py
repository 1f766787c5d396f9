"""Your own images: a folder and a table `image, labels, split`."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weakseg.dataset.check import check_records
from weakseg.dataset.faults import BadImage, Fault, Faults, bad_image
from weakseg.dataset.folders import Names, bare, left_out, need_folder, none_found, stem_length
from weakseg.dataset.images import check_id, file_names, find_image, not_found
from weakseg.dataset.index import Index, Listing
from weakseg.dataset.masks import find_masks, found_line
from weakseg.dataset.negatives import without_negatives
from weakseg.dataset.records import SPLITS, Record
from weakseg.dataset.spreadsheet import read_list, read_table
from weakseg.dataset.unlisted import Unlisted
from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError, started_in

COLUMNS = ("image", "labels", "split")


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
            path = _file(names, name)
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


def _file(names: Names, name: str) -> str:
    """The path of a row's file below the folder, in any Unicode form of its name.

    Raises:
        InputError: there is none; the message names a similar file.
    """
    spellings = file_names(name)
    listed = names.first(spellings)
    if listed is not None:
        return listed
    try:
        if names.may_hold(name):
            return find_image(names.root, name).relative_to(names.root).as_posix()
        raise not_found(names.root, name)
    except InputError as error:
        same = names.same(spellings)
        if same is not None and (names.root / same).is_file():
            return same
        kind, near = names.similar(name)
        where = f"{names.root}{started_in(names.root)}"
        if near:
            one = f"image '{name}' was not found in {where}, but {near}."
            raise Fault(one, kind, f"are not in {where}; for '{name}', {near}.") from None
        if (names.root / name).is_dir() or (names.root / name).is_symlink():
            raise
        many = f"are not in {where}, which {names.holds()}: add the files or drop their rows."
        raise Fault(str(error), "absent", many) from None


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
