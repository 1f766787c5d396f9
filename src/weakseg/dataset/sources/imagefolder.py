"""Hugging Face's imagefolder: images, and `metadata.jsonl` or `metadata.csv` that says what they show."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from weakseg.dataset.documents import cell, decoded
from weakseg.dataset.entries import Entry, Found, images_below, no_entries, split_named
from weakseg.dataset.folders import Names, need_folder
from weakseg.dataset.sources.declaration import EntrySource, no_class
from weakseg.dataset.sources.folders import by_folders
from weakseg.dataset.spreadsheet import read_columns
from weakseg.dataset.wording import examples, shown
from weakseg.errors import InputError
from weakseg.settings.section import ClassName, FilePath

FILES = ("metadata.jsonl", "metadata.csv")
USUAL = ("label", "labels", "objects.categories", "objects.category", "objects.label", "category", "class")
"""Columns of labels that are looked for, the first that is there."""
_LONGEST = 1 << 24  # bytes of a line


class ImageFolderSource(EntrySource):
    """Hugging Face's imagefolder: metadata.jsonl or metadata.csv beside the images, else a folder for each class."""

    name = "imagefolder"
    title = "Hugging Face's imagefolder"
    made_by = "read_imagefolder"

    images: FilePath = "images"
    """The folder, or that of the folders `train`, `validation` and `test`."""
    label: str | None = Field(None, max_length=200)
    """Column of the labels: a name, a number, or a list of them; `objects.categories` is a key inside a key. `null`:
    label, labels, objects.categories, category or class, the first that is there."""
    names: list[ClassName] = Field(default_factory=list, max_length=254)
    """Names of the numbers 0, 1, …, as a ClassLabel has them; empty where labels are names."""
    negatives: list[str] = no_class()
    """Labels, or folders, that stand for none of the classes, in any capitals."""

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """A file of metadata in it or in the folder of a split."""
        splits = [path for path in sorted(folder.glob("*/")) if split_named(path.name)]
        there = any((place / name).is_file() for place in (folder, *splits) for name in FILES)
        return {"images": folder.as_posix()} if there else None


def read_imagefolder(source: ImageFolderSource) -> Found:
    """An entry for each line of the metadata.

    Raises:
        InputError: the folder, a file or a label is wrong.
    """
    root, key = Path(source.images), "dataset.imagefolder.images"
    need_folder(root, key, "images and metadata.jsonl")
    names = Names(root)
    files = [path for path in names.by_folder if path.rpartition("/")[2] in FILES]
    parquet = next((path for path in names.by_folder if path.endswith("metadata.parquet")), None)
    if parquet is not None and not files:
        raise InputError(
            f"{root / parquet} is not read; metadata.jsonl or metadata.csv was expected: convert it."
        )
    empty = {name.casefold() for name in source.negatives}
    if files:
        entries = [entry for path in files for entry in _of_file(source, root, path, empty)]
    else:
        entries = [*by_folders(root, images_below(names), empty)]
    if not entries:
        raise no_entries(root, key, "a folder of images and metadata.jsonl")
    classes = [name for name in source.names if name.casefold() not in empty]
    return Found(entries, {"": root}, root, key, classes if files else (), names={"": names})


def _of_file(source: ImageFolderSource, root: Path, path: str, empty: set[str]) -> Iterator[Entry]:
    """The entries of a file of metadata; its `file_name` is a path below its own folder."""
    folder = path.rpartition("/")[0]
    split = next((found for part in folder.split("/") if (found := split_named(part))), None)
    rows = _of_table(root / path) if path.endswith(".csv") else _of_lines(root / path)
    column = source.label
    for number, row in rows:
        where = f"{root / path} line {number}"
        image = row.get("file_name")
        if not isinstance(image, str) or not image:
            raise InputError(
                f"{where} has no file_name; the path of an image beside it was expected: add it."
            )
        column = column or _column(row, where)
        labels = _labels(_inside(row, column, where), source.names, where)
        given = row.get("split")
        yield Entry(
            f"{folder}/{image}" if folder else image,
            tuple(name for name in labels if name.casefold() not in empty),
            split or (split_named(given) if isinstance(given, str) else None),
        )


def _of_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of each line of JSON."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST + 1), b""), start=1):
                if len(line) > _LONGEST:
                    raise InputError(f"{path} line {number} has more than {_LONGEST:,} bytes; correct it.")
                if line.strip():
                    expected = "a mapping with file_name and label"
                    yield (
                        number,
                        decoded(line.removeprefix(b"\xef\xbb\xbf"), dict, f"{path} line {number}", expected),
                    )
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); correct that.") from None


def _of_table(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and cells of each row; a cell that is a list in JSON is one."""
    header, rows = read_columns(path, ["file_name"], "dataset.imagefolder.images")
    for number, row in enumerate(rows, start=2):
        yield number, {name: cell(value) for name, value in zip(header, row, strict=False)}


def _column(row: Mapping[str, Any], where: str) -> str:
    """The column of the labels."""
    for name in USUAL:
        first, _, second = name.partition(".")
        if first in row and (not second or (isinstance(row[first], dict) and second in row[first])):
            return name
    raise InputError(
        f"{where} has the keys {examples([*row], most=20)}, none of which is known to hold labels; set "
        "dataset.imagefolder.label to the one that does."
    )


def _inside(row: Mapping[str, Any], column: str, where: str) -> Any:
    held: Any = row
    for part in column.split("."):
        if not isinstance(held, dict) or part not in held:
            raise InputError(
                f"{where} has no {column}; what the image shows was expected there (null where nothing): add it, or "
                "correct dataset.imagefolder.label."
            )
        held = held[part]
    return held


def _labels(held: Any, names: Sequence[str], where: str) -> list[str]:
    """The names that a value means.

    Raises:
        InputError: it is neither a name nor a number with a name.
    """
    given = held if isinstance(held, list) else [] if held is None or held == "" else [held]
    labels = []
    for label in given:
        number = int(label) if names and isinstance(label, str) and label.isdecimal() else label
        if isinstance(number, str):
            labels.append(number.strip())
        elif isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(names):
            labels.append(names[number])
        else:
            raise InputError(
                f"{where} has the label {shown(repr(label))}; a name was expected, or a number and its name in the "
                f"list dataset.imagefolder.names, which has {len(names)}: correct one of them."
            )
    return [label for label in dict.fromkeys(labels) if label]
