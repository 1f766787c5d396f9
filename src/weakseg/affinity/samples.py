"""Training samples of an affinity network: crops of images and of their fused proxies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels
from weakseg.training.augment import Crops
from weakseg.training.sampling import Sample


class LabelledCells:
    """`image` 3×crop×crop and `labels` crop×crop, both `uint8`; 255 is not decided.

    Args:
        records: the training images; those without a class have no two labels to tell apart and are left out.
        folder: `<id>.png` of every image.
        crops: makes the crops.

    Raises:
        InputError: no label map shows a class.
    """

    def __init__(self, records: Sequence[Record], folder: Path, crops: Crops) -> None:
        self._records = [record for record in records if record.labels]
        self._folder, self._crops = folder, crops
        if not any(_shows(self._read(record)) for record in self._records):
            raise InputError(
                f"no class has a pixel in the {len(self._records)} fused label maps of images with a class, and there "
                "are no pairs to learn from; loosen the values of the rule in proxy."
            )

    def __len__(self) -> int:
        return len(self._records)

    def name(self, item: int) -> str:
        """The id of item `item`."""
        return self._records[item].id

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        crop, cut = self._crops(generator, read_image(record.image), self._read(record))
        assert cut is not None
        return {"image": torch.from_numpy(crop).permute(2, 0, 1), "labels": torch.from_numpy(cut)}

    def _read(self, record: Record) -> np.ndarray:
        return read_labels(self._folder / f"{record.id}.png")


def _shows(labels: np.ndarray) -> bool:
    return bool(((labels != 0) & (labels != UNDECIDED)).any())
