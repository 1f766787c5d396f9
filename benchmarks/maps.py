"""Attention maps."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import research
import torch
from machine import seconds
from setting import BATCH, CROP, Setting, network

from weakseg.attention.maps import attention_maps, input_size
from weakseg.attention.settings import MapsConfig
from weakseg.storage.shards import write_shard


def maps(setting: Setting) -> dict[str, Any]:
    """Attention maps with flip: per second, against the research loop, and their bytes on disk."""
    index, device = setting.index(2 * BATCH), setting.device
    seenet = network("seenet").to(device).eval()

    def ours(precision: Literal["auto", "fp32"]) -> list[Any]:
        channels = seenet.to(memory_format=torch.channels_last)
        how = MapsConfig(size=CROP, batch_size=BATCH, precision=precision)
        return list(attention_maps(channels, index, index.records, how, device))

    fast = seconds(lambda: ours("auto"), device, 3)
    exact, rounded = ({item.id: item.maps for item in ours(precision)} for precision in ("fp32", "auto"))
    labels = torch.from_numpy(np.stack([index.class_vector(record) for record in index.records])).to(device)
    sizes = [input_size(record, CROP) for record in index.records]
    plain = seenet.to(memory_format=torch.contiguous_format)
    files = [record.image for record in index.records]
    slow = seconds(lambda: research.maps(plain, files, labels, sizes), device, 1)
    theirs = {
        record.id: dict(zip(index.classes, values.numpy(force=True), strict=True))
        for record, values in zip(index.records, research.maps(plain, files, labels, sizes), strict=True)
    }
    written = setting.folder / "maps.h5"
    write_shard(written, exact.items())
    size = written.stat().st_size / len(index.records)
    return {
        "maps_per_second": len(index.records) / fast,
        "over_research": slow / fast,
        "mean_difference_fp32": _difference(exact, theirs),
        "mean_difference_auto": _difference(rounded, theirs),
        "bytes_per_image": size,
        "gigabytes_of_voc_train_aug": size * 10_582 / 1e9,
    }


def _difference(
    ours: Mapping[str, Mapping[str, np.ndarray]], theirs: Mapping[str, Mapping[str, np.ndarray]]
) -> float:
    """Mean difference of two sets of maps, which lie in [0, 1]."""
    pairs = [(values, theirs[image][name]) for image, maps in ours.items() for name, values in maps.items()]
    return float(np.mean([np.abs(mine - other).mean() for mine, other in pairs]))
