"""Training samples of a detector: crops and the boxes in them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.detector.boxes import Boxed
from weakseg.errors import InputError
from weakseg.training.augment import Crops, View
from weakseg.training.sampling import Sample

LEAST_SEEN = 0.25
"""A box of which a crop shows a smaller share is left out: what is left of its object could be anything."""


class BoxedImages:
    """`image` 3×crop×crop `uint8`, `boxes` M×4 float32 in its pixels and `labels` M, 0 where there is no box.

    M is the largest number of boxes of an image. Images without a box are left out where their labels name a class, as
    nothing in them is sure to be background; where they name none, all of it is. A crop that shows no box counts as
    background.

    Args:
        records: the training images.
        boxes: image id → its boxes.
        crops: makes the crops.

    Raises:
        InputError: no image has a box.
    """

    def __init__(self, records: Sequence[Record], boxes: Mapping[str, Boxed], crops: Crops) -> None:
        self._records = [
            item for item in records if item.id in boxes and (len(boxes[item.id].labels) or not item.labels)
        ]
        if not any(len(boxes[item.id].labels) for item in self._records):
            raise InputError(
                "no training image has a box; at least one was expected: look at proxy/refined, or lower "
                "detector.least_region."
            )
        self._boxes, self._crops = boxes, crops
        self._most = max(len(boxes[item.id].labels) for item in self._records)

    def __len__(self) -> int:
        return len(self._records)

    def name(self, item: int) -> str:
        """The id of item `item`."""
        return self._records[item].id

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        image, boxed = read_image(record.image), self._boxes[record.id]
        if boxed.size != image.shape[:2]:
            raise InputError(
                f"the boxes of '{record.id}' are of {boxed.size[1]}×{boxed.size[0]} pixels, the image has "
                f"{image.shape[1]}×{image.shape[0]}; both must have one size: run 'weakseg proxy boxes' again."
            )
        view = self._crops.view(generator, image)
        crop = self._crops.cut_image(generator, image, view)
        seen, kept = boxes_in_view(boxed, view, self._crops.side)
        boxes, labels = torch.zeros(self._most, 4), torch.zeros(self._most, dtype=torch.int64)
        boxes[: len(seen)] = torch.from_numpy(seen)
        labels[: len(seen)] = torch.from_numpy(boxed.labels[kept])
        return {"image": torch.from_numpy(crop).permute(2, 0, 1), "boxes": boxes, "labels": labels}


def boxes_in_view(boxed: Boxed, view: View, crop: int) -> tuple[np.ndarray, np.ndarray]:
    """The boxes as a crop shows them.

    Args:
        boxed: of the whole image.
        view: where the crop lies.
        crop: its side, pixels.

    Returns:
        K×4 float32 in the crop's pixels, and which of the M boxes they are (M bool): those of which at least
        `LEAST_SEEN` is seen, and a pixel in each direction.
    """
    (height, width), (left, top) = boxed.size, view.window
    scale = np.array([view.size[0] / width, view.size[1] / height] * 2, np.float32)
    moved = boxed.boxes * scale - np.array([left, top] * 2, np.float32)
    cut = moved.clip(0, crop)
    sides, whole = (values[:, 2:] - values[:, :2] for values in (cut, moved))
    kept = (sides >= 1).all(axis=1) & (sides.prod(axis=1) >= LEAST_SEEN * whole.prod(axis=1))
    seen = cut[kept]
    if view.mirrored:
        seen[:, [0, 2]] = crop - seen[:, [2, 0]]
    return seen, kept
