"""PNGs in colours, one for each class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked
from weakseg.settings.section import ClassName, FilePath

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found

Colour = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


class ColourMasks(MaskFormat):
    """PNGs in colours, named like the images: red, green and blue of each class."""

    name = "colours"
    made_by = "draw_colours"

    folder: FilePath = "masks"
    """Folder of the PNGs."""
    table: dict[ClassName, Colour] = Field(default_factory=dict, max_length=254)
    """Class → its colour, such as `cat: [128, 0, 0]`. Classes that are not in `dataset.classes` are not scored."""
    background: Colour = Field(default_factory=lambda: [0, 0, 0])
    """Colour of the background."""
    others: Literal["refuse", "undecided"] = "refuse"
    """Pixels of other colours: `refuse` names the colours; `undecided`: they are not scored."""

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The PNG of each image."""
        from weakseg.dataset.masks import masks_of

        return masks_of(Path(self.folder), images, f"{self.key()}.folder")


import numpy as np
from PIL import Image

from weakseg.dataset.wording import examples
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED

MOST_PIXELS = 1 << 28


def draw_colours(task: tuple[ColourMasks, Path, Unmasked, Sequence[str]]) -> np.ndarray:
    """The labels of a PNG in colours.

    Raises:
        InputError: it cannot be read, or holds a colour that the table lacks.
    """
    masks, path, _, known = task
    pixels = read_pixels(path, "RGB").astype(np.uint32)
    packed = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    values, places = np.unique(packed, return_inverse=True)
    numbers = {_packed(masks.background): 0}
    numbers |= {
        _packed(colour): known.index(name) + 1 if name in known else UNDECIDED
        for name, colour in masks.table.items()
    }
    strange = [value for value in values.tolist() if value not in numbers]
    if strange and masks.others == "refuse":
        named = [f"[{value >> 16}, {value >> 8 & 255}, {value & 255}]" for value in strange]
        raise InputError(
            f"mask {path} has the colours {examples(named)}, "
            f"and {masks.key()}.table names {examples([*masks.table], most=5)} alone: add their classes, or set "
            f"{masks.key()}.others to undecided."
        )
    lookup = np.array([numbers.get(value, UNDECIDED) for value in values.tolist()], np.uint8)
    return lookup[places].reshape(packed.shape)


def read_pixels(path: Path, mode: str) -> np.ndarray:
    """The pixels of a PNG in a mode of Pillow; `I` keeps 16 bits.

    Raises:
        InputError: it cannot be read, or is larger than any image that is.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}×{image.height} pixels")
            return np.array(image if mode == "I" and image.mode != "RGB" else image.convert(mode))
    except Exception as error:  # Pillow raises many types for a damaged file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"mask {path} cannot be read as a PNG ({reason}); a whole mask was expected: export it again."
        ) from None


def _packed(colour: Sequence[int]) -> int:
    return (colour[0] << 16) | (colour[1] << 8) | colour[2]
