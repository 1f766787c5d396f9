"""Reading images: RGB `uint8` H×W×3 everywhere outside a network."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from weakseg.errors import InputError

ORIENTATION = 0x0112  # EXIF tag; 5…8 are quarter turns
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def read_image(path: Path) -> np.ndarray:
    """Read an image as RGB `uint8` H×W×3, upright by its EXIF orientation.

    Of 16 bits per channel the upper 8 count, so that 65,535 is white whatever the image's own maximum; of
    several frames the first. Transparency is dropped: the colours stored below it count.

    Raises:
        InputError: missing, truncated, not an image, with 32 bits or floats per channel, or with
            more than about 179 million pixels (Pillow's guard against files that fill the memory).
    """
    try:
        with Image.open(path) as image:
            image.load()  # decodes everything: a truncated file fails here, not as grey pixels
            mode = image.mode
            if mode not in ("I", "F"):  # Pillow would clip these to white, not scale them
                return _eight_bits(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise InputError(
            f"image {path} is missing, but is named as one to be read: add it or leave it out."
        ) from None
    except UnidentifiedImageError:
        raise InputError(
            f"image {path} is in no image format known here; an image was expected: replace it or leave it "
            "out."
        ) from None
    except Image.DecompressionBombError:
        raise InputError(
            f"image {path} has more pixels than the {2 * (Image.MAX_IMAGE_PIXELS or 0):,} that are read; a smaller "
            "one was expected: shrink it or cut it into pieces."
        ) from None
    except Exception as error:  # Pillow raises many types for a damaged file
        raise InputError(
            f"image {path} cannot be decoded ({error}); it looks truncated or damaged: replace it or leave "
            "it out."
        ) from None
    raise InputError(
        f"image {path} has pixel mode {mode}; 8 or 16 bits per channel were expected, as only these have a "
        "known white: convert it or leave it out."
    )


def _eight_bits(image: Image.Image) -> np.ndarray:
    """RGB `uint8` of a decoded image; 16-bit grey by its upper byte, as Pillow itself reads 16-bit colour."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()


def find_image(folder: Path, image_id: str) -> Path:
    """The file of an id: as given, or with the first known extension that exists.

    Raises:
        InputError: no such file, or the id leads out of the folder.
    """
    check_id(image_id)
    if Path(image_id).suffix.lower() in EXTENSIONS and (folder / image_id).is_file():
        return folder / image_id
    for extension in EXTENSIONS:
        for spelled in (extension, extension.upper()):
            path = folder / f"{image_id}{spelled}"
            if path.is_file():
                return path
    raise InputError(
        f"image '{image_id}' was not found in {folder} with any of {', '.join(EXTENSIONS)}: "
        "add the file or drop its row."
    )


def check_id(image_id: str) -> None:
    """Refuse ids that could name a file outside the data folder, or none.

    Raises:
        InputError: empty, absolute, with `..`, a backslash or a control character.
    """
    parts = image_id.split("/")
    bad = (
        not image_id
        or any(part in ("", ".", "..") for part in parts)
        or "\\" in image_id
        or any(ord(character) < 32 for character in image_id)
    )
    if bad:
        raise InputError(
            f"image id {image_id!r} leads out of the data folder or is no file name; "
            "a path below that folder was expected: correct the row."
        )


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an upright image from its header alone.

    Raises:
        InputError: missing or not an image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            return (width, height) if turned else (height, width)
    except (OSError, SyntaxError, ValueError):
        height, width = read_image(path).shape[:2]  # names what is wrong
        return height, width
