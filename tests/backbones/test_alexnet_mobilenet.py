"""AlexNet and MobileNetV3 take torchvision's weights."""

from pathlib import Path

import pytest
import torch
from torchvision import models

from weakseg.backbones.alexnet import AlexNet
from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.weights import read_initial_weights


@pytest.mark.parametrize(
    ("architecture", "backbone"), [("alexnet", AlexNet), ("mobilenet_v3_large", MobileNet)]
)
def test_torchvisions_weights_fit(tmp_path: Path, architecture: str, backbone: type) -> None:
    torch.manual_seed(0)
    state = models.get_model(architecture, weights=None).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    initial = read_initial_weights(str(tmp_path / "weights.pth"), architecture=architecture)
    assert initial is not None
    network = backbone()
    network.load(initial)
    own = network.state_dict()
    assert len(own) > 10
    assert all(torch.equal(value, state[name]) for name, value in own.items() if name not in ("mean", "std"))
    dense = architecture == "alexnet"
    assert (initial.fc6 is not None) == (initial.fc7 is not None) == dense
    if initial.fc6 is not None:
        assert torch.equal(initial.fc6[0].flatten(1), state["classifier.1.weight"])


@pytest.mark.parametrize(("side", "cells"), [(65, 3), (64, 2), (33, 2), (32, 1), (1, 1)])
def test_alexnet_has_a_cell_per_32_pixels(side: int, cells: int) -> None:
    with torch.inference_mode():
        assert AlexNet().eval()(torch.zeros(1, 3, side, side)).shape == (1, 256, cells, cells)


def test_mobilenet_has_strides_8_and_16() -> None:
    network = MobileNet().eval()
    with torch.inference_mode():
        given = network.stage_features(torch.zeros(1, 3, 65, 97))
    assert network.strides == (2, 4, 8, 16, 16, 16)
    assert given[2].shape == (1, network.widths[2], 9, 13)
    assert given[-1].shape == (1, 960, 5, 7)


def test_mobilenet_without_dilation_halves_the_resolution_five_times() -> None:
    network = MobileNet(stride=32).eval()
    with torch.inference_mode():
        given = network.stage_features(torch.zeros(1, 3, 64, 96))
    assert [tuple(features.shape[1:]) for features in given] == [
        (width, 64 // stride, 96 // stride)
        for width, stride in zip(network.widths, (2, 4, 8, 16, 32, 32), strict=True)
    ]


def test_frozen_stages_pass_no_gradient() -> None:
    for network in (AlexNet(), MobileNet()):
        network.freeze(2)
        network(torch.rand(2, 3, 64, 64) * 255).sum().backward()
        silent = [p.grad is None for p in network.parameters()]
        assert any(silent)
        assert not all(silent)
        assert [p.grad is None for p in network.parameters()] == [
            not p.requires_grad for p in network.parameters()
        ]
