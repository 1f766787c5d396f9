"""Reading images as RGB `uint8` H×W×3; docs/images.md lists what is done with each kind of file."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose
from PIL.TiffImagePlugin import TiffImageFile

from weakseg.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""Accepted formats, whatever the name. Pillow knows forty more, most of them obsolete; one starts Ghostscript."""
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes of 8 bits or fewer per channel that become RGB."""
LONGEST_PART = (
    230  # bytes between slashes of an id; results add a temporary name and an extension (limit: 255)
)
LONGEST_ID = 1000  # characters of an id; the limit of the inspector's addresses
ORIENTATION = 0x0112  # EXIF tag
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""EXIF orientation → transposition that makes the image upright; 5…8 swap its sides."""
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0


def read_image(path: Path, at_least: int | None = None) -> np.ndarray:
    """Read an image as RGB `uint8` H×W×3, upright by its EXIF orientation.

    16 bits per channel are cut to the upper 8 (65,535 is white). Only the first of several frames is read.
    Transparency and colour profiles are ignored.

    Args:
        path: the file.
        at_least: smallest side in pixels to which a JPEG may be decoded (at ½, ¼ or ⅛ of its size), which is much
            faster; `None`: full size.

    Raises:
        InputError: missing, truncated, not an image, 32 bits or floats per channel, or more than about 179 million
            pixels (Pillow's limit).
    """
    return _decoded(path, "RGB", at_least)


def read_grey(path: Path) -> np.ndarray:
    """Read a grey map as `uint8` H×W, by the rules of `read_image`; colours become their brightness.

    The checksums of its format are verified first, as decoding ignores some of them.

    Raises:
        InputError: as `read_image`, or a checksum is wrong.
    """
    with _opened(path) as image:
        image.verify()  # reads the file to its end: it must be opened again
    return _decoded(path, "L")


def read_rgba(path: Path) -> np.ndarray:
    """Read a picture with transparency as `uint8` H×W×4 (opaque if the file has none), otherwise as `read_grey`.

    Raises:
        InputError: as `read_grey`.
    """
    with _opened(path) as image:
        image.verify()
    return _decoded(path, "RGBA")


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an upright image from its header alone.

    Raises:
        InputError: missing, not an image, or with too many pixels.
    """
    with _opened(path) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):  # Pillow gives the upright size for TIFF only
            width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
        return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def _decoded(path: Path, mode: str, at_least: int | None = None) -> np.ndarray:
    """All pixels, upright, as `uint8` in a Pillow mode."""
    with _opened(path) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        return upright_pixels(image, f"image {path}", mode)


def upright_pixels(image: Image.Image, name: str, mode: str = "RGB") -> np.ndarray:
    """All pixels of an opened image, upright, as `uint8` in a Pillow mode.

    Raises:
        InputError: it has no pixels, or a pixel mode without a known white; the message starts with `name`.
    """
    image.load()  # decodes everything: a truncated file fails here, not as grey pixels
    if 0 in image.size:
        raise InputError(f"{name} has no pixels ({image.width}×{image.height}); replace it or leave it out.")
    if not (image.mode in MODES or image.mode.startswith("I;16")):  # Pillow would clip them to white
        raise InputError(
            f"{name} has pixel mode {image.mode}; grey, RGB, CMYK or YCbCr of 8 or 16 bits per channel were "
            "expected, as only these have a known white: convert it or leave it out."
        )
    narrow = image if image.mode in MODES else _upper_bits(image)
    turn = TURNS.get(_orientation(image))
    upright = narrow if turn is None else narrow.transpose(turn)
    return np.array(upright.convert(mode), np.uint8)


def _upper_bits(image: Image.Image) -> Image.Image:
    """16-bit grey (12 in a TIFF) cut to its upper 8 bits, as Pillow itself reads 16-bit colour."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(_BITS, (16,))
    grey = (np.asarray(image) >> (bits - 8)).astype(np.uint8)
    return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else grey)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1…8; 1 if it is missing or invalid."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises many types; bad metadata does not make an image bad
        return 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An opened image; any error, also one inside the block, becomes an `InputError`."""
    try:
        # Given a path, Pillow maps an uncompressed TIFF into memory and mixes up its rows if it is rotated.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"image {path} is missing: add it or leave it out.") from None
    except UnidentifiedImageError:
        held = "is empty (0 bytes)" if path.stat().st_size == 0 else "is not in a supported image format"
        raise InputError(
            f"image {path} {held}; {', '.join(FORMATS)} were expected: replace or convert it, or leave it out."
        ) from None
    except Image.DecompressionBombError:
        raise InputError(
            f"image {path} has more pixels than the {2 * (Image.MAX_IMAGE_PIXELS or 0):,} that are read; a smaller "
            "one was expected: shrink it or cut it into pieces."
        ) from None
    except Exception as error:  # Pillow raises many types for a damaged file
        raise InputError(f"image {path} {_reason(error)}, or leave it out.") from None


def _reason(error: Exception) -> str:
    """What is wrong with a file and what to do about it."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be opened ({error.strerror}); a readable file was expected: correct that"
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"cannot be decoded ({reason}); it looks truncated or damaged: replace it"


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
