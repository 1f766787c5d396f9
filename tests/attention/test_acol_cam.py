"""ACoL's erasing by hand, and that CAM is what SeeNet is without its erasing."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from weakseg.attention.networks.acol import Acol, AcolSettings, erase
from weakseg.attention.networks.cam import Cam, CamSettings
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import min_max, union
from weakseg.attention.networks.seenet import SeeNet, SeeNetSettings


def test_erasing_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0, 3.0]], [[-4.0, 5.0, 6.0]]]])
    attention = torch.tensor([[[[0.59, 0.6, 1.0]]]])  # erased from 0.6 on, the bound included
    assert erase(features, attention, 0.6).tolist() == [[[[1.0, 0.0, 0.0]], [[-4.0, 0.0, 0.0]]]]


def test_second_classifier_sees_the_erased_features() -> None:
    torch.manual_seed(0)
    network = Acol("vgg_small", 3, AcolSettings()).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64))
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    features = functional.avg_pool2d(network.backbone(images), 3, stride=1, padding=1)
    first = network.head(features)
    mask = (union(min_max(first), labels) < 0.6).float()
    assert 0 < mask.mean() < 1
    expected = network.branch_b(features * mask)
    torch.testing.assert_close(network.branches(images, labels)[1], expected)
    assert first.min() < 0
    fused = torch.maximum(stretched(first), stretched(expected))  # negative scores are kept
    torch.testing.assert_close(network.attention(images, labels)[0][0, 2], fused[0, 2])


def stretched(maps: torch.Tensor) -> torch.Tensor:
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    return (maps - low) / (high - low)


def test_layers_and_rates_of_the_released_acol() -> None:
    """`vgg_v1.py` and `my_optim.py` of the authors: heads of 1024, pools of 3×3, heads ten times as fast."""
    network = Acol("vgg16", 20, AcolSettings())
    head = (512 * 1024 * 9 + 1024) + (1024 * 1024 * 9 + 1024) + (1024 * 20 + 20)
    assert sum(p.numel() for p in network.parameters()) == 14_714_688 + 2 * head
    pools = [m for m in network.modules() if isinstance(m, nn.MaxPool2d)]
    assert [(m.kernel_size, m.stride, m.padding) for m in pools] == [
        (3, stride, 1) for stride in (2, 2, 2, 1, 1)
    ]
    assert isinstance(network.backbone.stages[4][-2], nn.MaxPool2d)  # after conv5, before its ReLU
    dilations = {m.dilation for m in network.modules() if isinstance(m, nn.Conv2d)}
    assert dilations == {(1, 1)}
    with torch.no_grad():
        for side, cells in ((224, 28), (321, 41)):
            assert network.eval().features(torch.zeros(1, 3, side, side)).shape == (1, 512, cells, cells)
    rates = {
        id(p): (group.rate, group.decay) for group in network.parameter_groups() for p in group.parameters
    }
    found = {
        (name.partition(".")[0], name.rpartition(".")[2]): rates[id(p)]
        for name, p in network.named_parameters()
    }
    assert found == {
        ("backbone", "weight"): (1.0, 1.0),
        ("backbone", "bias"): (2.0, 1.0),
        ("head", "weight"): (10.0, 1.0),
        ("head", "bias"): (20.0, 1.0),
        ("branch_b", "weight"): (10.0, 1.0),
        ("branch_b", "bias"): (20.0, 1.0),
    }
    weight = network.head[0].weight
    assert weight.abs().max() <= (6 / (512 * 9 + 1024 * 9)) ** 0.5  # Glorot's uniform bound


def test_acol_of_the_small_backbone_is_narrow() -> None:
    assert [
        m.out_channels for m in Acol("vgg_small", 3, AcolSettings()).head if isinstance(m, nn.Conv2d)
    ] == [128, 128, 3]


@pytest.mark.parametrize("method", ["cam", "seenet"])
def test_rates_of_seenet_are_the_same_for_all_layers(made: Callable[..., Classifier], method: str) -> None:
    groups = made(method, 3).parameter_groups()
    assert {(group.rate, group.decay) for group in groups} == {(1.0, 1.0), (2.0, 0.0), (1.0, 0.0)}


def test_cam_is_seenets_first_branch() -> None:
    torch.manual_seed(0)
    seenet = SeeNet("vgg_small", 3, SeeNetSettings()).eval()
    cam = Cam("vgg_small", 3, CamSettings()).eval()
    cam.backbone.load_state_dict(seenet.backbone.state_dict())
    cam.head.load_state_dict(seenet.head.state_dict())
    images, labels = torch.randint(0, 256, (2, 3, 64, 64)), torch.ones(2, 3)
    torch.testing.assert_close(cam.scores(images), seenet.branches(images, labels)[0])
    torch.testing.assert_close(
        cam.losses({"image": images, "labels": labels})["loss_class"],
        seenet.losses({"image": images, "labels": labels})["loss_a"],
    )
