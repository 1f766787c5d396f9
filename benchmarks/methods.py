"""Training steps of the attention methods, in turn."""

import time
from pathlib import Path
from typing import Any

import torch
from setting import BATCH, CLASSES, Setting

from weakseg.attention.network import build, enrol
from weakseg.attention.networks import NETWORKS
from weakseg.attention.settings import AttentionConfig
from weakseg.backbones.settings import BackboneConfig
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.precision import autocast, resolve

CROP = 224
ROUNDS = 4


def methods(setting: Setting) -> dict[str, Any]:
    """Images per second of a step without loading: VGG16, stride 16, crops of 224 pixels, two stages frozen."""
    records = [
        Record(str(n), Path(f"{n}.jpg"), "train", (CLASSES[n % len(CLASSES)],), None) for n in range(BATCH)
    ]
    index = Index(records, CLASSES, tuple(range(len(CLASSES) + 1)))
    networks = {
        name: _network(name, index, setting.device) for name, method in NETWORKS.items() if method.trains
    }
    batch = _batch(setting.device)
    times: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS):
        for name, network in networks.items():
            start = time.perf_counter()
            network.zero_grad(set_to_none=True)
            with autocast(resolve("auto"), setting.device):
                loss = sum(network.losses(batch).values())
            loss.backward()
            loss.item()  # waits for a GPU
            times[name].append(time.perf_counter() - start)
    seconds = {name: sorted(taken[1:])[(ROUNDS - 1) // 2] for name, taken in times.items()}
    return {
        name: {"images_per_second": BATCH / taken, "of_cam": seconds["cam"] / taken}
        for name, taken in seconds.items()
    }


def _network(name: str, index: Index, device: torch.device) -> Any:
    torch.manual_seed(0)
    network = build(
        AttentionConfig(method=name, stride=16, backbone=BackboneConfig(frozen_stages=2)), len(CLASSES)
    )
    enrol(network, index)
    return network.to(device, memory_format=torch.channels_last).train()


def _batch(device: torch.device) -> dict[str, torch.Tensor]:
    """What any of the methods asks for: one class an image, the whole image as crop."""
    present = torch.arange(BATCH) % len(CLASSES)
    slots = torch.full((BATCH, len(CLASSES)), -1)
    slots[torch.arange(BATCH), present] = torch.arange(BATCH)
    images = torch.randint(0, 256, (BATCH, 3, CROP, CROP), dtype=torch.uint8)
    batch = {
        "image": images.contiguous(memory_format=torch.channels_last),
        "labels": torch.eye(len(CLASSES))[present],
        "slots": slots,
        "view": torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0]]).repeat(BATCH, 1),
        "target": torch.rand(BATCH, len(CLASSES), CROP, CROP),
    }
    return {name: values.to(device) for name, values in batch.items()}
