"""Tables of other tools: a column for each class, or several labels in one cell; a row for each image or label."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from weakseg.dataset.entries import Entry, Found, split_named
from weakseg.dataset.sources.declaration import EntrySource, no_class
from weakseg.dataset.spreadsheet import read_columns
from weakseg.dataset.wording import counted, examples, shown
from weakseg.errors import InputError
from weakseg.settings.section import FilePath

_PRESENT = {"1", "1.0", "true", "yes", "y", "x"}
_ABSENT = {"", "0", "0.0", "false", "no", "n"}
_IMAGES = (
    "image",
    "image_id",
    "file_name",
    "filename",
    "file",
    "image_path",
    "path",
    "image_name",
    "img",
    "id",
)
_LABELS = ("labels", "label", "class", "category", "tags", "class_name")
_SPLITS = ("split", "subset")
_LONGEST = 10_000  # characters of a cell with a list in Python's or JSON's spelling


class ColumnsSource(EntrySource):
    """A table with a column of 0 and 1 for each class, or with several labels in a cell, as pandas writes them."""

    name = "columns"
    title = "a table with columns of labels"
    made_by = "read_table_of_columns"

    table: FilePath = "labels.csv"
    """CSV whose first line names the columns."""
    images: FilePath = "images"
    """Folder of the images."""
    image: str = Field("image", min_length=1, max_length=200)
    """Column of the images' paths below the folder, with or without extension. Rows of the same image are joined."""
    labels: str | None = Field(None, max_length=200)
    """Column of labels, several between `separator`s or as a list `['cat', 'dog']`. `null`: a column for each class."""
    separator: str = Field("|", min_length=1, max_length=20)
    """Between the labels of a cell; ` ` takes blanks."""
    one_hot: list[str] = Field(default_factory=list, max_length=254)
    """Columns of 0 and 1, each named like its class; empty: all columns, besides the others named here, that hold
    nothing else."""
    split: str | None = Field(None, max_length=200)
    """Column with `train`, `val` or `test`; `null`: divided by dataset.split."""
    group: str | None = Field(None, max_length=200)
    """Column of patient, slide, video or burst, which dataset.split does not tear; `null`: none."""
    negatives: list[str] = no_class()
    """Labels that stand for none of the classes, in any capitals."""

    @classmethod
    def seen_labels(cls, labels: Path, images: Path) -> dict[str, Any] | None:
        """A table with a column that is known to name images."""
        try:
            header, rows = read_columns(labels, [], "--labels")
        except InputError:
            return None
        places = {name.lower(): number for number, name in reversed([*enumerate(header)])}
        image, column, split = (
            next((places[name] for name in names if name in places), None)
            for names in (_IMAGES, _LABELS, _SPLITS)
        )
        if image is None:
            return None
        values = {"table": labels.as_posix(), "images": images.as_posix(), "image": header[image]}
        if column is not None:
            values |= {"labels": header[column], "separator": _separator([row[column] for row in rows])}
        return values if split is None else values | {"split": header[split]}


def read_table_of_columns(source: ColumnsSource) -> Found:
    """An entry for each image of the table.

    Raises:
        InputError: the table or one of its values is wrong.
    """
    path = Path(source.table)
    named = [source.image, *filter(None, (source.labels, source.split, source.group)), *source.one_hot]
    header, rows = read_columns(path, named, "dataset.columns.table")
    place = {name.lower(): number for number, name in reversed([*enumerate(header)])}
    at = {
        key: place[value.lower()]
        for key in ("image", "labels", "split", "group")
        if (value := getattr(source, key))
    }
    flags = [] if source.labels else _flag_columns(source, header, rows, {*at.values()}, place)
    joined: dict[str, Entry] = {}
    for number, row in enumerate(rows, start=2):
        labels = _flagged(path, number, row, header, flags) if flags else _listed(row[at["labels"]], source)
        one = Entry(
            row[at["image"]],
            _without(labels, source.negatives),
            _split(path, row[at["split"]]) if "split" in at else None,
            (row[at["group"]] or None) if "group" in at else None,
        )
        before = joined.get(one.image)
        joined[one.image] = one if before is None else _both(path, before, one)
    notes = [
        f"{counted(len(rows) - len(joined), 'row')} of {path} name an image again: their labels are joined"
    ]
    if flags:
        notes.append(
            f"columns of {path} read as classes: {examples([header[flag] for flag in flags], most=20)}"
        )
    return Found(
        [*joined.values()],
        {"": Path(source.images)},
        path,
        "dataset.columns.images",
        [header[flag] for flag in flags if header[flag].casefold() not in _folded(source.negatives)],
        notes[len(rows) == len(joined) :],
    )


def _flag_columns(
    source: ColumnsSource,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    taken: set[int],
    place: dict[str, int],
) -> list[int]:
    """The places of the classes' columns.

    Raises:
        InputError: there are none.
    """
    if source.one_hot:
        return [place[name.lower()] for name in source.one_hot]
    found = [
        number
        for number in range(len(header))
        if number not in taken
        and header[number]
        and all(row[number].lower() in _PRESENT | _ABSENT for row in rows)
        and any(row[number] for row in rows)
    ]
    if not found:
        raise InputError(
            f"{source.table} has the columns {examples(header, most=20)}, and none of them holds only 0 and 1; one for "
            "each class was expected: name them in dataset.columns.one_hot, or the column of labels in "
            "dataset.columns.labels."
        )
    return found


def _flagged(
    path: Path, number: int, row: Sequence[str], header: Sequence[str], flags: Sequence[int]
) -> list[str]:
    labels = []
    for flag in flags:
        value = row[flag].lower()
        if value not in _PRESENT | _ABSENT:
            raise InputError(
                f"{path} row {number} has {shown(row[flag])!r} in the column {header[flag]}; 0 or 1 was expected: "
                "correct it, or name the columns of the classes in dataset.columns.one_hot."
            )
        if value in _PRESENT:
            labels.append(header[flag])
    return labels


def _listed(cell: str, source: ColumnsSource) -> list[str]:
    """The labels of a cell."""
    if cell[:1] in ("[", "(", "{") and len(cell) <= _LONGEST:
        for read in (json.loads, ast.literal_eval):
            try:
                held: Any = read(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
            if isinstance(held, list | tuple | set) and all(isinstance(name, str) for name in held):
                return [name.strip() for name in held]
    parts = cell.split() if source.separator == " " else cell.split(source.separator)
    return [part.strip() for part in parts if part.strip()]


def _without(labels: Sequence[str], negatives: Sequence[str]) -> tuple[str, ...]:
    empty = _folded(negatives)
    return tuple(name for name in dict.fromkeys(labels) if name.casefold() not in empty)


def _folded(names: Sequence[str]) -> set[str]:
    return {name.casefold() for name in names}


def _split(path: Path, cell: str) -> str | None:
    """The split of a cell; `None` for an empty one."""
    split = split_named(cell)
    if cell and split is None:
        raise InputError(
            f"{path} has the split {shown(cell)!r}; train, val or test was expected: correct it."
        )
    return split


def _both(path: Path, before: Entry, one: Entry) -> Entry:
    """Two rows of one image."""
    if (before.split, before.group) != (one.split, one.group):
        raise InputError(
            f"{path} has two rows of image '{shown(one.image)}' with different splits or groups; one image belongs to "
            "one: correct them."
        )
    return Entry(one.image, tuple(dict.fromkeys((*before.labels, *one.labels))), one.split, one.group)


def _separator(cells: Sequence[str]) -> str:
    """What stands between the labels of a column's cells; blanks, if their parts are also labels alone."""
    found = next((sign for sign in ("|", ";", ",") if any(sign in cell for cell in cells)), None)
    if found is not None:
        return found
    alone = {cell for cell in cells if " " not in cell}
    parts = {part for cell in cells if " " in cell for part in cell.split()}
    return " " if parts and parts <= alone else "|"
