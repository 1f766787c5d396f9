"""Finds the folder of images, the table and the folder of masks, as far as they were not given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weakseg.dataset.folders import walk
from weakseg.dataset.image_names import EXTENSIONS, file_names
from weakseg.dataset.sources import SOURCES
from weakseg.dataset.spreadsheet import columns_of, read_table
from weakseg.errors import InputError

TABLES = (".csv", ".tsv", ".txt")
COLUMNS = ("image", "labels")
SAMPLE = 20
"""Rows whose files are looked for in a folder that may be the one."""


def find_table(images: Path | None) -> Path | None:
    """The table of labels in, or beside, the folder of images, or here; `None` if there is none.

    Raises:
        InputError: there are several.
    """
    folders = [Path()] if images is None else [images, images.parent, Path()]
    seen = {
        path.resolve(): path for folder in folders for path in sorted(folder.glob("*")) if _is_table(path)
    }
    if len(seen) > 1:
        names = ", ".join(map(str, [*seen.values()][:5]))
        raise InputError(
            f"several files may be the table of labels: {names}; one was expected: give it by --labels."
        )
    return next(iter(seen.values()), None)


def recognised(images: Path | None) -> tuple[str, dict[str, Any], Path] | None:
    """Name of a source, its values and the folder, for a folder that holds data of a known tool; `None` otherwise.

    Args:
        images: the folder; `None`: this one, whose own folders are not taken for classes.
    """
    folder = Path() if images is None else images
    if not folder.is_dir():
        return None
    for name, source in SOURCES.items():
        values = None if images is None and name == "folders" else source.seen(folder)
        if values is not None:
            return name, values, folder
    return None


def other_labels(labels: Path, images: Path | None) -> tuple[str, dict[str, Any]] | None:
    """Name of a source and its values, for labels that are not in a table with the usual columns.

    Raises:
        InputError: the file cannot be read.
    """
    if labels.suffix.lower() in TABLES and {*COLUMNS} <= {*columns_of(labels)}:
        return None
    for name, source in SOURCES.items():
        values = source.seen_labels(labels, images or labels.parent)
        if values is not None:
            return name, values
    return None


def _is_table(path: Path) -> bool:
    if path.suffix.lower() not in TABLES or not path.is_file():
        return False
    try:
        return {*COLUMNS} <= {*columns_of(path)}
    except InputError:
        return False


def find_images(table: Path) -> Path:
    """The folder in which a table's images lie: the table's own, or one in it.

    Raises:
        InputError: the images are in none of them, or in several.
    """
    names = [row["image"] for row in read_table(table, COLUMNS, "--labels")][:SAMPLE]
    holding: dict[Path, list[str]] = {}
    for folder in (table.parent, *_folders(table.parent)):
        files = [first for name in names if (first := _first(folder, name))]
        if 2 * len(files) >= len(names):
            holding[folder] = files
    if not holding:
        raise InputError(
            f"the images of {table}, such as {names[0]}, are neither beside it nor in a folder beside it; give their "
            "folder by --images."
        )
    # Masks have the images' names, and are PNGs.
    photographs = [
        folder
        for folder, files in holding.items()
        if any(not name.lower().endswith(".png") for name in files)
    ]
    likely = photographs or [*holding]
    if len(likely) > 1:
        raise InputError(
            f"several folders hold files named like the images of {table}: {', '.join(map(str, likely))}; one was "
            "expected: give it by --images."
        )
    return likely[0]


def _first(folder: Path, name: str) -> str | None:
    """The file of a table's name in a folder, if it is there."""
    return next((spelled for spelled in file_names(name) if (folder / spelled).is_file()), None)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def find_masks(images: Path, ids: Sequence[str]) -> Path | None:
    """A folder with PNGs named like at least half of the images, beside or in their folder; `None` without one."""
    chosen = ids[:: max(1, len(ids) // SAMPLE)]
    names = [f"{image_id}.png" for image_id in chosen]
    for folder in (*_folders(images.parent), *_folders(images)):
        found = sum((folder / name).is_file() for name in names)
        if folder.resolve() != images.resolve() and 2 * found >= len(names):
            return folder
    return None


def list_images(folder: Path) -> list[str]:
    """All images below a folder, as paths below it.

    Raises:
        InputError: the folder is missing or holds none.
    """
    if not folder.is_dir():
        raise InputError(f"--images {folder} is not a folder; the folder of your images was expected.")
    names = [name for name, _ in walk(folder) if Path(name).suffix.lower() in EXTENSIONS]
    if not names:
        raise InputError(f"{folder} holds no image; files with {', '.join(EXTENSIONS)} were expected.")
    return names
