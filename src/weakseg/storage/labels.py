"""Label maps on disk: single-channel PNGs with the VOC palette, which viewers show in colour."""

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path

_REMEDY = (
    "replace a mask of your own; one that weakseg made is made again by the next snakemake once you delete it and the "
    "shard-*.csv next to it (of predictions/plain, segmenter/scores/shard-*.h5)"
)

UNDECIDED = 255
"""Label of a pixel that is undecided (proxies) or not scored (masks)."""
CLASSES = "weakseg classes"
"""Key of a PNG's text that holds the class names as JSON."""
_BIT_DEPTH = 24  # position of the bits per pixel in a PNG, whose first chunk is always the header


@cache
def voc_palette() -> np.ndarray:
    """The 256 PASCAL VOC colours, RGB `uint8` 256×3.

    The bits of the index go to red, green and blue in turn, filling each from its highest bit (VOC devkit,
    VOClabelcolormap).
    """
    index = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def write_labels(path: Path, labels: np.ndarray, classes: Sequence[str] = ()) -> None:
    """Write a label map H×W `uint8` as a palette PNG, atomically.

    Args:
        path: the file.
        labels: the label map.
        classes: names without background to store in the file; a run has them in its `classes.csv`.

    Raises:
        ValueError: not H×W `uint8`.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f"a label map is H×W uint8, not {labels.dtype} {labels.shape}")
    image = Image.fromarray(labels, mode="L")
    image = image.convert("P")
    image.putpalette(voc_palette().tobytes())
    text = PngInfo()
    if classes:
        text.add_text(CLASSES, json.dumps([*classes]))
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=text)


def read_classes(path: Path) -> list[str] | None:
    """The class names without background that are stored in a label map, if any.

    The file must have passed `read_labels`.
    """
    return classes_in(path.read_bytes())


def classes_in(content: bytes) -> list[str] | None:
    """`read_classes` of the bytes of a PNG that `decode_labels` has taken."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        text = image.info.get(CLASSES)
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    named = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return found if named else None


def write_grey(path: Path, values: np.ndarray) -> None:
    """Write a map h×w in [0, 1] as a grey PNG, 0…255, atomically."""
    grey = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    with atomic_path(path) as temporary:
        Image.fromarray(grey).save(temporary, format="PNG")


def read_labels(path: Path) -> np.ndarray:
    """Read a single-channel PNG (palette or grey) as H×W `uint8`, after verifying its checksums.

    Raises:
        InputError: missing, unreadable, damaged, or with anything but one 8-bit index per pixel.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; a label map was expected: {_REMEDY}.") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); a label map was expected: {_REMEDY}."
        ) from None
    return decode_labels(content, str(path), remedy=_REMEDY)


def decode_labels(
    content: bytes, name: str, size: tuple[int, int] | None = None, remedy: str = "replace it"
) -> np.ndarray:
    """Decode a PNG's bytes as label map H×W `uint8`, after verifying its checksums.

    Pillow alone ignores the checksums of pixel data, so that a flipped bit can give another label map. It also scales
    2-bit and 4-bit grey to 0…255 (index 1 would become 85 or 17), so these are refused.

    Args:
        content: the whole file.
        name: its name in messages.
        size: required height and width, checked before decoding.
        remedy: what to do about a damaged file, for messages.

    Raises:
        InputError: not a PNG, damaged, of another size, or with anything but one 8-bit index per pixel.
    """
    return _decoded(content, name, size, remedy, None)


def decode_pixels(content: bytes, name: str, size: tuple[int, int]) -> np.ndarray:
    """Decode a PNG's bytes as colours, RGB `uint8` H×W×3, as `decode_labels` does; transparency is dropped.

    Raises:
        InputError: not a PNG, damaged, of another size, or of 16 bits.
    """
    return _decoded(content, name, size, "replace it", "RGB")


def _decoded(
    content: bytes, name: str, size: tuple[int, int] | None, remedy: str, mode: str | None
) -> np.ndarray:
    """The pixels of a PNG in a Pillow mode; `None`: as they are, one index each."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            _check_header(image, content[_BIT_DEPTH], name, size, mode)
            image.verify()  # reads the file to its end: it must be opened again
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            return np.array(image if mode is None else image.convert(mode), np.uint8)
    except InputError:
        raise
    except Exception as error:  # Pillow raises many types for a damaged file
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "it is not a PNG" if unknown else " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{name} cannot be read as a PNG ({reason}); a whole label map was expected: {remedy}."
        ) from None


def _check_header(
    image: Image.Image, bits: int, name: str, size: tuple[int, int] | None, mode: str | None
) -> None:
    if size is not None and (image.height, image.width) != size:
        raise InputError(
            f"{name} is {image.width}×{image.height} pixels, the image {size[1]}×{size[0]}; both must have one size: "
            "export the label map at the image's size."
        )
    if mode is None and (image.mode not in ("P", "L") or (image.mode == "L" and bits != 8)):
        raise InputError(
            f"{name} has pixel mode {image.mode} of {bits} bits; a label map holds one class index per pixel: save it "
            "as an 8-bit palette or grey PNG."
        )
    if mode is not None and bits > 8:
        raise InputError(
            f"{name} has {bits} bits per channel; a coloured label map of 8 was expected: export it again."
        )
