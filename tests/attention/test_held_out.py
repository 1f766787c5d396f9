"""The classifier's precision on held-out images: which are looked at, and how."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from weakseg.attention.held_out import HeldOut
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.settings import TrainingConfig

TRAINING = TrainingConfig(crop=32, batch_size=4, checkpoint_every=8)


class Reds(nn.Module):
    """Takes red images for the first class, all others for the second; remembers the batches it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen: list[tuple[int, ...]] = []

    def class_scores(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        red = images[:, 0].float().mean(dim=(1, 2)) - images[:, 2].float().mean(dim=(1, 2))
        return torch.stack([red, -red], dim=1) * self.weight


def index(folder: Path, count: int, split: str = "val") -> Index:
    records = []
    for number in range(count):
        pixels = np.zeros((20, 40, 3), np.uint8)
        pixels[..., 2 * (number % 2)] = 200
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        records.append(Record(str(number), path, split, (("cat", "dog")[number % 2],), None))
    return Index(tuple(records), ("cat", "dog"), (0, 1, 2))


@torch.no_grad()
def test_a_network_that_knows_all_scores_one_and_one_that_is_wrong_less(tmp_path: Path) -> None:
    data = index(tmp_path, 6)
    measure = HeldOut.of(data, TRAINING, (0, 0, 0))
    assert measure is not None
    network = Reds()
    assert measure(network) == {"val_ap": 1.0}
    assert network.seen == [(4, 3, 32, 32), (2, 3, 32, 32)]
    network.weight.neg_()
    assert measure(network) == {"val_ap": 0.5}  # all images of a class score the same


def test_without_held_out_images_nothing_is_measured(tmp_path: Path) -> None:
    assert HeldOut.of(index(tmp_path, 2, "train"), TRAINING, (0, 0, 0)) is None


@pytest.mark.parametrize(("every", "count"), [(8, 16), (80, 20), (4000, 64)])
@torch.no_grad()
def test_the_number_of_images_follows_the_work_between_two_checkpoints(
    tmp_path: Path, every: int, count: int
) -> None:
    training = TRAINING.model_copy(update={"checkpoint_every": every})
    measure, network = HeldOut.of(index(tmp_path, 70), training, (0, 0, 0)), Reds()
    assert measure is not None
    measure(network)
    assert sum(shape[0] for shape in network.seen) == count
