"""Names of images: which extensions are read, which files a name may mean, and which names are refused."""

import re
import unicodedata
from pathlib import Path

from weakseg.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
LONGEST_PART = (
    230  # bytes between slashes of an id; results add a temporary name and an extension (limit: 255)
)
LONGEST_ID = 1000  # characters of an id; the limit of the inspector's addresses


def find_image(folder: Path, image_id: str) -> Path:
    """The file of an id: as given, or with the first known extension that exists.

    Raises:
        InputError: no such file, or the id leads out of the folder.
    """
    check_id(image_id)
    names = file_names(image_id)
    try:
        for name in names:
            if (folder / name).is_file():
                return folder / name
        odd = next((found for name in names if (found := _no_file(folder / name))), "")
    except OSError as error:
        odd = f"; looking for it failed ({error.strerror})"
    raise not_found(folder, image_id, odd)


def not_found(folder: Path, image_id: str, odd: str = "") -> InputError:
    """The error if a folder has no image of an id; `odd` says why a path of that name is not a file."""
    return InputError(
        f"image '{image_id}' was not found in {folder} with any of {', '.join(EXTENSIONS)}{odd}: "
        "add the file or drop its row."
    )


def file_names(image_id: str) -> list[str]:
    """Possible file names of an id, in search order."""
    names = [image_id] if image_id.lower().endswith(EXTENSIONS) else []
    return names + [f"{image_id}{spelled}" for spelled in _SPELLED]


_SPELLED = [spelled for extension in EXTENSIONS for spelled in (extension, extension.upper())]


def _no_file(path: Path) -> str:
    """Why a path is not a file although it exists."""
    if path.is_dir():
        return f"; {path.name} is a folder"
    return f"; {path.name} is a link to {path.readlink()}, which does not exist" if path.is_symlink() else ""


_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,100}(/[A-Za-z0-9_-][A-Za-z0-9_. -]{0,100}){0,5}")


def check_id(image_id: str) -> None:
    """Refuse ids that are not a path of a file inside the data folder, or that are too long for result files.

    Raises:
        InputError: empty, absolute, with `..`, a backslash or a control character, or too long.
    """
    if _PLAIN.fullmatch(image_id):  # nearly all; the checks below take ten times as long
        return
    parts = image_id.split("/")
    if "\\" in image_id and image_id.isprintable() and not {"", ".", ".."} & set(image_id.split("\\")):
        raise InputError(
            f"image id '{image_id[:200]}' has a backslash; folders are written with '/': write "
            f"'{image_id[:200].replace(chr(92), '/')}'."
        )
    bad = (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in image_id
        or any(unicodedata.category(character) in ("Cc", "Cs") for character in image_id)
    )
    if bad:
        raise InputError(
            f"image id {image_id[:200]!r} leads out of the data folder or is not a file name; "
            "a path below that folder was expected: correct the row."
        )
    if len(image_id) > LONGEST_ID or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise InputError(
            f"image id '{image_id[:40]}…' is too long; at most {LONGEST_PART} bytes between slashes and {LONGEST_ID} "
            "characters in all were expected, as results are named after it: rename the file."
        )
