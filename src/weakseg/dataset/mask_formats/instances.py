"""PNGs that number the objects of an image."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked
from weakseg.settings.section import ClassName, FilePath

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found


class InstanceMasks(MaskFormat):
    """PNGs of 8 or 16 bits named like the images: a number for each object, 0 background."""

    name = "instances"
    made_by = "draw_instances"

    folder: FilePath = "masks"
    """Folder of the PNGs."""
    divisor: int | None = Field(None, ge=2, le=65_535)
    """The number of an object divided by this, rounded down, is the number of its class, as the 1000 of Cityscapes.
    `null`: all objects of an image are of its only class; where it shows several, only its background is scored."""
    classes_by_number: dict[str, ClassName] = Field(default_factory=dict, max_length=1000)
    """With `divisor`: number of a class → its name, such as `'26': car`. Other numbers are not scored."""
    unscored: int | None = Field(255, ge=0, le=65_535)
    """The number of pixels that are not scored, as the 255 of VOC; `null`: none."""

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The PNG of each image."""
        from weakseg.dataset.masks import masks_of

        return masks_of(Path(self.folder), images, f"{self.key()}.folder")


import numpy as np

from weakseg.dataset.mask_formats.colours import read_pixels
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED


def draw_instances(task: tuple[InstanceMasks, Path, Unmasked, Sequence[str]]) -> np.ndarray:
    """The labels of a PNG that numbers objects.

    Raises:
        InputError: it cannot be read, or has more than one channel.
    """
    masks, path, image, known = task
    numbers = read_pixels(path, "I").astype(np.int64)
    if numbers.ndim != 2:
        raise InputError(
            f"mask {path} has several channels; one number per pixel was expected: save it as a grey PNG of 8 or 16 "
            "bits."
        )
    values, places = np.unique(numbers, return_inverse=True)
    lookup = np.array([_label(masks, value, image, known) for value in values.tolist()], np.uint8)
    return lookup[places].reshape(numbers.shape)


def _label(masks: InstanceMasks, value: int, image: Unmasked, known: Sequence[str]) -> int:
    """The label of an object's number."""
    if value == masks.unscored:
        return UNDECIDED
    if value == 0:
        return 0
    if masks.divisor is None:
        return (
            known.index(image.labels[0]) + 1
            if len(image.entry.labels) == len(image.labels) == 1
            else UNDECIDED
        )
    number = value // masks.divisor or value  # Cityscapes numbers what it does not count by the class alone
    name = masks.classes_by_number.get(str(number))
    return known.index(name) + 1 if name in known else UNDECIDED
