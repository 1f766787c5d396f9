"""What a detector must do on every backbone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from weakseg.attention.networks.seenet import SeeNet, SeeNetSettings
from weakseg.backbones import serving
from weakseg.backbones.weights import InitialWeights
from weakseg.detector.features import Pyramid
from weakseg.detector.network import Detector, load
from weakseg.detector.settings import BoxPredictionConfig, DetectorConfig
from weakseg.errors import InputError
from weakseg.storage.weights import Weights, save_weights

CLASSES = 3
SMALL: dict[str, Any] = {"channels": 16, "width": 32, "proposals": 32}
CASES: dict[str, dict[str, Any]] = {
    "vgg_small": SMALL | {"stride": 8, "anchors": [16, 32]},
    "vgg16": SMALL | {"anchors": [16, 32]},
    "mobilenet_v3_large": SMALL | {"anchors": [8, 16, 32, 64, 128]},
    "resnet50": SMALL | {"anchors": [8, 16, 32, 64, 128]},
    "timm/test_resnet": SMALL | {"anchors": [8, 16, 32, 64, 128]},
    "timm/edgenext_xx_small": SMALL | {"anchors": [8, 16, 32, 64, 128]},
}
FAST = ("vgg_small", "mobilenet_v3_large", "timm/test_resnet")


def section(architecture: str, **backbone: Any) -> DetectorConfig:
    given = {"architecture": architecture, "weights": "none"} | backbone
    return DetectorConfig(backbone=given, **CASES[architecture])


def make(architecture: str = "vgg_small") -> Detector:
    torch.manual_seed(0)
    return Detector(section(architecture), CLASSES)


def batch(side: int = 64) -> dict[str, Tensor]:
    """Two images, the second without a box; a bright square is the first's only object but one."""
    image = torch.randint(0, 100, (2, 3, side, side), generator=torch.Generator().manual_seed(1))
    image[0, :, 10:40, 20:50] += 150
    boxes, labels = torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)
    boxes[0, 0], boxes[0, 1] = torch.tensor([20.0, 10, 50, 40]), torch.tensor([0.0, 44, 30, 64])
    labels[0, 0], labels[0, 1] = 1, 3
    return {"image": image.to(torch.uint8), "boxes": boxes, "labels": labels}


def total(network: Detector, given: dict[str, Tensor]) -> Tensor:
    torch.manual_seed(2)  # the same sampled anchors and proposals
    losses = network.losses(given)
    assert set(losses) == {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
    assert all(value.dtype == torch.float32 for value in losses.values())
    return torch.stack(list(losses.values())).sum()


def descend(network: Detector, given: dict[str, Tensor], steps: int, rate: float) -> list[float]:
    """The losses before each step, and after the last."""
    solver = torch.optim.AdamW(
        [{"params": group.parameters, "lr": rate * group.rate} for group in network.parameter_groups()]
    )
    found = []
    for _ in range(steps):
        loss = total(network, given)
        found.append(float(loss.detach()))
        solver.zero_grad()
        loss.backward()
        solver.step()
    return [*found, float(total(network, given).detach())]


def test_every_backbone_is_tested() -> None:
    known = serving("detector")
    assert {name for name in CASES if not name.startswith("timm/")} | {"resnet101"} == set(known)
    assert set(known.families) == {"timm/"}


@pytest.mark.parametrize("architecture", FAST)
def test_steps_lower_the_loss(architecture: str) -> None:
    """Several: what is proposed and sampled changes with each, and the loss with it."""
    losses = descend(make(architecture).train(), batch(), steps=8, rate=1e-3)
    assert losses[-1] < 0.8 * losses[0] < 10


@pytest.mark.parametrize("architecture", FAST)
def test_gradient_reaches_every_parameter_and_groups_hold_each_once(architecture: str) -> None:
    network = make(architecture).train()
    total(network, batch()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    network.start(None, section(architecture, frozen_stages=2).backbone)
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    assert len(grouped) < len(list(network.parameters()))


@pytest.mark.parametrize("architecture", sorted(CASES))
def test_maps_have_whole_strides_whatever_the_size(architecture: str) -> None:
    network = make(architecture).eval()
    images = network._padded(torch.zeros(1, 3, 50, 71, dtype=torch.uint8))
    with torch.inference_mode():
        maps = network.features(images)
    strides = [8] if architecture == "vgg_small" else [16] if architecture == "vgg16" else [4, 8, 16, 32, 64]
    for features, stride in zip(maps.values(), strides, strict=True):
        assert features.shape[1] == 16
        assert list(features.shape[2:]) == [-(-side // stride) for side in images.shape[2:]]


def test_images_without_any_box_are_learnt_from() -> None:
    given = batch()
    given["labels"] = torch.zeros_like(given["labels"])
    found = descend(make().train(), given, steps=3, rate=1e-3)
    assert found[-1] < found[0]


def test_padding_of_the_boxes_is_not_learnt_from() -> None:
    given, more = batch(), batch()
    more["boxes"] = torch.cat([given["boxes"], torch.full((2, 4, 4), 7.0)], dim=1)
    more["labels"] = torch.cat([given["labels"], torch.zeros(2, 4, dtype=torch.int64)], dim=1)
    network = make().train()
    assert torch.equal(total(network, given), total(network, more))


@pytest.mark.slow
def test_it_learns_where_the_squares_are() -> None:
    given, network = batch(96), make().train()
    losses = descend(network, given, steps=80, rate=1e-3)
    assert losses[-1] < losses[0] / 3
    with torch.inference_mode():
        found, nothing = network.eval().detect(given["image"], BoxPredictionConfig(least_score=0.5, most=10))
    assert set(found["labels"].tolist()) == {1, 3}
    for number, label in enumerate((1, 3)):
        surest = found["boxes"][found["labels"] == label][0]
        assert float((surest - given["boxes"][0, number]).abs().max()) < 5
    assert len(nothing["labels"]) == 0


def test_detect_obeys_its_bounds() -> None:
    network = make().eval()
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=1.0)
    images = batch(50)["image"]
    with torch.inference_mode():
        (many, _), (few, _), (sure, _) = (
            network.detect(images, BoxPredictionConfig(least_score=least, most=most))
            for least, most in ((0.0, 100), (0.0, 3), (0.6, 100))
        )
    assert len(many["scores"]) > 3 == len(few["scores"])
    assert torch.equal(many["scores"][:3], few["scores"])
    assert all(score > 0.6 for score in sure["scores"])
    assert all(first >= second for first, second in zip(many["scores"], many["scores"][1:], strict=False))
    assert set(many["labels"].tolist()) <= {1, 2, 3}


def test_bfloat16_is_the_backbones_alone() -> None:
    network, given = make().train(), batch()
    exact = total(network, given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = total(network, given)
    assert float((exact - rounded).abs().detach()) < 0.05 * float(exact.detach())


def test_saved_weights_find_the_same_boxes(tmp_path: Path) -> None:
    network, names = make().eval(), ["a", "b", "c"]
    settings = section("vgg_small").values(DetectorConfig.beside)
    save_weights(tmp_path / "weights.pt", Weights("detector", network.state_dict(), settings, names))
    loaded = load(tmp_path / "weights.pt", names)
    images = batch()["image"]
    with torch.inference_mode():
        (ours, _), (theirs, _) = (
            each.detect(images, BoxPredictionConfig(least_score=0.0, most=20)) for each in (network, loaded)
        )
    assert len(ours["boxes"])
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(InputError, match="was trained for the classes"):
        load(tmp_path / "weights.pt", ["a", "b"])


def test_it_starts_from_the_attention_networks_backbone() -> None:
    torch.manual_seed(3)
    trained = SeeNet("vgg_small", 2, SeeNetSettings()).backbone.state_dict()
    network = make()
    network.start(trained, section("vgg_small", weights="attention").backbone)
    ours = network.features.backbone.state_dict()
    assert ours.keys() == trained.keys()
    assert all(torch.equal(ours[name], trained[name]) for name in ours)
    assert not network.features.backbone.frozen_normalization


def test_published_weights_keep_their_normalisation() -> None:
    network = make("mobilenet_v3_large")
    backbone = network.features.backbone
    given = InitialWeights([], None, None, (0, 0, 0), (1, 1, 1), {}, backbone.state_dict())
    network.start(given, section("mobilenet_v3_large", weights="IMAGENET1K_V1").backbone)
    before = {name: value.clone() for name, value in backbone.state_dict().items() if "running" in name}
    descend(network.train(), batch(), steps=1, rate=1e-3)
    after = backbone.state_dict()
    assert before
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    grouped = {id(p) for group in network.parameter_groups() for p in group.parameters}
    assert grouped == {id(p) for p in network.parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("options", "frozen"),
    [
        ({"weights": "none"}, False),
        ({"weights": "mobilenet.pth"}, True),
        ({"weights": "mobilenet.pth", "frozen_normalization": False}, False),
        ({"weights": "attention", "frozen_normalization": True}, True),
    ],
)
def test_normalisation_is_frozen_by_the_key_that_every_backbone_has(
    options: dict[str, Any], frozen: bool
) -> None:
    network = make("mobilenet_v3_large")
    network.start(None, section("mobilenet_v3_large", **options).backbone)
    layers = network.train().features.backbone._normalizations()
    assert layers
    assert {layer.training for layer in layers} == {not frozen}
    assert {layer.weight.requires_grad for layer in layers} == {not frozen}


def test_the_pyramid_is_torchvisions() -> None:
    torch.manual_seed(4)
    theirs = resnet_fpn_backbone(backbone_name="resnet50", weights=None).eval()
    ours = Pyramid("resnet50", 256).eval()
    state = {
        name.replace("body.", "backbone.", 1)
        if name.startswith("body.")
        else name.replace("fpn.", "neck.", 1): value
        for name, value in theirs.state_dict().items()
    }
    missing, unexpected = ours.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith(("mean", "std", "num_batches_tracked")) for name in missing)
    images = torch.rand(1, 3, 64, 96) * 255
    with torch.inference_mode():
        expected, found = theirs(ours.backbone.normalize(images)), ours(images)
    for one, other in zip(expected.values(), found.values(), strict=True):
        torch.testing.assert_close(one, other)


def test_anchors_are_shared_among_the_maps() -> None:
    assert make("resnet50").rpn.anchor_generator.sizes == ((8,), (16,), (32,), (64,), (128,))
    assert make("vgg_small").rpn.anchor_generator.sizes == ((16, 32),)
