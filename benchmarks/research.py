"""The loops that research code of this field runs, to be measured against.

float32, contiguous tensors, Pillow decoding in line with the computation, one image at a time and one forward pass per
flip for maps: what the peers' repositories do (their training and `make_cam` scripts).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from weakseg.training.parameters import ParameterGroup


def batches(files: Sequence[Path], crop: int, batch_size: int, classes: int) -> Iterator[dict[str, Tensor]]:
    """Random crops, decoded one after another in the process that trains; labels are the same for all."""
    generator = np.random.default_rng(0)
    while True:
        images = []
        for number in generator.choice(len(files), batch_size):
            with Image.open(files[number]) as opened:
                image = opened.convert("RGB")
            scale = generator.uniform(1.0, 1.3) * crop / min(image.size)
            image = image.resize(
                (max(crop, round(image.width * scale)), max(crop, round(image.height * scale)))
            )
            left, top = (int(generator.integers(side - crop + 1)) for side in image.size)
            cut = np.asarray(image.crop((left, top, left + crop, top + crop)))
            images.append(torch.from_numpy(cut.copy()).permute(2, 0, 1).contiguous())
        labels = torch.zeros(batch_size, classes)
        labels[:, 0] = 1.0
        yield {
            "image": torch.stack(images),
            "labels": labels,
        }


def solver(groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    """Plain SGD, a loop over the parameters."""
    options = [{"params": group.parameters, "lr": 1e-4 * group.rate} for group in groups]
    return torch.optim.SGD(options, momentum=0.9, foreach=False)


def step(network: nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor]) -> None:
    """One optimisation step in float32."""
    optimizer.zero_grad()
    loss = sum(network.losses(batch).values())  # type: ignore[operator]
    loss.backward()  # type: ignore[union-attr]
    optimizer.step()


def maps(
    network: nn.Module, files: Sequence[Path], labels: Tensor, sizes: Sequence[tuple[int, int]]
) -> list[Tensor]:
    """Attention with flip, image by image: C×h×w each."""
    found = []
    with torch.no_grad():
        for file, label, size in zip(files, labels, sizes, strict=True):
            with Image.open(file) as opened:
                image = cv2.resize(
                    np.asarray(opened.convert("RGB")), size[::-1], interpolation=cv2.INTER_AREA
                )
            tensor = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
            plain = network.attention(tensor, label[None])[0]  # type: ignore[operator]
            mirrored = network.attention(tensor.flip(3), label[None])[0]  # type: ignore[operator]
            found.append(torch.maximum(plain, mirrored.flip(3))[0])
    return found
