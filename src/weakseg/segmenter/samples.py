"""Training samples of a segmenter: crops and label maps."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.training.augment import Augmentation
from weakseg.training.sampling import Sample


class LabelledPixels:
    """`image` 3×crop×crop and `labels` crop×crop, both `uint8`; 255 is not decided.

    Args:
        records: the training images.
        read: gives a record's label map H×W `uint8`, proxy or mask.
        augmentation: makes the crops.

    Raises:
        InputError: there is no image.
    """

    def __init__(
        self,
        records: Sequence[Record],
        read: Callable[[Record], np.ndarray],
        augmentation: Augmentation,
    ) -> None:
        if not records:
            raise InputError(
                "no training image has labels for the segmenter; give masks or set segmenter.labels to proxy."
            )
        self._records, self._read, self._augmentation = records, read, augmentation

    def __len__(self) -> int:
        return len(self._records)

    def name(self, item: int) -> str:
        """The id of item `item`."""
        return self._records[item].id

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        image, labels = read_image(record.image), self._read(record)
        if labels.shape != image.shape[:2]:
            raise InputError(
                f"the labels of '{record.id}' are {labels.shape[1]}×{labels.shape[0]} pixels, the image "
                f"{image.shape[1]}×{image.shape[0]}; both must have one size: remake the labels."
            )
        crop, cut = self._augmentation(generator, image, labels)
        assert cut is not None
        return {"image": torch.from_numpy(crop).permute(2, 0, 1), "labels": torch.from_numpy(cut)}
