"""Training samples of a classifier: crops and image-level labels."""

from collections.abc import Sequence

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index, Record
from weakseg.training.augment import Augmentation
from weakseg.training.sampling import Sample


class LabelledImages:
    """`image` 3×crop×crop `uint8` and `labels` C `float32`; masks are never opened."""

    def __init__(self, index: Index, records: Sequence[Record], augmentation: Augmentation) -> None:
        self._index, self._records, self._augmentation = index, records, augmentation

    def __len__(self) -> int:
        return len(self._records)

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        image, _ = self._augmentation(generator, read_image(record.image))
        return {
            "image": torch.from_numpy(image).permute(2, 0, 1),
            "labels": torch.from_numpy(self._index.class_vector(record)),
        }
