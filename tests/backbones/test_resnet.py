"""ResNet against torchvision's, at every output stride."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from weakseg.backbones.base import UNDILATED, Dilations
from weakseg.backbones.resnet import TORCHVISION, TORCHVISION_8, ResNet
from weakseg.backbones.weights import read_initial_weights
from weakseg.errors import InputError


def weights(folder: Path) -> nn.Module:
    torch.manual_seed(0)
    network = models.resnet50(weights=None).eval()
    torch.save(network.state_dict(), folder / "resnet50.pth")
    return network


def test_takes_torchvisions_weights_and_computes_the_same(tmp_path: Path) -> None:
    theirs = weights(tmp_path)
    own = ResNet("resnet50", 32).eval()
    initial = read_initial_weights(str(tmp_path / "resnet50.pth"), architecture="resnet50")
    assert initial is not None
    own.load(initial)
    image = torch.randint(0, 256, (1, 3, 64, 80)).float()
    features = (image - own.mean) / own.std
    for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        features = getattr(theirs, name)(features)
    torch.testing.assert_close(own(image), features)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_output_stride(stride: int) -> None:
    backbone = ResNet("resnet50", stride).eval()
    with torch.no_grad():
        features = backbone.stage_features(torch.zeros(1, 3, 96, 65))
    assert [given.shape[1] for given in features] == list(ResNet.widths)
    assert features[-1].shape[2:] == (96 // stride, -(-65 // stride))


def dilations(backbone: ResNet) -> list[list[int]]:
    """Of each block of layers 1 to 4."""
    layers = (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)
    return [[block.conv2.dilation[0] for block in layer] for layer in layers]


@pytest.mark.parametrize(
    ("given", "layer3", "layer4"),
    [
        (UNDILATED, [1] * 6, [1] * 3),
        (((2, 2), (4, 4)), [2] * 6, [4] * 3),
        (TORCHVISION_8, [1, 2, 2, 2, 2, 2], [2, 4, 4]),
    ],
)
def test_each_block_has_the_dilation_that_is_asked_for(
    given: Dilations, layer3: list[int], layer4: list[int]
) -> None:
    backbone = ResNet("resnet50", 8, given).eval()
    assert dilations(backbone) == [[1] * 3, [1] * 4, layer3, layer4]
    with torch.no_grad():
        assert backbone(torch.zeros(1, 3, 65, 65)).shape[2:] == (9, 9)  # padded by as much: the size stays


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_torchvisions_dilations_are_torchvisions(stride: int) -> None:
    kept = [False, stride <= 8, stride <= 16]
    theirs = models.resnet50(weights=None, replace_stride_with_dilation=kept)
    layers = (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4)
    assert dilations(ResNet("resnet50", stride, TORCHVISION[stride])) == [
        [block.conv2.dilation[0] for block in layer] for layer in layers
    ]


def test_frozen_normalization_learns_nothing_and_forgets_nothing() -> None:
    backbone = ResNet("resnet50", 16)
    backbone.freeze_normalization()
    backbone.train()
    before = {name: value.clone() for name, value in backbone.state_dict().items() if "bn" in name}
    backbone(torch.rand(2, 3, 64, 64) * 255).sum().backward()
    assert all(torch.equal(before[name], backbone.state_dict()[name]) for name in before)
    assert backbone.bn1.weight.grad is None
    assert backbone.layer4[0].conv1.weight.grad is not None


def test_frozen_stages_pass_no_gradient() -> None:
    backbone = ResNet("resnet50", 16)
    backbone.freeze(3)
    backbone(torch.rand(2, 3, 64, 64) * 255).sum().backward()
    assert backbone.layer2[0].conv1.weight.grad is None
    assert backbone.layer3[0].conv1.weight.grad is not None


def test_wrong_weights_are_named(tmp_path: Path) -> None:
    weights(tmp_path)
    with pytest.raises(InputError, match=r"torchvision's resnet101"):
        read_initial_weights(str(tmp_path / "resnet50.pth"), architecture="resnet101")
