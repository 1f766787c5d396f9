"""The classifier's average precision on images that it does not learn from, at each checkpoint of its training."""

from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index
from weakseg.training.ranking import mean_average_precision
from weakseg.training.settings import TrainingConfig

MOST, LEAST = 64, 16
"""Images that are looked at, at most and at least."""
SHARE = 16
"""Of this many training images between two checkpoints, one more is looked at: about 2 % of the time, as a forward pass
takes a third of a training step."""


class HeldOut:
    """A measure of `training.loop.fit`: the mean over classes of the average precision.

    Args:
        images: N×3×crop×crop `uint8`, made when first needed.
        truth: N×C, which classes are present.
        batch_size: images per forward pass.
    """

    columns = ("val_ap",)

    def __init__(
        self, index: Index, places: list[int], training: TrainingConfig, fill: tuple[int, int, int]
    ) -> None:
        records = index.split("val")
        self._records = [records[place] for place in places]
        self._truth = np.stack([index.class_vector(record) for record in self._records]) > 0
        self._side, self._batch, self._fill = training.crop, training.batch_size, fill
        self._images: Tensor | None = None

    @classmethod
    def of(cls, index: Index, training: TrainingConfig, fill: tuple[int, int, int]) -> Self | None:
        """On images of the split `val`, evenly spread; `None` if it is empty.

        Args:
            index: the data set.
            training: its `checkpoint_every` and `batch_size` say how many images are cheap.
            fill: RGB colour beside images that are not square.
        """
        held = len(index.split("val"))
        count = min(held, MOST, max(LEAST, training.checkpoint_every * training.batch_size // SHARE))
        places = np.linspace(0, held - 1, count).round().astype(int).tolist() if held else []
        return cls(index, places, training, fill) if places else None

    def __call__(self, network: nn.Module) -> dict[str, float | None]:
        """The mean average precision; `None` if no class is present in some of the images and absent in others."""
        if self._images is None:
            shown = [_whole(read_image(record.image), self._side, self._fill) for record in self._records]
            self._images = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2)
        device = next(network.parameters()).device
        scores = [
            network.class_scores(batch.to(device, memory_format=torch.channels_last)).float().cpu()  # type: ignore[operator]
            for batch in torch.split(self._images, self._batch)
        ]
        return {"val_ap": mean_average_precision(torch.cat(scores).numpy(), self._truth)}


def _whole(image: np.ndarray, side: int, fill: tuple[int, int, int]) -> np.ndarray:
    """An image H×W×3 shrunk or enlarged until it fits into a square, centred."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.empty((side, side, 3), np.uint8)
    square[:] = fill
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    square[top : top + size[0], left : left + size[1]] = cv2.resize(image, size[::-1], interpolation=method)
    return square
