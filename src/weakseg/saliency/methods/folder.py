"""Saliency maps made elsewhere, in a folder of PNGs. What cannot be a map of its image is refused."""

from itertools import islice
from pathlib import Path

from weakseg.errors import InputError
from weakseg.saliency.methods.declaration import SaliencyMethod, Say
from weakseg.settings.section import FilePath


class FolderSettings(SaliencyMethod):
    """Maps made elsewhere."""

    name = "folder"
    made_by = "folder_source"
    mirrors = False

    folder: FilePath = "saliency"
    """Folder of PNGs named like the images, of any size: grey, 0…255, or cut-outs, whose alpha channel is the map."""

    def maps_read(self) -> dict[str, str]:
        """The folder."""
        return {"folder": self.folder}


import numpy as np
from PIL import Image

from weakseg.dataset.images import FORMATS, image_size, read_rgba
from weakseg.dataset.records import Record
from weakseg.saliency.maps import Source

KEY = "saliency.folder.folder"
OPAQUE = 255
WHITE_16 = 65_535
COLOURED = 8  # difference of two channels from which on a pixel counts as coloured
LOOKED_AT = 20  # other maps that tell a dark map from a folder of maps of 0 and 1
SLACK = 0.1  # of a side: strides and rounding change a map's aspect ratio


def folder_source(settings: FolderSettings, flip: bool, say: Say) -> Source:
    """PNGs named like the images: grey, 0…255, or cut-outs, whose alpha channel is the map; any size.

    Args:
        settings: where they lie.
        flip: not read, as the maps were made elsewhere.
        say: is given a sentence at the first cut-out.

    Raises:
        InputError: an image has no map, or it cannot be read or be a map of this image.
    """
    folder = Path(settings.folder)
    cut_out = False

    def saliency(record: Record) -> np.ndarray:
        nonlocal cut_out
        path = folder / f"{record.id}.png"
        try:
            pixels = read_rgba(path)
        except InputError as error:
            raise InputError(f"{KEY}, one PNG per image: {error}{_near(path)}") from None
        check_shape(path, pixels.shape[:2], record)
        alpha = pixels[..., 3]
        if alpha.min() < OPAQUE:
            if not cut_out:
                say(f"{path} is a cut-out: its alpha channel is the saliency map, as of every other cut-out.")
            cut_out = True
            return _scaled(alpha)
        return _scaled(_grey(path, pixels[..., :3], folder))

    return saliency


def _scaled(values: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = values.astype(np.float32) / np.float32(255.0)
    return scaled


def _grey(path: Path, colours: np.ndarray, folder: Path) -> np.ndarray:
    """The grey values of an opaque map H×W×3.

    Raises:
        InputError: it is in colour, or holds 0 and 1 in place of 0 and 255.
    """
    wide = colours.astype(np.int16)
    if (wide.max(axis=2) - wide.min(axis=2)).max() >= COLOURED:
        raise InputError(
            f"{KEY}: {path} is in colour and opaque; a grey map, 0 to 255, or a cut-out with a transparent background "
            "was expected: save the map itself, not a picture of it."
        )
    grey: np.ndarray = wide.mean(axis=2).round().astype(np.uint8)
    highest = int(grey.max())
    if highest <= 1:
        _check_range(path, highest, folder)
    return grey


def _check_range(path: Path, highest: int, folder: Path) -> None:
    """Refuse a map of 0 and 1, unless others say that it is only dark: an image may show nothing salient."""
    stored, white = _stored(path)
    if white == WHITE_16 and stored > highest:  # of 16 bits the upper 8 count
        raise InputError(
            f"{KEY}: {path} holds no value above {stored:,}, and white is {white:,} in it: multiply the maps by "
            f"{white // 255}, or save them with 8 bits per pixel."
        )
    others = islice((other for other in folder.rglob("*.png") if other != path), LOOKED_AT)
    if highest == 1 and all(_stored(other)[0] <= 1 for other in others):
        raise InputError(
            f"{KEY}: {path} holds no value above 1, and 255 is salient: multiply the maps by 255, if they hold 0 and 1."
        )


def _stored(path: Path) -> tuple[int, int]:
    """The highest value in a file as it is stored, and what is white in it."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            wide = image.mode.startswith("I")
            highest = int(np.asarray(image if wide else image.convert("L")).max())
    except Exception:  # a damaged neighbour says nothing, and is refused at its own image
        return 0, OPAQUE
    return highest, WHITE_16 if wide else OPAQUE


def check_shape(path: Path, shape: tuple[int, ...], record: Record) -> None:
    """Refuse a map that lies on its side or shows another part of the image.

    A square one fits any image: networks with a square input give it.

    Raises:
        InputError: the map's aspect ratio is not the image's.
    """
    (rows, columns), (height, width) = shape, image_size(record.image)
    if rows == columns or _fits(rows, columns, height, width):
        return
    found = f"{KEY}: {path} is {columns}×{rows} pixels, its image {record.image} {width}×{height}"
    if _fits(columns, rows, height, width):
        raise InputError(
            f"{found}: it lies on its side; make the maps of upright images, or turn them (photographs say in their "
            "EXIF orientation how they are turned)."
        )
    raise InputError(
        f"{found}: another aspect ratio; a map of the whole image, of any size, was expected: make it again."
    )


def _fits(rows: int, columns: int, height: int, width: int) -> bool:
    expected = width * rows / height
    return abs(columns - expected) <= max(2.0, SLACK * expected)


def _near(path: Path) -> str:
    """Names a file that may be the one that was meant."""
    if path.exists():
        return ""
    names = sorted(other.name for other in path.parent.glob("*")) if path.parent.is_dir() else []
    found = [
        name
        for name in names
        if name.startswith(path.stem) and name[len(path.stem) : len(path.stem) + 1] in "._-"
    ]
    return f" ({found[0]} is there: PNGs named like the images are read)" if found else ""
