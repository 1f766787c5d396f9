"""Training samples of a segmenter: crops and label maps."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED
from weakseg.training.augment import Crops
from weakseg.training.sampling import Portion, Sample


class LabelledPixels:
    """`image` 3×crop×crop and `labels` crop×crop, both `uint8`; 255 is not decided.

    Args:
        records: the training images.
        read: gives a record's label map H×W `uint8`, proxy or mask.
        crops: makes the crops.
        negatives: share of the negatives, the images whose labels name no class; `None`: as they come.
        corrected: ids of the images whose label maps people drew.
        corrected_share: their share; `None`: as they come.

    Attributes:
        portions: the corrected images and the other negatives with their shares, as far as they are given and there are
            images of both kinds.

    Raises:
        InputError: not one pixel is decided in the images whose labels name a class.
    """

    def __init__(
        self,
        records: Sequence[Record],
        read: Callable[[Record], np.ndarray],
        crops: Crops,
        negatives: float | None = None,
        corrected: Collection[str] = (),
        corrected_share: float | None = None,
    ) -> None:
        # This reads one map of most data sets.
        shown = [record for record in records if record.labels] or records
        if not any((read(record) != UNDECIDED).any() for record in shown):
            raise InputError(
                f"not one pixel of the {len(shown)} label maps is decided, all are {UNDECIDED}, and there is "
                "nothing to learn from; loosen the values of proxy and proxy.refine, or correct the masks."
            )
        self._records, self._read, self._crops = records, read, crops
        drawn = [] if corrected_share is None else _numbers(records, lambda record: record.id in corrected)
        own = frozenset(drawn)
        empty = [n for n in _numbers(records, lambda record: not record.labels) if n not in own]
        self.portions: list[Portion] = []
        for items, share in ((drawn, corrected_share), (empty, negatives)):
            left = len(records) - sum(len(portion.items) for portion in self.portions)
            if share is not None and 0 < len(items) < left:
                self.portions.append(Portion(items, share))

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
        crop, cut = self._crops(generator, image, labels)
        assert cut is not None
        return {"image": torch.from_numpy(crop).permute(2, 0, 1), "labels": torch.from_numpy(cut)}


def _numbers(records: Sequence[Record], fits: Callable[[Record], bool]) -> list[int]:
    return [number for number, record in enumerate(records) if fits(record)]
