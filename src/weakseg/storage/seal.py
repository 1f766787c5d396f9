"""A checksum at the end of files of HDF5 and torch: the line `weakseg sha256 <64 digits>`, which both ignore.

Neither library verifies its file: torch turns a flipped byte into a weight, and HDF5 may hang on one. So the whole file
is verified before either library opens it.
"""

import hashlib
import io
import os
from pathlib import Path

from weakseg.errors import REMAKE, InputError

_MARK = b"\nweakseg sha256 "
_LENGTH = len(_MARK) + 64 + 1
_PART = 2**20  # bytes that are read at a time


def seal(file: io.FileIO) -> None:
    """Append the checksum to a finished file that is open for reading and writing."""
    digest = _digest(file, file.seek(0, os.SEEK_END))
    file.seek(0, os.SEEK_END)
    file.write(_line(digest))


def flaw(path: Path) -> str | None:
    """What is wrong with a sealed file, as the end of a sentence; `None` if it is intact.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        length = max(0, file.seek(0, os.SEEK_END) - _LENGTH)
        file.seek(length)
        line = file.read(_LENGTH)
        if not line.startswith(_MARK):
            return "has no checksum at its end: it was truncated, or another program wrote it"
        if line != _line(_digest(file, length)):
            return "is damaged: its content does not match its checksum"
    return None


def check(path: Path) -> None:
    """Refuse a file that changed since it was sealed.

    Raises:
        InputError: it is damaged or has no checksum.
        OSError: the file cannot be read.
    """
    found = flaw(path)
    if found is not None:
        raise InputError(f"{path} {found}; {REMAKE}.")


def _digest(file: io.FileIO, length: int) -> str:
    """SHA-256 of the first `length` bytes, hexadecimal."""
    digest = hashlib.sha256()
    file.seek(0)
    while length > 0 and (part := file.read(min(length, _PART))):
        digest.update(part)
        length -= len(part)
    return digest.hexdigest()


def _line(digest: str) -> bytes:
    return _MARK + digest.encode() + b"\n"
