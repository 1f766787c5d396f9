"""What every segmenter of the table must do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.grid import cells, padding
from weakseg.segmenter.network import build, load, make
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.segmenter.prediction.predict import predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.storage.weights import Weights, save_weights

CLASSES = 3
SMALLER = {"vgg16": "vgg_small", "resnet101": "resnet50"}
"""Backbone → one of the same kind that stands for it where the method has it."""
SMALL: dict[str, Any] = {"frozen_normalization": False, "width": 64}
"""Without weights, batch normalisation must learn its statistics."""


def small(method: str, **options: Any) -> SegmenterMethod:
    """Settings of a method, for a quick network."""
    known = {name: value for name, value in SMALL.items() if name in NETWORKS[method].model_fields}
    return NETWORKS[method](**known | options)


CASES: dict[str, tuple[SegmenterMethod, str]] = {
    f"{name}-{backbone}": (small(name), backbone)
    for name, method in NETWORKS.items()
    for backbone in method.backbones
    if SMALLER.get(backbone) not in method.backbones
} | {
    "deeplab_v2-scales": (small("deeplab_v2", multi_scale=True), "resnet50"),
    "deformable-6": (small("deformable", layers=6), "resnet50"),
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
    others = {"vgg16", "resnet50", "mobilenet_v3_large"} - set(NETWORKS[name].backbones)
    with pytest.raises(ValueError, match=rf"{name} stands on {NETWORKS[name].backbones[0]}"):
        SegmenterConfig(method=name, backbone={"architecture": sorted(others)[0]})


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
