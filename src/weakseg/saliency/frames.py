"""Saliency of the frames of a video, in windows, so that memory does not grow with its length."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from weakseg.crf.size import shrunk
from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.saliency.methods.parts import SaliencyNetwork
from weakseg.saliency.network import as_batch


def video_maps(
    network: SaliencyNetwork, frames: Sequence[Record], length: int, size: int, device: torch.device
) -> Iterator[tuple[Record, np.ndarray]]:
    """Each frame and its map h×w in [0, 1], in order; no more than `length` frames are held at a time.

    Args:
        network: on `device`, in evaluation mode; one that `sees_clips` looks at the frames of a window together.
        frames: of one video, all of one size.
        length: frames of a window: the clip that the network was trained on.
        size: longest side that larger frames are brought to.
        device: of the network.
    """
    for first, last, new in windows(len(frames), length if network.sees_clips else 1):
        images = [as_batch(shrunk(read_image(record.image), size)) for record in frames[first:last]]
        with torch.inference_mode():
            maps = network.clip_saliency(torch.cat(images)[None].to(device))[0, :, 0]
        yield from zip(frames[new:last], maps[new - first :].cpu().numpy(), strict=True)


def windows(count: int, length: int) -> Iterator[tuple[int, int, int]]:
    """First frame, end, and first frame not seen yet, of each window.

    Windows follow each other; the last is moved back so that it is as long as those of the training.
    """
    for new in range(0, count, length):
        first = max(0, min(new, count - length))
        yield first, min(first + length, count), new
