"""Finds the file that a misspelt name may mean, and files that no table names."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from weakseg.dataset.faults import Fault
from weakseg.dataset.image_names import EXTENSIONS, file_names, find_image, not_found
from weakseg.dataset.wording import Cases, counted, examples, shown
from weakseg.errors import InputError, started_in

UNREAD = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".tga", ".psd", ".svg", ".eps", ".pdf"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".ico", ".dds", ".npy", ".npz"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raw"),
)
"""Extensions of unsupported image formats; other files, such as tables and texts, are ignored."""


_MOST_FOLDERS = 200  # that are searched for images
_KNOWN = frozenset((*EXTENSIONS, *UNREAD))


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
        return sorted(self.by_folder)

    @cached_property
    def by_folder(self) -> list[str]:
        """The same, a folder's own files before those of the folders below it."""
        return [path for path in self._links if path[-1] != "/"]

    @cached_property
    def _links(self) -> dict[str, bool]:
        """Path → whether it is a link."""
        return dict(walk(self.root))

    def first(self, names: Iterable[str]) -> str | None:
        """The first of the names that is a file here, as the listing tells; links are not followed."""
        return next((name for name in names if self._links.get(name) is False), None)

    @cached_property
    def _folded(self) -> frozenset[str]:
        stems = (_folded(path) for path in self._links)
        return frozenset(stems) | {_letters(path) for path in self._links}

    def may_hold(self, name: str) -> bool:
        """Whether a look at the disk could find a file that the listing does not show under this name.

        True with links, and where the name differs in capitals or accents alone, which some disks ignore.
        """
        hidden = any(part[:1] == "." for part in name.split("/"))
        return hidden or self._has_links or _letters(name) in self._folded

    @cached_property
    def _has_links(self) -> bool:
        return any(self._links.values())

    @cached_property
    def _by_letters(self) -> dict[str, str]:
        return {unicodedata.normalize("NFC", path): path for path in reversed(self.files)}

    @cached_property
    def _alike(self) -> list[dict[str, list[str]]]:
        """For each function of `_LOOSE`: simplified name → files."""
        tables: list[dict[str, list[str]]] = [{} for _ in _LOOSE]
        for path in self.files:
            if extension(path) in _KNOWN:
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
            paths = [path for path in table.get(loose(name), []) if self._is_file(path)]
            if loose is _last_part and "/" in name:  # b/1.jpg may mean 1.jpg, but not a/1.jpg
                paths = [path for path in paths if "/" not in path]
            unread = [path for path in paths if extension(path) in UNREAD]
            if paths and unread == paths:
                kind = extension(unread[0])
                return kind, f"{shown(unread[0])} is there, but {kind} is not read: convert it to JPEG or PNG"
            if paths:
                there = f"{examples([path for path in paths if path not in unread])} is there"
                kind = f"{number} {extension(name)} {extension(paths[0])}"
                return kind, f"{there}{_WHY[number]}: correct the row or rename the file"
        return "", ""

    def _is_file(self, path: str) -> bool:
        return not self._links[path] or (self.root / path).is_file()

    def holds(self) -> str:
        """`holds 12 files: a.jpg, b.jpg, c.jpg and 9 more`."""
        if not self.files:
            return "holds 0 files"
        return f"holds {counted(len(self.files), 'file')}: {examples(self.files)}"


def walk(root: Path) -> Iterator[tuple[str, bool]]:
    """Relative paths of all files below a folder, without hidden ones, and whether each is a link.

    A link to a folder ends in `/` and is not followed. The listings of folders tell both: no file is looked at
    alone, which takes seconds for 100,000.
    """
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(root / prefix) as entries:
                shown = sorted((entry for entry in entries if not _hidden(entry.name)), key=_name)
        except OSError:  # as where the folder cannot be read: no file of it is found
            continue
        folders = []
        for entry in shown:
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{prefix}{entry.name}/")
            else:
                is_link = not entry.is_file(follow_symlinks=False)  # or a pipe: both have to be looked at
                yield f"{prefix}{entry.name}{'/' * (is_link and _leads_to_folder(entry))}", is_link
        waiting += reversed(folders)


def _leads_to_folder(link: "os.DirEntry[str]") -> bool:
    try:
        return link.is_dir()
    except OSError:  # a link to itself
        return False


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _hidden(name: str) -> bool:
    return name[0] == "." or name == "__MACOSX"


def extension(path: str) -> str:
    """The extension in lower case, with its dot; empty if there is none."""
    return path[stem_length(path) :].lower()


def stem_length(path: str) -> int:
    """The length of a path without its extension; strings, as a `Path` for each of 100,000 names takes seconds."""
    dot = path.rfind(".")
    return dot if dot > path.rfind("/") + 1 else len(path)


def bare(path: str) -> str:
    """A path in Unicode form NFC without an image extension."""
    found = extension(path)
    stem = path[: -len(found)] if found in _KNOWN else path
    return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


def _letters(path: str) -> str:
    """A path as a disk that ignores capitals and accents' coding compares it."""
    return unicodedata.normalize("NFC", path).casefold()


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
    beside = _folders(folder.parent)
    below = (path for parent in beside for path in _folders(parent))
    near = chain(beside, _folders(folder), [folder.parent], _folders(folder.parent.parent), below)
    names = file_names(named[0])
    places = (path for path in islice(near, _MOST_FOLDERS) if path != folder)
    return next((path for path in places if any((path / name).is_file() for name in names)), None)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not _hidden(path.name))
    except OSError:
        return []


def file_of(names: Names, name: str) -> str:
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


def none_found(
    names: Names, table: Path, missing: Sequence[str], key: str = "dataset.table.images"
) -> InputError:
    """The error if no image of a table was found: what the folder holds, and where the images may be."""
    start = (
        f"none of the {len(missing):,} images of {table} was found in {names.root}{started_in(names.root)} "
        f"({examples(missing)}); it {names.holds()}"
    )
    meant = _holding(names.root, missing)
    if meant is not None:
        return InputError(f"{start}; {meant} holds {shown(missing[0])}: set {key} to {meant}.")
    near = names.near(missing[0])
    if near:
        return InputError(f"{start}; for {shown(missing[0])}, {near}.")
    return InputError(
        f"{start}; {table} was expected to hold paths below that folder: correct {key} or {table}."
    )


def left_out(names: Names, masks: Path | None, named: Iterable[str], table: Path) -> list[str]:
    """One line on images that the table does not name, and one on files with unsupported extensions.

    Args:
        names: the files below the folder of the images.
        masks: the folder of the masks, which may lie below it; its files are not counted.
        named: the names in the table.
        table: its path.
    """
    images, known = names.root, {bare(name) for name in named}
    unnamed, unread = Cases(), Cases()
    extensions: set[str] = set()
    inside = masks is not None and masks != images and masks.is_relative_to(images)
    apart = f"{masks.relative_to(images).as_posix()}/" if masks is not None and inside else None
    for path in names.by_folder:
        found = extension(path)
        if apart is not None and path.startswith(apart):
            continue
        if found in EXTENSIONS and bare(path) not in known:
            unnamed.add(path)
        elif found in UNREAD:
            unread.add(path)
            extensions.add(found)
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
