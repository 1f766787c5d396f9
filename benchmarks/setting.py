"""What is measured: the photographs, and the networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from weakseg.attention.network import build as build_attention
from weakseg.attention.settings import AttentionConfig
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.segmenter.network import make
from weakseg.segmenter.networks import NETWORKS

CLASSES = ("cat", "cow", "dog", "horse", "person", "sheep")
CROP = 321
BATCH = 8


@dataclass(frozen=True)
class Setting:
    """What every measurement is given.

    Attributes:
        device: where to compute.
        files: photographs, at least `BATCH`.
        folder: for what is written.
    """

    device: torch.device
    files: Sequence[Path]
    folder: Path

    def index(self, count: int) -> Index:
        """The first `count` images, repeated if they are fewer, each showing one class or two."""
        records = []
        for number in range(count):
            names = tuple(sorted({CLASSES[number % 6], CLASSES[number % 4]}))
            records.append(
                Record(f"{number:05d}", self.files[number % len(self.files)], "train", names, None)
            )
        return Index(tuple(records), CLASSES, tuple(range(len(CLASSES) + 1)))


def network(name: str) -> nn.Module:
    """SeeNet or LargeFOV on VGG16, untrained, the same each time."""
    torch.manual_seed(0)
    if name == "largefov":
        return make(NETWORKS[name](), "vgg16", len(CLASSES))
    return build_attention(AttentionConfig(method=name), len(CLASSES))
