"""SeeNet's conditional ReLU against numbers worked out by hand, and its losses and gradients."""

import numpy as np
import pytest
import torch
from torch import Tensor

from weakseg.attention.networks.seenet import (
    THRESHOLDS,
    SeeNet,
    SeeNetSettings,
    conditional_relu,
    scale_to_one,
    ternary_mask,
    union_attention,
)


@pytest.fixture
def network() -> SeeNet:
    torch.manual_seed(0)
    return SeeNet("vgg_small", 3, SeeNetSettings())


@pytest.fixture
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    return {"image": torch.randint(0, 256, (2, 3, 64, 64), generator=generator), "labels": labels}


def test_ternary_mask_by_hand() -> None:
    attention = torch.tensor([[[[0.0, 0.04, 0.05, 0.5, 0.7, 0.71, 1.0]]]])
    expected = [-1.0, -1.0, 1.0, 1.0, 1.0, 0.0, 0.0]  # strict on both sides, as in the paper
    assert ternary_mask(attention, 0.7, 0.05).flatten().tolist() == expected
    release = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]  # 0.8 / 0.0: nothing is ever reversed
    assert ternary_mask(attention, 0.8, 0.0).flatten().tolist() == release


def test_conditional_relu_by_hand() -> None:
    features = torch.tensor([[[[2.0, -3.0, 4.0]], [[-1.0, 5.0, 6.0]]]])
    mask = torch.tensor([[[[1.0, -1.0, 0.0]]]])
    expected = np.array([[[[2.0, 0.0, 0.0]], [[0.0, -5.0, 0.0]]]])  # max(x, 0) · T on every channel
    np.testing.assert_array_equal(conditional_relu(features, mask).numpy(), expected)


def test_conditional_relu_against_a_numpy_oracle() -> None:
    random = np.random.default_rng(3)
    features = random.normal(size=(2, 5, 4, 6)).astype(np.float32)
    attention = random.uniform(size=(2, 1, 4, 6)).astype(np.float32)
    expected = np.maximum(features, 0)
    for image in range(2):
        for row in range(4):
            for column in range(6):
                value = attention[image, 0, row, column]
                factor = 0.0 if value > 0.7 else -1.0 if value < 0.05 else 1.0
                expected[image, :, row, column] *= factor
    mask = ternary_mask(torch.from_numpy(attention), 0.7, 0.05)
    np.testing.assert_array_equal(conditional_relu(torch.from_numpy(features), mask).numpy(), expected)


def test_gradient_is_the_mask_on_every_channel() -> None:
    features = torch.tensor([[[[2.0, 3.0, 4.0, -1.0]], [[1.0, 5.0, 6.0, 7.0]]]], requires_grad=True)
    mask = torch.tensor([[[[1.0, -1.0, 0.0, 1.0]]]])
    conditional_relu(features, mask).sum().backward()
    assert features.grad is not None
    assert features.grad[0, 0, 0].tolist() == [1.0, -1.0, 0.0, 0.0]  # the last is cut by max(x, 0)
    assert features.grad[0, 1, 0].tolist() == [1.0, -1.0, 0.0, 1.0]


def test_union_attention_takes_present_classes_only() -> None:
    scores = torch.tensor([[[[0.0, 2.0, 4.0]], [[9.0, 0.0, 0.0]], [[-5.0, 3.0, 1.0]]]])
    attention = union_attention(scores, torch.tensor([[1.0, 0.0, 1.0]]))
    # class 0: 0, .5, 1; class 2 after the clamp 0, 3, 1: 0, 1, 1/3
    np.testing.assert_allclose(attention.flatten().numpy(), [0.0, 1.0, 1.0], atol=1e-6)
    assert union_attention(scores, torch.zeros(1, 3)).abs().max() == 0


def test_background_branch_sees_only_background(network: SeeNet, batch: dict[str, Tensor]) -> None:
    network.eval()
    features = network.backbone(batch["image"])
    attention = union_attention(network.head(features), batch["labels"])
    background = (attention < 0.375).float()  # (0.7 + 0.05) / 2
    expected = network.branch_b(features * background)
    assert torch.equal(network.branches(batch["image"], batch["labels"])[2], expected)


def test_losses_by_hand(network: SeeNet, batch: dict[str, Tensor]) -> None:
    network.eval()
    scores = network.branches(batch["image"], batch["labels"])
    for name, score, target in zip(
        ("loss_a", "loss_b", "loss_c"),
        scores,
        (batch["labels"], batch["labels"], 0 * batch["labels"]),
        strict=True,
    ):
        p = score.mean(dim=(2, 3)).sigmoid()
        expected = -(target * p.log() + (1 - target) * (1 - p).log()).sum(dim=1).mean()
        torch.testing.assert_close(network.losses(batch)[name], expected)


def test_maps_fuse_both_branches_by_maximum(network: SeeNet, batch: dict[str, Tensor]) -> None:
    network.eval()
    score_a, score_b, _ = network.branches(batch["image"], batch["labels"])
    fused, scores = network.attention(batch["image"], batch["labels"])
    torch.testing.assert_close(scores, score_a.mean(dim=(2, 3)))
    torch.testing.assert_close(fused[0, 0], torch.maximum(scale_to_one(score_a), scale_to_one(score_b))[0, 0])


def test_release_thresholds_differ_from_the_papers() -> None:
    assert THRESHOLDS["release"] == (0.8, 0.0)
    torch.manual_seed(0)
    images, labels = torch.randint(0, 256, (2, 3, 64, 64)), torch.ones(2, 3)
    paper, release = (SeeNet("vgg_small", 3, SeeNetSettings(thresholds=way)).eval() for way in THRESHOLDS)
    release.load_state_dict(paper.state_dict())
    first, second = (network.branches(images, labels) for network in (paper, release))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


def test_branches_that_share_weights_run_in_one_pass(network: SeeNet, batch: dict[str, Tensor]) -> None:
    seen: list[int] = []
    network.branch_b.register_forward_hook(lambda module, given, made: seen.append(len(given[0])))
    network.eval()
    _, score_b, score_c = network.branches(batch["image"], batch["labels"])
    assert seen == [4]
    *_, erased = network._erased(batch["image"], batch["labels"])
    torch.testing.assert_close(score_b, network.branch_b(erased))
    assert not torch.allclose(score_b, score_c)
