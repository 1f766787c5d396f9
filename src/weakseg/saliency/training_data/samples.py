"""Training samples of a saliency network: crops or clips, and class-agnostic masks."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.training_data.masks import ReadMask, read_nonzero
from weakseg.saliency.training_data.videos import Video
from weakseg.storage.labels import UNDECIDED
from weakseg.training.augment import Crops, View
from weakseg.training.sampling import Sample


class SaliencyImages:
    """`image` 3×crop×crop and `mask` crop×crop, both `uint8`; the mask is 0, 1 or 255.

    Raises:
        InputError: there are no images, or one has no mask.
    """

    def __init__(self, records: Sequence[Record], crops: Crops, read_mask: ReadMask = read_nonzero) -> None:
        if not records or any(record.mask is None for record in records):
            raise InputError(
                "training a saliency network needs images with masks in the split 'saliency', and this data set has "
                "none: set saliency.method to onnx, folder or unsupervised, or name other images in data.source."
            )
        self._records, self._crops, self._read_mask = records, crops, read_mask

    def __len__(self) -> int:
        return len(self._records)

    def name(self, item: int) -> str:
        """The id of item `item`."""
        return self._records[item].id

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        record = self._records[item]
        image, mask = read_pair(record, self._read_mask)
        image, cut = self._crops(generator, image, mask)
        assert cut is not None
        return {"image": torch.from_numpy(image).permute(2, 0, 1), "mask": torch.from_numpy(cut)}


class SaliencyClips:
    """`image` T×3×crop×crop and `mask` T×crop×crop of consecutive frames, cut and mirrored alike.

    Half of the clips run backwards, as in RCRNet's released training.

    Each video gives as many items as whole clips fit into it, at least one; where a clip starts is drawn. A frame
    without a label, and what fills up a video shorter than a clip (its last frame, repeated), has a mask of 255.
    """

    def __init__(self, videos: Sequence[Video], crops: Crops, length: int, read_mask: ReadMask) -> None:
        self._items = [video for video in videos for _ in range(max(1, len(video.frames) // length))]
        self._crops, self._length, self._read_mask = crops, length, read_mask

    def __len__(self) -> int:
        return len(self._items)

    def name(self, item: int) -> str:
        """The name of item `item`'s video."""
        return self._items[item].name

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, its start and augmentation drawn from `generator`."""
        frames = self._items[item].frames
        start = int(generator.integers(max(0, len(frames) - self._length) + 1))
        taken = frames[start : start + self._length]
        if generator.random() < 0.5:
            taken = taken[::-1]
        colours = int(generator.integers(2**32))
        view: View | None = None
        images, masks = [], []
        for record in taken:
            image, mask = read_pair(record, self._read_mask)
            view = view or self._crops.view(generator, image)
            images.append(self._crops.cut_image(np.random.default_rng(colours), image, view))
            masks.append(self._crops.cut_map(mask, view, UNDECIDED, cv2.INTER_NEAREST))
        while len(images) < self._length:
            images.append(images[-1])
            masks.append(np.full_like(masks[-1], UNDECIDED))
        return {
            "image": torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),
            "mask": torch.from_numpy(np.stack(masks)),
        }


def read_pair(record: Record, read_mask: ReadMask) -> tuple[np.ndarray, np.ndarray]:
    """Image H×W×3 and mask H×W, 255 everywhere if the record has none.

    Raises:
        InputError: a file is damaged, or the two differ in size.
    """
    image = read_image(record.image)
    if record.mask is None:
        return image, np.full(image.shape[:2], UNDECIDED, np.uint8)
    mask = read_mask(record.mask)
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"mask {record.mask} is {mask.shape[1]}×{mask.shape[0]} pixels, its image {record.image} "
            f"{image.shape[1]}×{image.shape[0]}; both must have one size: export the mask again."
        )
    return image, mask
