"""Reading images: RGB `uint8` H×W×3 everywhere outside a network. docs/images.md says what becomes of which file."""

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
"""What a file may hold, whatever its name. Pillow knows forty more, most of them forgotten; one starts Ghostscript."""
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes of 8 bits or fewer per channel that become RGB."""
LONGEST_PART = (
    230  # bytes of one part of an id: results add an extension, and a temporary name, to at most 255
)
LONGEST_ID = 1000  # characters of an id; the inspector's addresses take no more
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
"""EXIF orientation → what makes the image upright; 5…8 swap its sides."""
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0


def read_image(path: Path, at_least: int | None = None) -> np.ndarray:
    """Read an image as RGB `uint8` H×W×3, upright by its EXIF orientation.

    Of 16 bits per channel the upper 8 count, so that 65,535 is white whatever the image's own maximum; of
    several frames the first. Transparency is dropped: the colours stored below it count. So is a colour profile.

    Args:
        path: the file.
        at_least: a JPEG may be decoded at a half, a quarter or an eighth of its size, but not below so many
            pixels a side, which is much faster; `None`: at its size.

    Raises:
        InputError: missing, truncated, not an image, with 32 bits or floats per channel, or with
            more than about 179 million pixels (Pillow's guard against files that fill the memory).
    """
    return _decoded(path, "RGB", at_least)


def read_grey(path: Path) -> np.ndarray:
    """Read a grey map as `uint8` H×W, by the rules of `read_image`; colours count by their brightness.

    The checksums that its format has are compared first: decoding alone ignores some, and a map is looked at by nobody.

    Raises:
        InputError: as `read_image`, or a checksum is wrong.
    """
    with _opened(path) as image:
        image.verify()  # reads the file to its end: it must be opened again
    return _decoded(path, "L")


def read_rgba(path: Path) -> np.ndarray:
    """Read a picture with its transparency as `uint8` H×W×4, opaque where the file has none; otherwise as `read_grey`.

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
        if isinstance(image, TiffImageFile):  # Pillow tells its upright size, of all others the stored
            width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
        return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def _decoded(path: Path, mode: str, at_least: int | None = None) -> np.ndarray:
    """All pixels, upright, as `uint8` in a mode of Pillow's."""
    with _opened(path) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        return upright_pixels(image, f"image {path}", mode)


def upright_pixels(image: Image.Image, name: str, mode: str = "RGB") -> np.ndarray:
    """All pixels of an opened image, upright, as `uint8` in a mode of Pillow's.

    Raises:
        InputError: it has no pixels, or of a kind whose white is not known; `name` is what it is called.
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
    """Grey of 16 bits, or 12 in a TIFF, by its upper 8, as Pillow itself reads 16-bit colour."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(_BITS, (16,))
    grey = (np.asarray(image) >> (bits - 8)).astype(np.uint8)
    return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else grey)


def _orientation(image: Image.Image) -> int:
    """How the image is turned, 1…8; 1 where the file does not say, or says nonsense."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises many types; an image whose pixels can be read is not refused
        return 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image of which the header is read. Whatever goes wrong, also in the block, is one sentence."""
    try:
        # By its path, Pillow would map an uncompressed TIFF into memory, and mix up the rows if it lies on its side.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            f"image {path} is missing, but is named as one to be read: add it or leave it out."
        ) from None
    except UnidentifiedImageError:
        held = "is empty (0 bytes)" if path.stat().st_size == 0 else "is in no image format that is read"
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
    """What is wrong with a file and what to do: the system did not let it be read, or its bytes are no image."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be opened ({error.strerror}); a readable file was expected: mend that"
    said = " ".join(str(error).split())[:120] or type(error).__name__
    return f"cannot be decoded ({said}); it looks truncated or damaged: replace it"


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
    raise InputError(
        f"image '{image_id}' was not found in {folder} with any of {', '.join(EXTENSIONS)}{odd}: "
        "add the file or drop its row."
    )


def file_names(image_id: str) -> list[str]:
    """What the file of an id may be called, in the order in which it is looked for."""
    names = [image_id] if Path(image_id).suffix.lower() in EXTENSIONS else []
    return names + [
        f"{image_id}{spelled}" for extension in EXTENSIONS for spelled in (extension, extension.upper())
    ]


def _no_file(path: Path) -> str:
    """What stands there in place of a file, if anything."""
    if path.is_dir():
        return f"; {path.name} is a folder"
    return f"; {path.name} is a link to {path.readlink()}, which does not exist" if path.is_symlink() else ""


def check_id(image_id: str) -> None:
    """Refuse ids that could name a file outside the data folder, or none, or one whose results have no name.

    Raises:
        InputError: empty, absolute, with `..`, a backslash or a control character, or too long.
    """
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
