"""What every segmenter of the table must do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.grid import cells, padding
from weakseg.errors import InputError
from weakseg.segmenter.network import build, load, make
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.segmenter.prediction.predict import predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.storage.weights import Weights, save_weights

CLASSES = 3
CONVOLUTIONAL, HIERARCHICAL, PLAIN = "timm/test_resnet", "timm/edgenext_xx_small", "timm/test_vit"
"""Small models of timm. Cells of the first lie over corners, those of the others over the middle of their pixels."""
PUBLISHED = {
    "deeplab_v2": ("resnet50", "inception_v3"),
    "deformable": ("vgg_small", "resnet50"),
    "deeplab_v3": ("mobilenet_v3_large", "resnet50"),
    "deeplab_v3_plus": (),
    "lraspp": ("mobilenet_v3_large",),
}
"""Method → what it was published on, or a smaller network of that kind; of the others `vgg_small`."""
NARROW = {"fcn32s": {"width": 64}, "fcn16s": {"width": 64}, "fcn8s": {"width": 64}}


def published(name: str) -> list[tuple[str, SegmenterMethod, str]]:
    backbones = PUBLISHED.get(name, ("vgg_small", "alexnet") if name == "fcn32s" else ("vgg_small",))
    return [
        (f"{name}-{backbone}", NETWORKS[name](**NARROW.get(name, {})), backbone) for backbone in backbones
    ]


CASES: dict[str, tuple[SegmenterMethod, str]] = {
    case: (method, backbone) for name in NETWORKS for case, method, backbone in published(name)
} | {
    f"{name}-timm": (method(), CONVOLUTIONAL)
    for name, method in NETWORKS.items()
    if "timm/" in method.backbones and name != "fcn16s"  # FCN-8s contains it
}
CASES |= {
    "deeplab_v2-scales": (NETWORKS["deeplab_v2"](multi_scale=True), CONVOLUTIONAL),
    "deformable-6": (NETWORKS["deformable"](layers=6), "vgg_small"),
    "fcn8s-hierarchical": (NETWORKS["fcn8s"](), HIERARCHICAL),
    "deeplab_v3_plus-hierarchical": (NETWORKS["deeplab_v3_plus"](width=32), HIERARCHICAL),
    "largefov-plain": (NETWORKS["largefov"](), PLAIN),
    "deeplab_v2-plain-scales": (NETWORKS["deeplab_v2"](multi_scale=True), PLAIN),
}
BFLOAT16_BOUND = 0.05
"""Largest difference of a logit in bfloat16, as a share of the range of all logits. 8 bits of mantissa are 0.004."""


@pytest.fixture(params=sorted(CASES), scope="module")
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def untrained(case: str, seed: int = 0) -> Any:
    """The case's network; scores that begin with zero get weights, so that there is something to see."""
    torch.manual_seed(seed)
    network: Any = make(*CASES[case], CLASSES)
    for parameter in network.parameters():
        if not parameter.any() and parameter.ndim == 4 and parameter.shape[0] == CLASSES + 1:
            nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def network(case: str) -> Any:
    return untrained(case)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    image = torch.randint(0, 256, (2, 3, 65, 65), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(2, 65, 65, dtype=torch.uint8)
    labels[0, 10:40, 20:50], labels[1, 30:60, 5:35], labels[:, :5] = 1, 2, 255
    return {"image": image, "labels": labels}


def test_every_method_is_tested() -> None:
    assert {method.name for method, _ in CASES.values()} == set(NETWORKS)
    assert set(NETWORKS.families) == {"smp/"}  # in test_smp.py


@pytest.mark.parametrize("name", NETWORKS)
def test_another_backbone_is_refused_in_one_sentence(name: str) -> None:
    others = {"vgg16", "inception_v3", "mobilenet_v3_large"} - set(NETWORKS[name].backbones)
    with pytest.raises(ValueError, match=rf"{name} stands on {NETWORKS[name].backbones[0]}"):
        SegmenterConfig(method=name, backbone={"architecture": sorted(others)[0]})


ANY = ("resnet50", "mobilenet_v3_large", HIERARCHICAL, PLAIN)


@pytest.mark.parametrize("backbone", ANY)
@pytest.mark.parametrize("name", [name for name, method in NETWORKS.items() if "timm/" in method.backbones])
def test_a_head_stands_on_any_features_or_says_why_not(name: str, backbone: str) -> None:
    """Without memory: it scores every cell, and its dilations and skips fit the backbone's strides."""
    section = {"method": name, "backbone": {"architecture": backbone, "weights": "none"}}
    refused = NETWORKS[name].refusal(backbone)
    if refused is not None:
        assert (backbone, NETWORKS[name].needs in refused) == (PLAIN, True)
        with pytest.raises(ValueError, match=refused):
            SegmenterConfig(**section)
        return
    with torch.device("meta"):
        network: Any = build(SegmenterConfig(**section), CLASSES).eval()
        logits = network.logits(network.whole_cells(torch.zeros(1, 3, 96, 96)))
    expected = cells(96, network.stride, network.aligned)
    assert logits.shape == (1, CLASSES + 1, expected, expected)


@pytest.mark.parametrize(("name", "dilations"), [("largefov", [3]), ("deeplab_v2", [2, 3, 4, 6])])
def test_dilations_cover_as_many_pixels_at_any_stride(name: str, dilations: list[int]) -> None:
    """Of stride 8 they are 12, and 6 to 24."""
    with torch.device("meta"):
        network: Any = make(NETWORKS[name](output_stride=32), CONVOLUTIONAL, CLASSES)
    head = network.aspp if name == "deeplab_v2" else [network.fc6]
    assert [layer.dilation[0] for layer in head] == [layer.padding[0] for layer in head] == dilations
    assert network.stride == 32


@pytest.mark.parametrize(
    ("backbone", "stride"),
    [(CONVOLUTIONAL, 8), ("timm/mobilenetv3_small_050", 16), (HIERARCHICAL, 16), (PLAIN, 16)],
)
def test_the_usual_stride_leaves_out_no_half_of_a_model(backbone: str, stride: int) -> None:
    """8 as published; what cannot be dilated has but a few layers there."""
    with torch.device("meta"):
        assert make(NETWORKS["largefov"](), backbone, CLASSES).stride == stride


def test_a_stride_that_a_model_cannot_have_is_refused() -> None:
    with pytest.raises(InputError, match="test_vit cannot have stride 8; its features have 16"):
        make(NETWORKS["largefov"](output_stride=8), PLAIN, CLASSES)


@pytest.mark.parametrize("size", [(65, 65), (50, 71), (33, 40)])
def test_logits_of_any_size(network: Any, size: tuple[int, int]) -> None:
    network.eval()
    images = torch.zeros(1, 3, *size, dtype=torch.uint8)
    with torch.inference_mode():
        logits = network.logits(images)
    assert logits.dtype == torch.float32
    assert logits.shape[:2] == (1, CLASSES + 1)
    if all(cells(side, network.stride, network.aligned) * network.stride < side + 8 for side in size):
        assert list(logits.shape[2:]) == [cells(side, network.stride, network.aligned) for side in size]


@pytest.mark.parametrize("size", [(65, 65), (50, 71), (1, 1)])
def test_prediction_covers_every_pixel(network: Any, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    settings = PredictionConfig(scales=[1.0, 0.75], precision="fp32")
    scores = predict_scores(network.eval(), image, settings, torch.device("cpu"))
    assert list(scores.shape[1:]) == [cells(side, network.stride, network.aligned) for side in size]
    np.testing.assert_allclose(np.exp(scores.astype(np.float32)).sum(0), 1, atol=5e-3)
    assert upsample(scores, size, network.stride, network.aligned).shape == (CLASSES + 1, *size)


def test_a_crop_of_any_size_is_taught_as_it_is_predicted(network: Any, batch: dict[str, Tensor]) -> None:
    """Its last cells look at the same replicated border as an image's in prediction."""
    network.eval()
    crop = {name: values[..., :60, :52] for name, values in batch.items()}
    if network.aligned != "corners":
        assert (
            network.whole_cells(crop["image"]) is crop["image"]
        )  # its cells lie where they are, whatever the size
        return
    below, right = (padding(side, network.stride, network.aligned) for side in (60, 52))
    assert below and right
    padded = {
        "image": functional.pad(crop["image"].float(), (0, right, 0, below), mode="replicate"),
        "labels": functional.pad(crop["labels"], (0, right, 0, below), value=255),
    }
    with torch.inference_mode():
        losses, expected = network.losses(crop), network.losses(padded)
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name])


def test_one_step_lowers_the_loss(case: str, batch: dict[str, Tensor]) -> None:
    network = untrained(case).train()
    solver = torch.optim.SGD(
        [
            {"params": group.parameters, "lr": 1e-5 * group.rate, "weight_decay": 0.0}
            for group in network.parameter_groups()
        ]
    )
    losses = []
    for _ in range(2):
        torch.manual_seed(1)  # the same dropout
        loss = torch.stack(list(network.losses(batch).values())).sum()
        losses.append(float(loss.detach()))
        solver.zero_grad()
        loss.backward()
        solver.step()
    assert losses[1] < losses[0]


def test_gradient_reaches_every_trained_parameter(case: str, batch: dict[str, Tensor]) -> None:
    network = untrained(case).train()
    torch.stack(list(network.losses(batch).values())).sum().backward()
    silent = [
        name
        for name, p in network.named_parameters()
        if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())
    ]
    assert silent == []


def test_groups_hold_every_parameter_once(network: Any) -> None:
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)


def test_saved_weights_give_the_same_logits(
    case: str, network: Any, batch: dict[str, Tensor], tmp_path: Path
) -> None:
    method, architecture = CASES[case]
    names = ["a", "b", "c"]
    settings = {
        "method": method.name,
        "backbone": {"architecture": architecture},
        method.name: method.values(),
    }
    save_weights(tmp_path / "weights.pt", Weights("segmenter", network.state_dict(), settings, names))
    loaded: Any = load(tmp_path / "weights.pt", names).eval()
    network.eval().to(memory_format=torch.channels_last)  # as what is loaded
    with torch.inference_mode():
        assert torch.equal(loaded.logits(batch["image"]), network.logits(batch["image"]))


def test_bfloat16_agrees(network: Any, batch: dict[str, Tensor]) -> None:
    network.eval()
    with torch.inference_mode():
        exact = network.logits(batch["image"])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network.logits(batch["image"])
    assert rounded.dtype == torch.float32
    spread = float(exact.max() - exact.min())
    assert spread > 0
    assert float((exact - rounded).abs().max()) < BFLOAT16_BOUND * spread


def test_frozen_stages_are_not_trained(case: str) -> None:
    method, architecture = CASES[case]
    backbone = {"architecture": architecture, "weights": "none", "frozen_stages": 2}
    section = {"method": method.name, method.name: method, "backbone": backbone}
    network = build(SegmenterConfig(**section), CLASSES)
    frozen = [p for p in network.backbone.parameters() if not p.requires_grad]
    assert frozen
    grouped = {id(p) for group in network.parameter_groups() for p in group.parameters}
    assert not grouped & {id(p) for p in frozen}
