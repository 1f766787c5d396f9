"""Attention maps of many images: batches bucketed by size, both flips and all classes per forward pass."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.attention.networks.attention_memory import AttentionMemory
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import scale_to_one
from weakseg.attention.settings import MapsConfig
from weakseg.dataset.images import image_size, read_image
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.exhausted import Halving
from weakseg.training.precision import autocast

Look = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Images and labels → maps N×C×h×w, not negative, and class scores N×C."""


@dataclass(frozen=True)
class Attended:
    """One image's result.

    Attributes:
        id: the image.
        maps: class name → h×w float32 in [0, 1], present classes only.
        class_scores: C float32, the classifier's scores without knowing the labels.
    """

    id: str
    maps: dict[str, np.ndarray]
    class_scores: np.ndarray


def attention_maps(
    network: Classifier, index: Index, records: Sequence[Record], maps: MapsConfig, device: torch.device
) -> Iterator[Attended]:
    """Yield the maps of every record, with the longest side at `maps.size` and that times each of `maps.scales`.

    Maps of further scales meet at the first one's resolution. Networks with `sums_scales` sum their scores over sizes
    and mirrored images and normalise the sum. Of the others, and of Grad-CAM, each map is normalised by itself; of an
    image and its mirror the maximum is taken, over sizes the mean. What a network's memory holds of an image's class
    stands for that map. Where memory runs out, batches get smaller.

    Args:
        network: the trained network.
        index: gives the classes.
        records: images with their labels.
        maps: how they are computed.
        device: where to compute.

    Raises:
        InputError: memory ran out on a single image.
    """
    network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.read_out = maps.read_out
    sums = maps.source == "network" and network.sums_scales
    look = partial(_look(maps.source), network)
    multiple = network.backbone.map_multiple
    buckets = sorted(
        ((input_size(record, maps.size, multiple), record) for record in records), key=lambda item: item[0]
    )
    count = maps.batch_size
    chunks = [
        (shape, [record for _, record in group[start : start + count]])
        for shape, group in (
            (shape, list(items)) for shape, items in groupby(buckets, key=lambda item: item[0])
        )
        for start in range(0, len(group), count)
    ]

    def seen(inputs: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[np.ndarray, np.ndarray]]:
        images, labels = (torch.cat(tensors) for tensors in zip(*inputs, strict=True))
        batch = images.to(device, memory_format=torch.channels_last)
        with autocast(maps.precision, device):
            values, scores = _fused(look, batch, labels.to(device), maps.scales, maps.flip, sums, multiple)
        return list(zip(values.cpu().numpy(), scores.cpu().numpy(), strict=True))

    see = Halving(seen, "image", "lower attention.maps.size or the largest of attention.maps.scales")
    with ThreadPoolExecutor(1) as loader:
        pending = [loader.submit(_load, shape, chunk) for shape, chunk in chunks[:1]]
        for number, (_, chunk) in enumerate(chunks):
            images = pending.pop().result()
            pending += [loader.submit(_load, *following) for following in chunks[number + 1 : number + 2]]
            labels = torch.from_numpy(np.stack([index.class_vector(record) for record in chunk]))
            found = see(list(zip(torch.split(images, 1), torch.split(labels, 1), strict=True)))
            for record, (values, class_scores) in zip(chunk, found, strict=True):
                named = {name: values[index.classes.index(name)] for name in record.labels}
                yield Attended(record.id, named | _remembered(network.memory, record), class_scores)


def _remembered(memory: AttentionMemory | None, record: Record) -> dict[str, np.ndarray]:
    if memory is None:
        return {}
    recalled = {name: memory.recall(record.id, name) for name in record.labels}
    return {name: values.cpu().numpy() for name, values in recalled.items() if values is not None}


def _look(source: str) -> Callable[[Classifier, Tensor, Tensor], tuple[Tensor, Tensor]]:
    if source == "network":
        return _own
    from weakseg.attention.gradcam import grad_cam  # takes as long to import as half of torch

    return grad_cam


def _own(network: Classifier, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The network's own maps N×C×h×w, raw where it sums them, and its class scores N×C."""
    with torch.inference_mode():
        return network.evidence(images, labels) if network.sums_scales else network.attention(images, labels)


def _fused(
    look: Look,
    images: Tensor,
    labels: Tensor,
    scales: Sequence[float],
    flip: bool,
    sums: bool,
    multiple: int,
) -> tuple[Tensor, Tensor]:
    """Maps N×C×h×w in [0, 1] and class scores N×C over scales and flips."""
    maps: list[Tensor] = []
    scores: list[Tensor] = []
    for scale in scales:
        scaled = images if scale == 1.0 else _resize(images, scale, multiple)
        values, found = _one_scale(look, scaled, labels, flip, sums)
        if maps:
            values = functional.interpolate(values, maps[0].shape[2:], mode="bilinear", align_corners=False)
        maps.append(values)
        scores.append(found)
    fused, score = torch.stack(maps).mean(dim=0), torch.stack(scores).mean(dim=0)
    return (scale_to_one(fused) if sums or len(maps) > 1 else fused), score


def _one_scale(look: Look, images: Tensor, labels: Tensor, flip: bool, sums: bool) -> tuple[Tensor, Tensor]:
    if not flip:
        return look(images, labels)
    both, scores = look(torch.cat([images, images.flip(3)]), torch.cat([labels, labels]))
    plain, mirrored = both.chunk(2)
    mirrored = mirrored.flip(3)
    fused = plain + mirrored if sums else torch.maximum(plain, mirrored)
    return fused, sum(scores.chunk(2)) / 2  # type: ignore[return-value]


def _resize(images: Tensor, scale: float, multiple: int) -> Tensor:
    sides = [_rounded(side * scale, multiple) for side in images.shape[2:]]
    return functional.interpolate(images.float(), sides, mode="bilinear", align_corners=False, antialias=True)


def input_size(record: Record, size: int, multiple: int) -> tuple[int, int]:
    """Height and width of the network's input: longest side `size`, aspect kept up to rounding to a multiple.

    The map then covers the image, and few distinct sizes remain.
    """
    height, width = image_size(record.image)
    scale = size / max(height, width)
    return _rounded(height * scale, multiple), _rounded(width * scale, multiple)


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _load(shape: tuple[int, int], records: Sequence[Record]) -> Tensor:
    """N×3×H×W `uint8`, channels last."""
    images = [_resized(read_image(record.image), shape) for record in records]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image H×W×3 brought to height and width `shape`: by the mean over areas where it shrinks, else linearly.

    OpenCV's `INTER_AREA` is a mean only where both sides shrink, so that a side that grows goes by itself.
    """
    shrinks = [new <= old for new, old in zip(shape, image.shape, strict=False)]
    if shrinks[0] == shrinks[1]:
        return _to(image, shape, shrinks[0])
    columns = _to(image, (image.shape[0], shape[1]), shrinks[1])
    return _to(columns, shape, shrinks[0])


def _to(image: np.ndarray, shape: tuple[int, int], shrinks: bool) -> np.ndarray:
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: np.ndarray = cv2.resize(image, shape[::-1], interpolation=method)
    return resized
