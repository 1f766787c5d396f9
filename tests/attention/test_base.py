"""What every attention network of the table must do."""

import pytest
import torch
from torch import Tensor, nn

from weakseg.attention.memory import AttentionMemory
from weakseg.attention.network import NETWORKS, build

CLASSES = 4


@pytest.fixture(params=sorted(NETWORKS))
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def network(method: str) -> nn.Module:
    torch.manual_seed(0)
    return build(method, "vgg_small", CLASSES, {})


@pytest.fixture
def images() -> Tensor:
    return torch.randint(
        0, 256, (3, 3, 64, 80), generator=torch.Generator().manual_seed(2), dtype=torch.uint8
    )


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 1.0], [1.0, 1.0, 1.0, 0]])


def batch_for(network: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What `LabelledImages` gives to a network of any method."""
    batch = {"image": images, "labels": labels}
    memory = getattr(network, "memory", None)
    if isinstance(memory, AttentionMemory):
        memory.enrol([(str(n), [str(c) for c in range(CLASSES) if labels[n, c]]) for n in range(len(labels))])
        slots = [
            [memory.slot(str(n), str(c)) if labels[n, c] else -1 for c in range(CLASSES)]
            for n in range(len(labels))
        ]
        batch |= {
            "slots": torch.tensor(slots),
            "view": torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0]] * len(labels)),
        }
    target = torch.rand(len(labels), CLASSES, 64, 80, generator=torch.Generator().manual_seed(3))
    return batch | {"target": target * labels[:, :, None, None]}


def test_attention_shape_range_and_absent_classes(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    maps, scores = network.eval().attention(images, labels)  # type: ignore[operator]
    assert maps.shape[:2] == (3, CLASSES)
    assert scores.shape == (3, CLASSES)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert (maps[labels == 0] == 0).all()
    assert (maps[labels == 1].amax(dim=(1, 2)) > 0.99).any()


@pytest.mark.parametrize("stride", [8, 16])
def test_stride_is_the_size_of_a_cell(method: str, stride: int, images: Tensor, labels: Tensor) -> None:
    network = build(method, "vgg_small", CLASSES, {"stride": stride}).eval()
    assert network.attention(images, labels)[0].shape[2:] == (64 // stride, 80 // stride)  # type: ignore[operator]


def test_class_scores_are_those_of_the_maps(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    scores = network.eval().class_scores(images)  # type: ignore[operator]
    torch.testing.assert_close(scores, network.attention(images, labels)[1])  # type: ignore[operator]


def test_gradient_reaches_every_parameter(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    losses = network.train().losses(batch_for(network, images, labels))  # type: ignore[operator]
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
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[number], atol=1e-5, rtol=1e-4)


def test_state_survives_saving(method: str, network: nn.Module, images: Tensor, labels: Tensor) -> None:
    torch.manual_seed(9)
    other = build(method, "vgg_small", CLASSES, {})
    other.load_state_dict(network.state_dict())
    expected = network.eval().attention(images, labels)[0]  # type: ignore[operator]
    assert torch.equal(other.eval().attention(images, labels)[0], expected)  # type: ignore[operator]


def test_trains_as_it_was_built_without_dropout_in_evaluation(
    network: nn.Module, images: Tensor, labels: Tensor
) -> None:
    network.eval()
    first, second = (network.attention(images, labels)[0] for _ in range(2))  # type: ignore[operator]
    assert torch.equal(first, second)
