"""FCN: bilinear at first, coarse at first, cells over the middle of their pixels."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from weakseg.backbones.grid import CENTRES, cells, enlarge
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.networks.fcn import Doubling, Fcn8s, Fcn8sSettings, Fcn16s, Fcn32s, Fcn32sSettings
from weakseg.segmenter.prediction.predict import predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig


def test_doubling_begins_as_bilinear_interpolation() -> None:
    maps = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(Doubling(3)(maps), expected)


def test_a_new_finer_network_gives_the_coarser_ones_scores() -> None:
    torch.manual_seed(0)
    coarse = Fcn32s("vgg_small", 2, Fcn32sSettings()).eval()
    nn.init.normal_(coarse.score.weight, std=0.1)
    images = torch.randint(0, 256, (1, 3, 128, 96))
    expected = coarse.logits(images)
    assert expected.std() > 0
    for kind in (Fcn16s, Fcn8s):
        finer = kind("vgg_small", 2, Fcn32sSettings()).eval()
        finer.load_state_dict(coarse.state_dict(), strict=False)
        expected = functional.interpolate(expected, scale_factor=2, mode="bilinear", align_corners=False)
        torch.testing.assert_close(finer.logits(images), expected)


@pytest.mark.parametrize(("kind", "stride"), [(Fcn32s, 32), (Fcn16s, 16), (Fcn8s, 8)])
@pytest.mark.parametrize("size", [(65, 97), (64, 64), (50, 33)])
def test_every_started_cell_is_scored(kind: type[Fcn32s], stride: int, size: tuple[int, int]) -> None:
    network = kind("vgg_small", 2, Fcn32sSettings()).eval()
    with torch.inference_mode():
        logits = network.logits(torch.zeros(1, 3, *size))
    assert list(logits.shape[2:]) == [cells(side, stride, CENTRES) for side in size]


@pytest.mark.parametrize(("kind", "stride"), [(Fcn32s, 32), (Fcn16s, 16), (Fcn8s, 8)])
def test_the_published_size(kind: type[Fcn32s], stride: int) -> None:
    with torch.device("meta"):
        network = kind("vgg16", 20, Fcn32sSettings())
    assert network.fc6.weight.shape == (4096, 512, 7, 7)
    assert network.fc7.weight.shape == (4096, 4096, 1, 1)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(134.4e6, rel=0.01)
    assert network.stride == stride
    assert [skip.in_channels for skip in network.skips.values()] == [512, 256][: len(network.skips)]  # type: ignore[misc]


def test_alexnets_cells_lie_over_the_middle_of_their_pixels() -> None:
    """A bright spot moves the score of the cell whose 32 pixels hold it most, and of its neighbours alike."""
    torch.manual_seed(0)
    network = Fcn32s("alexnet", 1, Fcn32sSettings(width=16)).eval()
    for module in network.modules():  # all averages: what is left is where each layer looks
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            nn.init.zeros_(module.bias)
    ramp = (
        torch.arange(640.0).expand(1, 3, 640, 640) * network.backbone.std.max() + network.backbone.mean.max()
    )
    features = network.backbone.features
    for number, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            features[number] = nn.AvgPool2d(3, 2, padding=1)
    network.backbone.mean.fill_(float(network.backbone.mean.max()))
    network.backbone.std.fill_(float(network.backbone.std.max()))
    scores = network.logits(ramp)[0, 0, 10]
    assert len(scores) == 20
    middles = 32.0 * torch.arange(20) + 15.5
    torch.testing.assert_close(scores[8:12], middles[8:12], atol=0.6, rtol=0)  # 16, half a pixel off


def test_dense_layers_are_taken_whole_or_thinned() -> None:
    state = {
        name: torch.full_like(value, 0.5)
        for name, value in Fcn32s("alexnet", 1, Fcn32sSettings(width=16)).backbone.state_dict().items()
    }
    dense = torch.arange(4096.0)[:, None, None, None].expand(4096, 256, 6, 6), torch.arange(4096.0)
    initial = InitialWeights([], dense, None, (1, 2, 3), (4, 5, 6), {}, state)
    network = Fcn32s("alexnet", 1, Fcn32sSettings(width=16, new_dense_rate=10.0))
    network.load(initial)
    assert network.dense_rate == 1.0
    assert network.fc6.bias is not None
    assert network.fc6.bias.tolist() == pytest.approx(np.linspace(0, 4095, 16).round().tolist())
    assert (network.backbone.features[0].weight == 0.5).all()
    assert network.backbone.mean.flatten().tolist() == [1, 2, 3]


def test_score_layers_leave_zero_ten_times_faster_and_the_interpolation_does_not_decay() -> None:
    network = Fcn8s("vgg_small", 2, Fcn8sSettings(new_dense_rate=5.0))
    rates = {id(p): (g.rate, g.decay) for g in network.parameter_groups() for p in g.parameters}
    for layer in (network.score, *network.skips.values()):
        assert rates[id(layer.weight)] == (10.0, 1.0)
        assert rates[id(layer.bias)] == (20.0, 0.0)
    assert rates[id(network.fc6.weight)] == (5.0, 1.0)
    assert {rates[id(p)] for p in network.doubles.parameters()} == {(1.0, 0.0)}


def test_prediction_of_a_flipped_image_is_flipped() -> None:
    """Only if cells lie where the grid says: with the corners' convention the two would be shifted apart."""
    torch.manual_seed(0)
    network = Fcn8s("vgg_small", 2, Fcn8sSettings()).eval()
    nn.init.normal_(network.score.weight, std=0.3)
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    given = PredictionConfig(flip=True, precision="fp32"), torch.device("cpu")
    plain = upsample(predict_scores(network, image, *given), (64, 96), 8, CENTRES)
    turned = np.ascontiguousarray(image[:, ::-1])
    mirrored = upsample(predict_scores(network, turned, *given), (64, 96), 8, CENTRES)
    np.testing.assert_allclose(plain, mirrored[:, :, ::-1], atol=2e-2)


def test_enlarging_centres_is_interpolation_without_corners() -> None:
    scores = torch.randn(1, 2, 3, 4)
    expected = functional.interpolate(scores, scale_factor=8, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(scores, (20, 30), 8, CENTRES), expected[:, :, :20, :30])
