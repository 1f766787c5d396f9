"""The files of an export: a folder, or a ZIP that is read where it lies and never unpacked."""

import json
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path

LARGEST = 512 * 2**20
"""Bytes of one file that are read: a COCO file of 118,000 images with masks has 300 MB."""
LARGEST_IMAGE = 64 * 2**20
"""Bytes of a PNG that are read; a label map of 100 million pixels has a few."""
MOST_MEMBERS = 2_000_000


class Tree(ABC):
    """Files by their paths below a folder, with `/`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> Sequence[str]:
        """The paths of all files, sorted; no hidden ones."""

    @abstractmethod
    def content(self, name: str, largest: int) -> bytes:
        """The bytes of a file, refused if there are more than `largest`."""

    def ending(self, suffix: str) -> list[str]:
        """The paths that end in a suffix, whatever its case."""
        return [name for name in self.names() if name.lower().endswith(suffix)]

    def where(self, name: str) -> str:
        """A file, for messages."""
        return f"{self.path}: {name}"


class _Folder(Tree):
    def names(self) -> Sequence[str]:
        inside = (file.relative_to(self.path) for file in sorted(self.path.rglob("*")) if file.is_file())
        return [file.as_posix() for file in inside if not _is_hidden(file.as_posix())]

    def content(self, name: str, largest: int) -> bytes:
        return _read(self.path / name, largest)

    def where(self, name: str) -> str:
        return str(self.path / name)


class _Archive(Tree):
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        super().__init__(path)
        self._archive = archive
        members = [each for each in archive.infolist() if not each.is_dir()]
        self._members = {each.filename: each for each in members}
        if len(members) > MOST_MEMBERS:
            raise InputError(
                f"{path} has {len(members):,} members; at most {MOST_MEMBERS:,} were expected: split it."
            )
        for member in archive.infolist():
            _check_member(path, member.filename)
        if len(self._members) < len(members):
            names = [each.filename for each in members]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{path} has two members '{twice}'; one was expected: export it again.")

    def names(self) -> Sequence[str]:
        return [name for name in sorted(self._members) if not _is_hidden(name)]

    def content(self, name: str, largest: int) -> bytes:
        member = self._members[name]
        _check_length(self.where(name), member.file_size, largest)
        try:
            return self._archive.read(member)  # never more than the declared size, and its CRC is checked
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise InputError(
                f"{self.where(name)} cannot be read ({_said(error)}); a whole ZIP without a password was expected: "
                "export it again."
            ) from None


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """The files of a folder or a ZIP.

    Raises:
        InputError: missing, neither of both, damaged, or a member's path leads out of the archive.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; an export, a folder or a ZIP, was expected: correct the path."
        )
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as a ZIP ({_said(error)}); a folder or a whole ZIP was expected: export it again."
        ) from None
    with archive:
        yield _Archive(path, archive)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a ZIP does."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def _check_member(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":"):
        raise InputError(
            f"{path} has the member {name[:200]!r}, which leads out of its folder; paths below it were expected: do "
            "not use this archive."
        )


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _read(path: Path, largest: int) -> bytes:
    try:
        _check_length(str(path), path.stat().st_size, largest)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); a readable file was expected.") from None


def _check_length(where: str, length: int, largest: int) -> None:
    if length > largest:
        raise InputError(
            f"{where} has {length:,} bytes; at most {largest:,} are read: split it, or see whether it is what it seems."
        )


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def parsed(content: bytes, where: str) -> Any:
    """The value of a JSON file.

    Raises:
        InputError: it is not JSON, or cut off.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where} is not JSON ({_said(error)}); a whole file was expected: export it again."
        ) from None


def read_text(tree: Tree, name: str) -> str:
    """A small text file.

    Raises:
        InputError: not UTF-8, or too large.
    """
    try:
        return tree.content(name, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{tree.where(name)} is not UTF-8 text; a text file was expected: export it again."
        ) from None


@contextmanager
def zipped(out: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Write a ZIP, atomically: yields what adds a member, by its path and bytes."""
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:

        def write(name: str, content: bytes) -> None:
            # Without a date, so that equal label maps give equal files; PNGs are compressed already.
            member = zipfile.ZipInfo(name)
            archive.writestr(
                member, content, zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            )

        yield write
