"""What every attention network of the table must do."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.attention.networks import NETWORKS
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.settings import AttentionConfig

CLASSES = 4
Made = Callable[..., Classifier]


@pytest.fixture(params=[name for name, declared in NETWORKS.items() if declared.trains])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def network(method: str, made: Made) -> Classifier:
    torch.manual_seed(0)
    return made(method, CLASSES)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(
        0, 256, (3, 3, 64, 80), generator=torch.Generator().manual_seed(2), dtype=torch.uint8
    )


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 1.0], [1.0, 1.0, 1.0, 0]])


def batch_for(network: Classifier, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What `LabelledImages` gives to a network of any method."""
    batch = {"image": images, "labels": labels}
    memory = network.memory
    if memory is not None:
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


def test_attention_shape_range_and_absent_classes(
    network: Classifier, images: Tensor, labels: Tensor
) -> None:
    maps, scores = network.eval().attention(images, labels)
    assert maps.shape[:2] == (3, CLASSES)
    assert scores.shape == (3, CLASSES)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert (maps[labels == 0] == 0).all()
    assert (maps[labels == 1].amax(dim=(1, 2)) > 0.99).any()


@pytest.mark.parametrize("negatives", [1, 3])
def test_negatives_are_learned_to_show_no_class(
    network: Classifier, images: Tensor, labels: Tensor, negatives: int
) -> None:
    """One image of the batch, or all of them, shows none of the classes."""
    labels = labels.clone()
    labels[:negatives] = 0
    batch = batch_for(network, images, labels)
    solver = torch.optim.SGD(network.parameters(), 1e-3)
    network.eval()  # without dropout

    def error() -> Tensor:
        """The sigmoid cross entropy of the negatives, to which no class is present."""
        return functional.softplus(network.class_scores(images[:negatives])).sum().detach()

    before = error()
    for _ in range(4):
        losses = network.losses(batch)
        assert all(torch.isfinite(loss) for loss in losses.values()), losses
        solver.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
        solver.step()
    assert negatives < len(images) or error() < before  # the others of a batch may raise it at first
    maps, _ = network.attention(images, labels)
    assert (maps[:negatives] == 0).all()


@pytest.mark.parametrize("stride", [8, 16])
def test_stride_is_the_size_of_a_cell(
    method: str, made: Made, stride: int, images: Tensor, labels: Tensor
) -> None:
    network = made(method, CLASSES, stride=stride).eval()
    assert network.attention(images, labels)[0].shape[2:] == (64 // stride, 80 // stride)


def test_class_scores_are_those_of_the_maps(network: Classifier, images: Tensor, labels: Tensor) -> None:
    scores = network.eval().class_scores(images)
    torch.testing.assert_close(scores, network.attention(images, labels)[1])


def test_gradient_reaches_every_parameter(network: Classifier, images: Tensor, labels: Tensor) -> None:
    losses = network.train().losses(batch_for(network, images, labels))
    torch.stack(list(losses.values())).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_groups_hold_every_parameter_once(network: Classifier) -> None:
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def test_one_image_alone_equals_itself_in_a_batch(
    network: Classifier, images: Tensor, labels: Tensor
) -> None:
    together = network.eval().attention(images, labels)
    for number in range(3):
        alone = network.attention(images[number : number + 1], labels[number : number + 1])
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[number], atol=1e-5, rtol=1e-4)


def test_state_survives_saving(
    method: str, made: Made, network: Classifier, images: Tensor, labels: Tensor
) -> None:
    torch.manual_seed(9)
    other = made(method, CLASSES)
    other.load_state_dict(network.state_dict())
    expected = network.eval().attention(images, labels)[0]
    assert torch.equal(other.eval().attention(images, labels)[0], expected)


def test_trains_as_it_was_built_without_dropout_in_evaluation(
    network: Classifier, images: Tensor, labels: Tensor
) -> None:
    network.eval()
    first, second = (network.attention(images, labels)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_what_is_published_is_what_it_is_built_with(method: str, made: Made, images: Tensor) -> None:
    declared, network = NETWORKS[method], made(method, CLASSES).eval()
    assert network.scores(images).shape[2:] == (64 // declared.stride, 80 // declared.stride)
    assert network.new_layers_rate == declared.new_layers_rate
    assert made(method, CLASSES, new_layers_rate=3.0).new_layers_rate == 3.0


@pytest.mark.parametrize("name", NETWORKS)
def test_a_declaration_is_what_the_configuration_takes(name: str) -> None:
    section = AttentionConfig(method=name)
    declared = section.own
    assert isinstance(declared, NETWORKS[name])
    assert section.trains == declared.trains == (name != "folder")
    assert callable(declared.maker())
    if declared.learns_from is not None:
        assert section.accumulating == AttentionConfig(method=declared.learns_from)


def test_a_training_is_known_by_what_determines_it() -> None:
    plain = AttentionConfig().identity()
    backbone = {"weights": "elsewhere.pth"}
    beside = {"backbone": backbone, "maps": {"size": 99}, "schedule_of": "seenet", "from_run": "other"}
    assert AttentionConfig.model_validate(beside).identity() == plain
    assert AttentionConfig.model_validate({"spg": {"guided": False}}).identity() == plain  # not the method
    for changed in ({"stride": 8}, {"seenet": {"thresholds": "release"}}, {"training": {"seed": 1}}):
        assert AttentionConfig.model_validate(changed).identity() != plain
