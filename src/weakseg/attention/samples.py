"""Training samples of a classifier: crops and image-level labels."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from weakseg.attention.networks.attention_memory import AttentionMemory
from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.storage.shards import ShardReader, to_uint8
from weakseg.training.augment import Crops
from weakseg.training.sampling import Sample


class LabelledImages:
    """`image` 3×crop×crop `uint8` and `labels` C `float32`; masks are never opened.

    Args:
        index: gives the classes.
        records: the training images.
        crops: makes the crops.
        memory: adds `slots` C `int64`, the memory's slot of each class, and `view` 5 `float32`, where the crop lies.
        targets: adds `target` C×crop×crop `float32` in [0, 1], the same crop of these maps.
    """

    def __init__(
        self,
        index: Index,
        records: Sequence[Record],
        crops: Crops,
        memory: AttentionMemory | None = None,
        targets: ShardReader | None = None,
    ) -> None:
        self._index, self._records, self._crops = index, records, crops
        # Not the memory itself: where data workers are new processes, each would be sent its maps.
        self._slots = None if memory is None else memory.slots
        self._targets = None if targets is None else [_kept(targets, record) for record in records]

    def __len__(self) -> int:
        return len(self._records)

    def name(self, item: int) -> str:
        """The id of item `item`."""
        return self._records[item].id

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record, crops = self._records[item], self._crops
        image = read_image(record.image)
        view = crops.view(generator, image)
        sample = {
            "image": torch.from_numpy(crops.cut_image(generator, image, view)).permute(2, 0, 1),
            "labels": torch.from_numpy(self._index.class_vector(record)),
        }
        if self._slots is not None:
            slots = [self._slots.get((record.id, name), -1) for name in self._index.classes]
            sample["slots"] = torch.tensor(slots, dtype=torch.int64)
            sample["view"] = torch.tensor(view.shares(crops.side), dtype=torch.float32)
        if self._targets is not None:
            target = np.zeros((len(self._index.classes), crops.side, crops.side), np.float32)
            for name, values in self._targets[item].items():
                cut = crops.cut_map(values, view, 0, cv2.INTER_LINEAR)
                target[self._index.classes.index(name)] = cut.astype(np.float32) / 255.0
            sample["target"] = torch.from_numpy(target)
        return sample


def _kept(targets: ShardReader, record: Record) -> dict[str, np.ndarray]:
    """One image's maps as `uint8`: all of them stay in memory, since open HDF5 files survive no fork."""
    return {name: to_uint8(values) for name, values in targets.read(record.id).items()}
