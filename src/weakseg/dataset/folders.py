"""Finds the file that a misspelt name may mean, and files that no table names."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from weakseg.dataset.images import EXTENSIONS, file_names
from weakseg.dataset.wording import Cases, counted, examples, shown
from weakseg.errors import InputError, started_in

UNREAD = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".tga", ".psd", ".svg", ".eps", ".pdf"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".ico", ".dds", ".npy", ".npz"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raw"),
)
"""Extensions of unsupported image formats; other files, such as tables and texts, are ignored."""


class Names:
    """The files below a folder, listed once and on demand.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths below the folder, `/` between their parts, in order."""
        return sorted(walk(self.root))

    @cached_property
    def _by_letters(self) -> dict[str, str]:
        return {unicodedata.normalize("NFC", path): path for path in reversed(self.files)}

    @cached_property
    def _alike(self) -> list[dict[str, list[str]]]:
        """For each function of `_LOOSE`: simplified name → files."""
        tables: list[dict[str, list[str]]] = [{} for _ in _LOOSE]
        for path in self.files:
            if Path(path).suffix.lower() in (*EXTENSIONS, *UNREAD):
                for loose, table in zip(_LOOSE, tables, strict=True):
                    table.setdefault(loose(path), []).append(path)
        return tables

    def same(self, names: Iterable[str]) -> str | None:
        """The first file whose name differs only in its Unicode form, as written on disk."""
        found = (self._by_letters.get(unicodedata.normalize("NFC", name)) for name in names)
        return next((path for path in found if path is not None), None)

    def near(self, name: str) -> str:
        """A half-sentence about a file with a similar name; empty if there is none."""
        return self.similar(name)[1]

    def similar(self, name: str) -> tuple[str, str]:
        """The kind of similarity of the nearest file name, and a half-sentence about it; empty if there is none."""
        for number, (loose, table) in enumerate(zip(_LOOSE, self._alike, strict=True)):
            paths = [path for path in table.get(loose(name), []) if (self.root / path).is_file()]
            if loose is _last_part and "/" in name:  # b/1.jpg may mean 1.jpg, but not a/1.jpg
                paths = [path for path in paths if "/" not in path]
            unread = [path for path in paths if Path(path).suffix.lower() in UNREAD]
            if paths and unread == paths:
                kind = Path(unread[0]).suffix
                return kind, f"{shown(unread[0])} is there, but {kind} is not read: convert it to JPEG or PNG"
            if paths:
                there = f"{examples([path for path in paths if path not in unread])} is there"
                kind = f"{number} {Path(name).suffix} {Path(paths[0]).suffix}"
                return kind, f"{there}{_WHY[number]}: correct the row or rename the file"
        return "", ""

    def holds(self) -> str:
        """`holds 12 files: a.jpg, b.jpg, c.jpg and 9 more`."""
        if not self.files:
            return "holds 0 files"
        return f"holds {counted(len(self.files), 'file')}: {examples(self.files)}"


def walk(root: Path, leave_out: Path | None = None) -> Iterator[str]:
    """Relative paths of all files below a folder, without hidden ones."""
    for folder, below, files in os.walk(root):
        here = Path(folder)
        below[:] = sorted(name for name in below if not _hidden(name) and here / name != leave_out)
        prefix = "" if here == root else f"{here.relative_to(root).as_posix()}/"
        yield from (f"{prefix}{name}" for name in sorted(files) if not _hidden(name))


def _hidden(name: str) -> bool:
    return name[0] == "." or name == "__MACOSX"


def bare(path: str) -> str:
    """A path in Unicode form NFC without an image extension."""
    extension = Path(path).suffix
    plain = path.removesuffix(extension) if extension.lower() in (*EXTENSIONS, *UNREAD) else path
    return unicodedata.normalize("NFC", plain)


def _folded(path: str) -> str:
    return bare(path).casefold()


def _without_zeros(path: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", _folded(path).removesuffix(".0"))


def _last_part(path: str) -> str:
    return _folded(path).rpartition("/")[2]


_LOOSE = (_folded, _without_zeros, _last_part)
_WHY = ("", " (spreadsheets drop the zeros before a number: give the column the type text)", "")


def need_folder(folder: Path, key: str, holds: str, named: Sequence[str] = ()) -> None:
    """Refuse a path that is not a folder and suggest a similar one.

    Args:
        folder: the path.
        key: of the configuration.
        holds: what the folder should hold, for the message.
        named: names of files that it should hold.

    Raises:
        InputError: it is missing or not a folder.
    """
    if folder.is_dir():
        return
    what = "is not a folder" if folder.exists() else f"does not exist{started_in(folder)}"
    meant = _holding(folder, named)
    if meant is not None:
        advice = f"{meant} holds {shown(named[0])}: set {key} to {meant}."
    else:
        neighbours = sorted(path.name for path in _folders(folder.parent))
        near = difflib.get_close_matches(folder.name, neighbours, n=1)
        advice = f"did you mean {folder.parent / near[0]}?" if near else "correct the path."
    raise InputError(f"{key} is {folder}, which {what}; a folder of {holds} was expected: {advice}")


def _holding(folder: Path, named: Sequence[str]) -> Path | None:
    """A folder beside, below or above a folder that holds the first of the named files."""
    if not named:
        return None
    near = [*_folders(folder.parent), *_folders(folder), folder.parent, *_folders(folder.parent.parent)]
    names = file_names(named[0])
    holding = (path for path in near if path != folder and any((path / name).is_file() for name in names))
    return next(holding, None)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not _hidden(path.name))
    except OSError:
        return []


def none_found(names: Names, table: Path, missing: Sequence[str]) -> InputError:
    """The error if no image of a table was found: what the folder holds, and where the images may be."""
    start = (
        f"none of the {len(missing):,} images of {table} was found in {names.root}{started_in(names.root)} "
        f"({examples(missing)}); it {names.holds()}"
    )
    meant = _holding(names.root, missing)
    if meant is not None:
        return InputError(f"{start}; {meant} holds {shown(missing[0])}: set dataset.table.images to {meant}.")
    near = names.near(missing[0])
    if near:
        return InputError(f"{start}; for {shown(missing[0])}, {near}.")
    return InputError(
        f"{start}; the table's column image was expected to hold paths below that folder: correct "
        "dataset.table.images or the table."
    )


def left_out(images: Path, masks: Path | None, named: Iterable[str], table: Path) -> list[str]:
    """One line on images that the table does not name, and one on files with unsupported extensions."""
    known = {bare(name) for name in named}
    unnamed, unread = Cases(), Cases()
    extensions: set[str] = set()
    for path in walk(images, masks):
        extension = Path(path).suffix.lower()
        if extension in EXTENSIONS and bare(path) not in known:
            unnamed.add(path)
        elif extension in UNREAD:
            unread.add(path)
            extensions.add(extension)
    lines = []
    if unnamed.count:
        lines.append(
            f"{counted(unnamed.count, 'image')} in {images} not named by {table}, left out: {unnamed}"
        )
    if unread.count:
        kinds = ", ".join(sorted(extensions))
        lines.append(
            f"{counted(unread.count, 'file')} in {images} of extensions that are not read ({kinds}): {unread}"
        )
    return lines
