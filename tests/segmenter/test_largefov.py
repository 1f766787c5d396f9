"""DeepLab-LargeFOV's shapes, rates and decimation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from weakseg.attention.networks.seenet import SeeNet, SeeNetSettings
from weakseg.backbones.settings import BackboneConfig
from weakseg.backbones.start import trained_backbone
from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError
from weakseg.segmenter.network import build
from weakseg.segmenter.networks.largefov import DILATION, LargeFov, LargeFovSettings
from weakseg.segmenter.networks.parts import decimate
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.storage.weights import Weights, save_weights


@pytest.fixture(scope="module")
def vgg16() -> LargeFov:
    torch.manual_seed(0)
    return LargeFov("vgg16", 20, LargeFovSettings())


def test_layers_are_the_papers(vgg16: LargeFov) -> None:
    assert sum(p.numel() for p in vgg16.parameters()) == pytest.approx(20.5e6, rel=0.01)
    assert (vgg16.fc6.out_channels, vgg16.fc6.dilation, vgg16.fc6.padding) == (1024, (12, 12), (12, 12))
    pools = [m for m in vgg16.backbone.modules() if isinstance(m, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding) for pool in pools] == [(3, 2, 1)] * 3 + [
        (3, 1, 1)
    ] * 2
    fifth = [m for m in vgg16.backbone.stages[4] if isinstance(m, nn.Conv2d)]
    assert [conv.dilation for conv in fifth] == [(2, 2)] * 3
    assert (vgg16.pool.kernel_size, vgg16.pool.stride, vgg16.pool.padding) == (3, 1, 1)


@pytest.mark.parametrize(("height", "width"), [(321, 321), (65, 97), (60, 75)])
def test_output_stride_is_eight(height: int, width: int) -> None:
    logits = LargeFov("vgg_small", 3, LargeFovSettings()).eval().logits(torch.zeros(1, 3, height, width))
    assert logits.shape == (
        1,
        4,
        -(-(height - 1) // 8) + (1 if (height - 1) % 8 == 0 else 0),
        logits.shape[3],
    )
    if height % 8 == 1:
        assert logits.shape[2:] == ((height - 1) // 8 + 1, (width - 1) // 8 + 1)


def test_field_of_view_of_fc6_is_25_positions() -> None:
    network = LargeFov("vgg_small", 1, LargeFovSettings()).eval()
    features = torch.zeros(1, network.backbone.channels, 41, 41, requires_grad=True)
    network.fc6(features)[0, :, 20, 20].sum().backward()
    assert features.grad is not None
    touched = features.grad[0].abs().sum(0).nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [2 * DILATION + 1] * 2


def test_rates(vgg16: LargeFov) -> None:
    rates = {id(p): (g.rate, g.decay) for g in vgg16.parameter_groups() for p in g.parameters}
    assert len(rates) == len(list(vgg16.parameters()))
    assert rates[id(vgg16.score.weight)] == (10.0, 1.0)
    assert rates[id(vgg16.score.bias)] == (20.0, 0.0)
    assert rates[id(vgg16.fc6.weight)] == (1.0, 1.0)
    assert rates[id(vgg16.fc6.bias)] == (2.0, 0.0)


def test_undecided_pixels_do_not_count() -> None:
    torch.manual_seed(0)
    network = LargeFov("vgg_small", 2, LargeFovSettings()).eval()
    images = torch.randint(0, 256, (1, 3, 65, 65))
    labels = torch.full((1, 65, 65), 255)
    assert network.losses({"image": images, "labels": labels})["loss_labels"] == 0
    labels[0, :30] = 1
    expected = nn.functional.cross_entropy(
        nn.functional.interpolate(network.logits(images), (65, 65), mode="bilinear", align_corners=True)[
            :, :, :30
        ],
        labels[:, :30],
    )
    torch.testing.assert_close(network.losses({"image": images, "labels": labels})["loss_labels"], expected)


def test_decimation_takes_evenly_spaced_filters_and_taps() -> None:
    weight = torch.arange(8 * 4 * 7 * 7, dtype=torch.float32).view(8, 4, 7, 7)
    bias = torch.arange(8, dtype=torch.float32)
    layer = nn.Conv2d(4, 3, 3)
    decimate(layer, weight, bias)
    rows, taps = [0, 4, 7], [0, 3, 6]
    expected = weight.numpy()[np.ix_(rows, range(4), taps, taps)]
    np.testing.assert_array_equal(layer.weight.detach().numpy(), expected)
    assert layer.bias is not None
    assert layer.bias.tolist() == [0, 4, 7]


def test_dense_layers_of_vgg_are_used_where_given() -> None:
    convolutions = []
    inside = 3
    for out in (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512):
        convolutions.append((torch.zeros(out, inside, 3, 3), torch.zeros(out)))
        inside = out
    fc7 = (torch.ones(4096, 4096, 1, 1), torch.full((4096,), 2.0))
    network = LargeFov("vgg16", 2, LargeFovSettings(new_dense_rate=10.0))
    network.load(InitialWeights(convolutions, None, fc7, (0, 0, 0), (1, 1, 1), {}))
    assert (network.fc7.weight == 1).all()
    assert network.fc7.bias is not None
    assert (network.fc7.bias == 2).all()
    assert network.fc6.weight.std().item() == pytest.approx(0.005, rel=0.05)


def test_it_starts_from_the_attention_networks_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = SeeNet("vgg_small", 2, SeeNetSettings())
    settings = {"backbone": {"architecture": "vgg_small"}}
    save_weights(tmp_path / "weights.pt", Weights("attention", trained.state_dict(), settings, ["a", "b"]))
    state = trained_backbone(tmp_path / "weights.pt", "vgg_small", "segmenter")
    backbone = BackboneConfig(architecture="vgg_small", weights="attention")
    network = build(SegmenterConfig(backbone=backbone), 2, state)
    ours, theirs = network.backbone.state_dict(), trained.backbone.state_dict()  # type: ignore[operator, union-attr]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(InputError, match="both must be the same"):
        trained_backbone(tmp_path / "weights.pt", "vgg16", "segmenter")
