"""SPG's self-produced masks and staged losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.attention.networks.parts import min_max, union
from weakseg.attention.networks.spg import THRESHOLDS, Spg, SpgSettings, guidance, mask_loss
from weakseg.backbones.base import unit_scale
from weakseg.errors import InputError


@pytest.fixture
def batch() -> dict[str, Tensor]:
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    images = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    return {"image": images, "labels": labels}


def test_mask_by_hand() -> None:
    values = torch.tensor([[[[0.0, 0.04, 0.05, 0.5, 0.7, 0.71, 1.0]]]])
    # strict on both sides: 0.05 and 0.7 themselves stay undecided
    assert guidance(values, 0.7, 0.05).flatten().tolist() == [0, 0, 255, 255, 255, 1, 1]


def test_mask_with_too_little_foreground_takes_seventy_percent_of_the_maximum() -> None:
    values = torch.tensor([[[[0.0, 0.2, 0.41, 0.43, 0.6]]]])  # nothing above 0.7; 0.7 × 0.6 = 0.42
    assert guidance(values, 0.7, 0.05).flatten().tolist() == [0, 255, 255, 1, 1]


def test_thirty_pixels_of_a_224_mask_are_enough() -> None:
    values = torch.full((1, 1, 224, 224), 0.6)
    values.view(-1)[:29] = 0.8
    assert (guidance(values, 0.7, 0.05) == 1).sum() == 224 * 224  # above 0.56, all of it
    values.view(-1)[:30] = 0.8
    assert (guidance(values, 0.7, 0.05) == 1).sum() == 30


def test_lowered_threshold_does_not_leak_to_the_next_image() -> None:
    dim, bright = torch.full((1, 1, 4, 4), 0.3), torch.full((1, 1, 4, 4), 0.6)
    bright[0, 0, 0, 0] = 0.9
    together = guidance(torch.cat([dim, bright]), 0.7, 0.05)
    assert torch.equal(together[1:], guidance(bright, 0.7, 0.05))
    assert (together[0] == 1).all()  # 0.3 > 0.7 × 0.3
    assert (together[1] == 1).sum() == 1


def test_mask_loss_by_hand() -> None:
    logits = torch.tensor([[[[2.0, -1.0, 7.0]]]])
    mask = torch.tensor([[[[1.0, 0.0, 255.0]]]])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert mask_loss(logits, mask).item() == pytest.approx(expected)
    assert mask_loss(logits, torch.full_like(mask, 255.0)).item() == 0


def test_staged_losses_against_numpy(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    network = Spg("vgg_small", 3, SpgSettings()).eval()
    found = network.losses(batch)
    low, high, features = network.backbone.side_features(batch["image"])
    features = network.head[:-1](features)

    def enlarged(maps: Tensor) -> Tensor:
        return functional.interpolate(maps, (64, 64), mode="bilinear", align_corners=False)

    b1, b2 = enlarged(network.shared(network.b1(low))), enlarged(network.shared(network.b2(high)))
    c = enlarged(network.c(features))
    attention = union(min_max(enlarged(network.head[-1](features))), batch["labels"])

    def staged(logits: Tensor, source: Tensor, above: float, below: float) -> float:
        total, count = 0.0, 0
        for image in range(2):
            values, x = source[image, 0].detach().numpy(), logits[image, 0].detach().numpy().astype(float)
            enough = (values > above).mean() >= 30 / 224**2
            sure = values > (above if enough else 0.7 * values.max())
            target = np.where(values < below, 0.0, np.where(sure, 1.0, np.nan))
            decided = ~np.isnan(target)
            p = 1 / (1 + np.exp(-x[decided]))
            total -= float((target[decided] * np.log(p) + (1 - target[decided]) * np.log(1 - p)).sum())
            count += int(decided.sum())
        return total / count

    assert found["loss_b2"].item() == pytest.approx(staged(b2, attention, 0.7, 0.05), rel=1e-4)
    assert found["loss_b1"].item() == pytest.approx(staged(b1, b2.sigmoid(), 0.5, 0.05), rel=1e-4)
    fused = (b1.sigmoid() + b2.sigmoid()) / 2
    assert found["loss_c"].item() == pytest.approx(staged(c, fused, 0.7, 0.1), rel=1e-4)


def test_guidance_teaches_no_teacher(batch: dict[str, Tensor]) -> None:
    """The masks are constants: B2's loss does not reach A's head, C's not B."""
    torch.manual_seed(0)
    network = Spg("vgg_small", 3, SpgSettings())
    network.losses(batch)["loss_b2"].backward()
    assert all(p.grad is None or not p.grad.any() for p in network.head[-1].parameters())
    network.zero_grad()
    network.losses(batch)["loss_c"].backward()
    assert all(
        p.grad is None or not p.grad.any() for p in [*network.b1.parameters(), *network.b2.parameters()]
    )


def test_plain_has_neither_b_nor_c(batch: dict[str, Tensor]) -> None:
    network = Spg("vgg_small", 3, SpgSettings(guided=False))
    assert set(network.losses(batch)) == {"loss_class"}
    assert not {"b1", "b2", "shared", "c"} & {name for name, _ in network.named_children()}


def test_one_class_per_image_is_softmax_and_refuses_more(batch: dict[str, Tensor]) -> None:
    network = Spg("vgg_small", 3, SpgSettings(single_label=True)).eval()
    with pytest.raises(InputError, match="several classes"):
        network.losses(batch)
    one = {"image": batch["image"], "labels": torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])}
    scores = network.class_scores(one["image"])
    expected = -(scores[0].log_softmax(0)[0] + scores[1].log_softmax(0)[2]) / 2
    torch.testing.assert_close(network.losses(one)["loss_class"], expected)


def test_thresholds_as_published() -> None:
    assert THRESHOLDS["official"] == ((0.7, 0.05), (0.5, 0.05), (0.7, 0.1))
    assert THRESHOLDS["vgg"] == ((0.7, 0.01), (0.5, 0.05), (0.7, 0.1))


def test_inception_has_the_published_layers() -> None:
    network = Spg("inception_v3", 3, SpgSettings()).eval()
    images = torch.zeros(1, 3, 224, 224)
    low, high, features = network.backbone.side_features(images)
    assert (low.shape[1], high.shape[1], features.shape[1]) == (288, 768, 768)
    assert low.shape[2:] == high.shape[2:] == features.shape[2:] == (28, 28)
    maps, _ = network.attention(images, torch.ones(1, 3))
    assert maps.shape == (1, 3, 28, 28)
    convolutions = [m for m in network.head if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [1024, 1024, 3]
    a = (768 * 1024 * 9 + 1024) + (1024 * 1024 * 9 + 1024) + (1024 * 3 + 3)
    sides = (288 * 512 * 9 + 512) + (768 * 512 * 9 + 512) + (512 * 512 * 9 + 512 + 512 + 1)
    c = 1024 * 512 * 9 + 512 + 512 + 1
    new = [p for name, p in network.named_parameters() if not name.startswith("backbone.")]
    assert sum(p.numel() for p in new) == a + sides + c
    for branch in (network.head, network.b1, network.b2, network.shared, network.c):
        for layer in branch.modules():
            if isinstance(layer, torch.nn.Conv2d):
                cells = layer.kernel_size[0] ** 2
                bound = math.sqrt(6 / (cells * (layer.in_channels + layer.out_channels)))
                assert 0.9 * bound < layer.weight.abs().max() <= bound  # Glorot's uniform rule
                assert not layer.bias.any()


def test_inception_drops_before_each_layer_of_a() -> None:
    kinds = [type(layer).__name__ for layer in Spg("inception_v3", 3, SpgSettings()).head]
    assert kinds == ["Dropout", "Conv2d", "ReLU", "Dropout", "Conv2d", "ReLU", "Dropout", "Conv2d"]


def test_c_sees_the_features_that_were_dropped(
    batch: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Spg("inception_v3", 3, SpgSettings()).train()
    given: dict[str, Tensor] = {}
    network.head[-1].register_forward_hook(lambda _m, given_to, _o: given.update(scores=given_to[0]))
    network.c[0].register_forward_hook(lambda _m, given_to, _o: given.update(c=given_to[0]))
    network.losses(batch)
    assert torch.equal(given["c"], given["scores"])
    assert (given["c"] == 0).float().mean() > 0.5  # half is dropped, and ReLU has zeros of its own


def test_vgg16_has_the_layers_of_wsolevaluation() -> None:
    network = Spg("vgg16", 20, SpgSettings())
    pools = [m for m in network.modules() if isinstance(m, torch.nn.MaxPool2d)]
    assert [(m.kernel_size, m.stride) for m in pools] == [(2, 2)] * 3  # its 28×28 variant
    assert all(m.p == 0 for m in network.modules() if isinstance(m, torch.nn.Dropout))
    block = 512 * 512 * 9 + 512
    new = 2 * block + (512 * 20 + 20) + 2 * block + 2 * (block + 512 + 1)
    assert sum(p.numel() for p in network.parameters()) == 14_714_688 + new
    with torch.no_grad():
        assert network.eval().scores(torch.zeros(1, 3, 224, 224)).shape == (1, 20, 28, 28)
    assert {group.rate for group in network.parameter_groups()} == {1.0, 2.0}  # its tenfold groups are empty
    assert {group.decay for group in network.parameter_groups()} == {1.0}


def test_mask_branches_see_features_of_unit_scale() -> None:
    features = 300.0 * torch.randn(2, 4, 5, 5)
    scaled = unit_scale(features)
    torch.testing.assert_close(scaled.square().mean(dim=(1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(unit_scale(features[:1]), scaled[:1])  # an image's scale is its own
