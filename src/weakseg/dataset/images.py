"""Reading images as RGB `uint8` H×W×3; docs/images.md lists what is done with each kind of file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from weakseg.errors import InputError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""Accepted formats, whatever the name. Pillow knows forty more, most of them obsolete; one starts Ghostscript."""
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes of 8 bits or fewer per channel that become RGB."""
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
_SAMPLES, _SUBFILE, _REDUCED, _GEO = 277, 254, 1, 34735
NODATA = ("weakseg transparent", "nodata")
"""Text of a PNG whose transparent pixels were not measured."""


def read_image(path: Path, at_least: int | None = None) -> np.ndarray:
    """Read an image as RGB `uint8` H×W×3, upright by its EXIF orientation.

    16 bits per channel are cut to the upper 8 (65,535 is white). Only the first of several frames is read, but a TIFF
    of several pages is refused, and so is a GeoTIFF of 16 bits: `rasters` reads it. Transparency and colour
    profiles are ignored.

    Args:
        path: the file.
        at_least: smallest side in pixels to which a JPEG may be decoded (at ½, ¼ or ⅛ of its size), which is much
            faster; `None`: full size.

    Raises:
        InputError: missing, truncated, not an image, 32 bits or floats per channel, or more than about 179 million
            pixels (Pillow's limit).
    """
    return _decoded(path, "RGB", at_least)


def nodata_pixels(path: Path) -> np.ndarray | None:
    """Where a window that `weakseg tiles` wrote shows nothing measured, `bool` H×W; `None`: everywhere is something.

    Raises:
        InputError: as `read_image`.
    """
    if path.suffix.lower() != ".png":
        return None
    with _opened(path) as image:
        key, value = NODATA
        if image.mode != "RGBA" or image.info.get(key) != value:
            return None
        transparent: np.ndarray = np.asarray(image.getchannel("A")) == 0
        return transparent


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
        if isinstance(image, TiffImageFile):
            _refuse_raster(path, image)
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        return upright_pixels(image, f"image {path}", mode)


def _refuse_raster(path: Path, image: TiffImageFile) -> None:
    """Refuse stacks of pages, and 16 bits of a sensor, which rarely uses all of them.

    Raises:
        InputError: it is one of these.
    """
    pages = 0
    for number in range(image.n_frames if image.n_frames > 1 else 0):
        image.seek(number)
        pages += not image.tag_v2.get(_SUBFILE, 0) & _REDUCED  # thumbnails and overviews are no pages
    image.seek(0)
    if pages > 1:
        raise InputError(
            f"image {path} has {pages} pages; one image a file was expected: split it, by `tiffsplit {path.name}` or "
            "with tifffile in Python, and list the pages as files of their own, or leave it out."
        )
    bits = image.tag_v2.get(_BITS, (8,))
    if _GEO in image.tag_v2 and max(bits) > 8:
        raise _raster(path, len(bits), max(bits))


def _raster(path: Path, bands: int, bits: int) -> InputError:
    """That a raster must be turned into pictures first."""
    chosen = "--bands 4,3,2 " if bands > 3 else ""
    return InputError(
        f"image {path} has {bands} band{'s' * (bands > 1)} of {bits} bits; three bands of 8 bits were expected: "
        f"choose by `weakseg tiles {path.name} {chosen}--stretch percentile --out FOLDER`, or leave it out."
    )


def _layout(path: Path) -> tuple[int, int] | None:
    """Bands and bits of a TIFF that Pillow has no pixel mode for."""
    try:
        with path.open("rb") as file:
            directory = ImageFileDirectory_v2(file.read(8))
            file.seek(directory.next)
            directory.load(file)
        return int(directory[_SAMPLES]), int(max(directory[_BITS]))
    except Exception:  # it is no TIFF, or damaged
        return None


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
    # Pillow converts also to the same mode, which copies.
    return np.array(upright if upright.mode == mode else upright.convert(mode), np.uint8)


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
        if (layout := _layout(path)) is not None:
            raise _raster(path, *layout) from None
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
