"""A network that learns in a second, for tests of the training loop."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weakseg.training.parameters import ParameterGroup, caffe_groups

OPTIONS: dict[str, Any] = {
    "iterations": 40,
    "batch_size": 4,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "schedule": "poly",
    "warmup": 0,
    "clip_gradient": 10.0,
    "checkpoint_every": 10,
    "workers": 0,
    "seed": 3,
    "precision": "fp32",
}


class Brightness(nn.Module):
    """Tells bright from dark images; dropout and batch normalisation make resuming hard."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 1, 3)
        )

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        scores = self.layers(batch["image"].float() / 255).mean(dim=(1, 2, 3)).float()
        return {"loss_bright": nn.functional.binary_cross_entropy_with_logits(scores, batch["bright"])}

    def parameter_groups(self) -> list[ParameterGroup]:
        return caffe_groups(self)


class Images:
    """Forty-two noisy images, half of them bright."""

    def __len__(self) -> int:
        return 42

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        bright = item % 2
        pixels = generator.integers(0, 128, (3, 12, 12), dtype=np.uint8) + np.uint8(100 * bright)
        return {"image": torch.from_numpy(pixels), "bright": torch.tensor(float(bright))}

    def name(self, item: int) -> str:
        return f"image-{item}"


def network() -> Brightness:
    torch.manual_seed(5)
    return Brightness()


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )
