"""What every attention network of the table must do."""

import pytest
import torch
from torch import Tensor, nn

from weakseg.attention.network import NETWORKS, build

CLASSES = 4


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return build(request.param, "vgg_small", CLASSES, {})


@pytest.fixture
def images() -> Tensor:
    return torch.randint(
        0, 256, (3, 3, 64, 80), generator=torch.Generator().manual_seed(2), dtype=torch.uint8
    )


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 1.0], [1.0, 1.0, 1.0, 0]])


def test_attention_shape_range_and_absent_classes(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    maps = network.eval().attention(images, labels)  # type: ignore[operator]
    assert maps.shape[:2] == (3, CLASSES)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert (maps[labels == 0] == 0).all()
    assert (maps[labels == 1].amax(dim=(1, 2)) > 0.99).any()


def test_gradient_reaches_every_parameter(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    losses = network.train().losses({"image": images, "labels": labels})  # type: ignore[operator]
    torch.stack(list(losses.values())).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_groups_hold_every_parameter_once(network: nn.Module) -> None:
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]  # type: ignore[operator]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def test_one_image_alone_equals_itself_in_a_batch(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    together = network.eval().attention(images, labels)  # type: ignore[operator]
    for number in range(3):
        alone = network.attention(images[number : number + 1], labels[number : number + 1])  # type: ignore[operator]
        torch.testing.assert_close(alone[0], together[number], atol=1e-5, rtol=1e-4)


def test_state_survives_saving(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    method = next(name for name, kind in NETWORKS.items() if isinstance(network, kind))
    torch.manual_seed(9)
    other = build(method, "vgg_small", CLASSES, {})
    other.load_state_dict(network.state_dict())
    expected = network.eval().attention(images, labels)  # type: ignore[operator]
    assert torch.equal(other.eval().attention(images, labels), expected)  # type: ignore[operator]
