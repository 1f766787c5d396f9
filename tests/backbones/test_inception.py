"""Inception-v3 at the stride SPG publishes, with torchvision's weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from torchvision.models import Inception3, inception, inception_v3

from weakseg.backbones.inception import Inception
from weakseg.backbones.weights import read_initial_weights
from weakseg.errors import InputError


@pytest.fixture(scope="module")
def torchvisions() -> Iterator[Inception3]:
    torch.manual_seed(0)
    yield inception_v3(init_weights=False, aux_logits=True).eval()


def test_takes_torchvisions_weights_and_computes_the_same(tmp_path: Path, torchvisions: Inception3) -> None:
    torch.save(torchvisions.state_dict(), tmp_path / "inception.pth")
    initial = read_initial_weights(str(tmp_path / "inception.pth"), architecture="inception_v3")
    assert initial is not None
    assert len(initial.provenance["sha256"]) == 64
    own = Inception(8).eval()
    own.load(initial)
    image = torch.randint(0, 256, (1, 3, 96, 96)).float()
    x = (image - 127.5) / 127.5  # what torchvision's transform_input arrives at
    stem = torchvisions.Conv2d_1a_3x3
    stem.conv.padding = (1, 1)
    x = torchvisions.Conv2d_2b_3x3(torchvisions.Conv2d_2a_3x3(stem(x)))
    stem.conv.padding = (0, 0)
    pool = torch.nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
    x = torchvisions.Conv2d_4a_3x3(torchvisions.Conv2d_3b_1x1(pool(x)))
    x = torchvisions.Mixed_5d(torchvisions.Mixed_5c(torchvisions.Mixed_5b(pool(x))))
    torch.testing.assert_close(own.side_features(image)[0], x)


@pytest.mark.parametrize(("stride", "cells"), [(8, 28), (16, 14)])
def test_output_stride(stride: int, cells: int) -> None:
    features = Inception(stride).eval()(torch.zeros(1, 3, 224, 224))
    assert features.shape == (1, 768, cells, cells)


def test_wrong_weights(tmp_path: Path, torchvisions: Inception3) -> None:
    state = torchvisions.state_dict()
    state.pop("Mixed_5b.branch1x1.conv.weight")
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(InputError, match=r"nothing as 'Mixed_5b\.branch1x1\.conv\.weight'"):
        read_initial_weights(str(tmp_path / "cut.pth"), architecture="inception_v3")
    with pytest.raises(InputError, match="was expected"):
        read_initial_weights("IMAGENET1K_FEATURES", architecture="inception_v3")


def test_frozen_stages_pass_no_gradient() -> None:
    backbone = Inception(16)
    backbone.freeze(3)
    backbone(torch.zeros(2, 3, 96, 96)).sum().backward()
    assert backbone.Mixed_5d.branch1x1.conv.weight.grad is None
    assert backbone.Mixed_6a.branch3x3.conv.weight.grad is not None


def test_padded_cells_lie_over_every_eighth_pixel() -> None:
    """The stem as averages of a ramp: what a cell holds is where it looks. The Mixed blocks keep the grid."""
    network = Inception(8).eval()
    features = torch.arange(-6.0, 65 + 10).expand(1, 3, 65 + 16, 65 + 16)
    for stage in network._stages()[:3]:
        for layer in stage:
            if isinstance(layer, nn.MaxPool2d):
                features = functional.avg_pool2d(features, 3, 2, 1, ceil_mode=True)
                continue
            if not isinstance(layer, inception.BasicConv2d):
                break
            nn.init.constant_(layer.conv.weight, 1 / layer.conv.weight[0].numel())
            layer.bn.running_var.fill_(1 - layer.bn.eps)
            features = layer.conv(features)
    assert features.shape[2:] == (10, 10)
    inside = torch.arange(2, 8)
    torch.testing.assert_close(features[0, 0, 5, 2:8], 8.0 * inside, atol=1e-2, rtol=0)
