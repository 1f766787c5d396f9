"""Attention maps of many images: batches bucketed by size, both flips and all classes per forward pass."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import cast

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.network import AttentionNetwork
from weakseg.dataset.images import image_size, read_image
from weakseg.dataset.index import Index, Record
from weakseg.training.precision import autocast

MULTIPLE = 32  # image sides are rounded to it, so that few distinct sizes remain
EPSILON = 1e-8


def attention_maps(
    network: nn.Module,
    index: Index,
    records: Sequence[Record],
    *,
    size: int,
    scales: Sequence[float],
    flip: bool,
    batch_size: int,
    precision: str,
    device: torch.device,
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield image id and {class name: h×w float32 in [0, 1]} for every record, present classes only.

    Args:
        network: an `AttentionNetwork`.
        index: gives the classes.
        records: images with their labels.
        size: longest side of the network's input, pixels.
        scales: input sizes relative to `size`; maps of several are averaged at the first one's resolution.
        flip: take the maximum with the mirrored image's maps.
        batch_size: images per forward pass.
        precision: as in the configuration.
        device: where to compute.
    """
    network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    buckets = sorted(((_input_size(record, size), record) for record in records), key=lambda item: item[0])
    chunks = [
        (shape, [record for _, record in group[start : start + batch_size]])
        for shape, group in (
            (shape, list(items)) for shape, items in groupby(buckets, key=lambda item: item[0])
        )
        for start in range(0, len(group), batch_size)
    ]
    with ThreadPoolExecutor(1) as loader:
        pending = [loader.submit(_load, shape, chunk) for shape, chunk in chunks[:1]]
        for number, (_, chunk) in enumerate(chunks):
            images = pending.pop().result()
            pending += [loader.submit(_load, *following) for following in chunks[number + 1 : number + 2]]
            labels = torch.from_numpy(np.stack([index.class_vector(record) for record in chunk]))
            with torch.inference_mode(), autocast(precision, device):
                maps = _fused(network, images.to(device), labels.to(device), scales, flip)
            for record, values in zip(chunk, maps.cpu().numpy(), strict=True):
                yield record.id, {name: values[index.classes.index(name)] for name in record.labels}


def _fused(network: nn.Module, images: Tensor, labels: Tensor, scales: Sequence[float], flip: bool) -> Tensor:
    """Maps N×C×h×w in [0, 1] over scales and flips."""
    maps: list[Tensor] = []
    for scale in scales:
        scaled = images if scale == 1.0 else _resize(images, scale)
        values = _one_scale(network, scaled, labels, flip)
        if maps:
            values = functional.interpolate(values, maps[0].shape[2:], mode="bilinear", align_corners=False)
        maps.append(values)
    mean = torch.stack(maps).mean(dim=0)
    if len(maps) == 1:
        return mean
    return mean / (mean.amax(dim=(2, 3), keepdim=True) + EPSILON)


def _one_scale(network: nn.Module, images: Tensor, labels: Tensor, flip: bool) -> Tensor:
    attention = cast(AttentionNetwork, network).attention
    if not flip:
        return attention(images, labels)
    both = attention(torch.cat([images, images.flip(3)]), torch.cat([labels, labels]))
    plain, mirrored = both.chunk(2)
    return torch.maximum(plain, mirrored.flip(3))


def _resize(images: Tensor, scale: float) -> Tensor:
    sides = [max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in images.shape[2:]]
    return functional.interpolate(images.float(), sides, mode="bilinear", align_corners=False, antialias=True)


def _input_size(record: Record, size: int) -> tuple[int, int]:
    """Height and width of the network's input: longest side `size`, aspect kept up to rounding."""
    height, width = image_size(record.image)
    scale = size / max(height, width)
    rounded = [max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width)]
    return rounded[0], rounded[1]


def _load(shape: tuple[int, int], records: Sequence[Record]) -> Tensor:
    """N×3×H×W `uint8`, channels last."""
    images = [
        cv2.resize(read_image(record.image), shape[::-1], interpolation=cv2.INTER_AREA) for record in records
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
