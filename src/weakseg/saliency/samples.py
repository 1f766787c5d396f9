"""Training samples of a saliency network: crops and class-agnostic masks."""

from collections.abc import Sequence

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels
from weakseg.training.augment import Augmentation
from weakseg.training.sampling import Sample


class SaliencyImages:
    """`image` 3×crop×crop and `mask` crop×crop, both `uint8`; the mask is 0, 1 or 255.

    Raises:
        InputError: the index has no saliency split, or an image of it no mask.
    """

    def __init__(self, records: Sequence[Record], augmentation: Augmentation) -> None:
        if not records or any(record.mask is None for record in records):
            raise InputError(
                "training a saliency network needs images with masks in the split 'saliency', and this data set has "
                "none: set saliency.method to onnx or folder."
            )
        self._records, self._augmentation = records, augmentation

    def __len__(self) -> int:
        return len(self._records)

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        assert record.mask is not None
        mask = read_labels(record.mask)
        mask[(mask != UNDECIDED) & (mask != 0)] = 1
        image, cut = self._augmentation(generator, read_image(record.image), mask)
        assert cut is not None
        return {"image": torch.from_numpy(image).permute(2, 0, 1), "mask": torch.from_numpy(cut)}
