"""What a source of saliency is: a function of an image or of a record; mirrored copies; flat maps."""

from collections.abc import Callable

import numpy as np

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError

ImageMap = Callable[[np.ndarray], np.ndarray]
"""RGB `uint8` H×W×3 → h×w float32 in [0, 1]."""
Source = Callable[[Record], np.ndarray]
"""An image's record → h×w float32 in [0, 1]."""


def of_images(maps: ImageMap, flip: bool = False) -> Source:
    """A source that reads each image and looks at its pixels.

    Args:
        maps: what is made of the pixels.
        flip: average with the map of the mirrored image, mirrored back.

    Raises:
        InputError: an image cannot be read, or its map cannot be made or holds something else than numbers.
    """

    def saliency(record: Record) -> np.ndarray:
        image = read_image(record.image)
        try:
            values = maps(image)
            if flip:
                mirrored = maps(np.ascontiguousarray(image[:, ::-1]))
                values = (values + mirrored[:, ::-1]) / np.float32(2.0)
        except InputError as error:
            raise InputError(f"image '{record.id}': {error}") from None
        if not np.isfinite(values).all():
            raise InputError(
                f"the saliency map of image '{record.id}' holds NaN, and numbers from 0 to 1 were expected: train the "
                "network again."
            )
        return values

    return saliency


class Flatness:
    """Counts maps that have one value everywhere, as they will be stored."""

    def __init__(self) -> None:
        self._count = 0
        self._flat: set[str] | None = set()

    def see(self, values: np.ndarray) -> None:
        """Take note of a map in [0, 1]."""
        self._count += 1
        low, high = round(float(values.min()) * 255), round(float(values.max()) * 255)
        if self._flat is not None and low == high:
            self._flat.add({0: "black", 255: "white"}.get(low, "of one value"))
        else:
            self._flat = None

    def sentence(self, shard: str, key: str) -> str | None:
        """What to say after the maps of a shard, if all of them are flat.

        Args:
            shard: which part of the images it is.
            key: where in the configuration to look.
        """
        if not self._count or self._flat is None:
            return None
        what = self._flat.pop() if len(self._flat) == 1 else "of one value"
        return (
            f"every saliency map of shard {shard} ({self._count} images) is {what} everywhere, so that they tell no "
            f"object from background: look at {key}."
        )
