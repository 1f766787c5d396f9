"""Detects files that are a Git LFS pointer or a downloaded web page instead of their content."""

from pathlib import Path

from weakseg.errors import InputError

_READ = 512  # bytes
_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")


def refuse_disguised(path: Path, what: str) -> None:
    """Refuse a file that is empty, a Git LFS pointer or a web page, by its first bytes.

    Args:
        path: the file.
        what: its expected kind for messages, such as `weights file`.

    Raises:
        InputError: it is empty, a Git LFS pointer or a web page.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_READ)
    if not start:
        raise InputError(f"{what} {path} is empty; replace the file.")
    if start.startswith(_POINTER):
        raise InputError(
            f"{what} {path} is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull', or download it."
        )
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGE):
        raise InputError(
            f"{what} {path} is a web page, not the file itself; download the file that the page offers."
        )
