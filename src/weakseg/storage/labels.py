"""Label maps on disk: single-channel PNGs with the VOC palette, so that any viewer shows them in colour."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path

_REMAKE = (
    "replace a mask of your own; one that weakseg made is made again by the next snakemake once you delete it and the "
    "shard-*.csv beside it (of predictions/plain, segmenter/scores/shard-*.h5)"
)

UNDECIDED = 255
"""Label of a pixel that is not decided (proxies) or not scored (masks)."""


@cache
def voc_palette() -> np.ndarray:
    """The 256 PASCAL VOC colours, RGB `uint8` 256×3.

    Bits of the index are dealt to red, green and blue in turn, highest bit first (VOC devkit,
    VOClabelcolormap).
    """
    index = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write a label map H×W `uint8` as a palette PNG, atomically.

    Raises:
        ValueError: not H×W `uint8`.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f"a label map is H×W uint8, not {labels.dtype} {labels.shape}")
    image = Image.fromarray(labels, mode="L")
    image = image.convert("P")
    image.putpalette(voc_palette().tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def write_grey(path: Path, values: np.ndarray) -> None:
    """Write a map h×w in [0, 1] as a grey PNG, 0…255, atomically."""
    grey = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    with atomic_path(path) as temporary:
        Image.fromarray(grey).save(temporary, format="PNG")


def open_checked(path: Path) -> Image.Image:
    """An image that is not decoded yet, once the checksums that its format has are right: decoding ignores some.

    Raises:
        OSError: missing, damaged, or no image.
    """
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise OSError("it is in no image format known here") from None
    except OSError:
        raise
    except Exception as error:  # Pillow raises many types; a wrong checksum is a SyntaxError
        raise OSError(str(error) or type(error).__name__) from None


def read_labels(path: Path) -> np.ndarray:
    """Read a single-channel PNG (palette or grey) as H×W `uint8`, once the checksum of each of its chunks is right.

    Raises:
        InputError: missing, damaged, or with colour channels instead of indices.
    """
    try:
        with open_checked(path) as image:
            mode = image.mode
            if mode in ("P", "L"):
                return np.asarray(image, dtype=np.uint8).copy()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; a label map was expected: {_REMAKE}.") from None
    except Exception as error:  # Pillow raises many types for a damaged file
        raise InputError(f"{path} cannot be read as a PNG ({error}); {_REMAKE}.") from error
    raise InputError(
        f"{path} has pixel mode {mode}; a label map holds one class index per pixel: save it as an 8-bit "
        "palette or grey PNG."
    )
