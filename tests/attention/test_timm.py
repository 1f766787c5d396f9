"""Attention networks on models of timm: CAM on every kind, the others on some, and their maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from weakseg.attention.gradcam import grad_cam
from weakseg.attention.held_out import HeldOut
from weakseg.attention.maps import attention_maps
from weakseg.attention.network import build
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.settings import AttentionConfig, MapsConfig
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.settings import TrainingConfig

PLAIN = ("vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2", "eva02_tiny_patch14_224")
ON_CAM = (
    "resnet18",
    "convnext_atto",
    "tf_efficientnet_lite0",
    "mobilenetv4_conv_small_035",
    "regnetx_002",
    "hrnet_w18_small",
    "swin_tiny_patch4_window7_224",
    "maxvit_pico_rw_256",
    "pvt_v2_b0",
    *PLAIN,
)
OTHERS = [
    (method, model)
    for method, models in {
        "seenet": ("convnext_atto", "pvt_v2_b0"),
        "spg": ("tf_efficientnet_lite0", "pvt_v2_b0"),
        "acol": ("mobilenetv4_conv_small_035", "convnext_atto"),
        "oaa": ("regnetx_002", "swin_tiny_patch4_window7_224"),
        "oaa_plus": ("regnetx_002", "mobilenetv4_conv_small_035"),
    }.items()
    for model in models
]
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def made(method: str, model: str) -> Classifier:
    torch.manual_seed(0)
    backbone = {"architecture": f"timm/{model}", "weights": "none"}
    return build(AttentionConfig.model_validate({"method": method, "backbone": backbone}), 3)


def images(side: int) -> Tensor:
    return torch.randint(0, 256, (2, 3, side, side), generator=torch.Generator().manual_seed(3))


def batch_for(network: Classifier, side: int) -> dict[str, Tensor]:
    batch = {"image": images(side), "labels": LABELS}
    if network.memory is not None:
        network.memory.enrol([("0", ["0", "2"]), ("1", ["1"])])
        slots = [
            [network.memory.slot(str(n), str(c)) if LABELS[n, c] else -1 for c in range(3)] for n in range(2)
        ]
        batch |= {"slots": torch.tensor(slots), "view": torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0]] * 2)}
    return batch | {"target": torch.rand(2, 3, side, side) * LABELS[:, :, None, None]}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "model"), [*(("cam", model) for model in ON_CAM), *OTHERS])
def test_it_learns_and_its_maps_are_cells(method: str, model: str) -> None:
    network, side = made(method, model), 64 if "patch14" not in model else 56
    network.eval()  # without dropout; batch normalisation as it is
    batch = batch_for(network, side)
    solver = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 1e-3)
    sums = []
    for _ in range(2):
        losses = network.losses(batch)
        assert all(bool(torch.isfinite(loss)) for loss in losses.values())
        total = torch.stack(list(losses.values())).sum()
        solver.zero_grad()
        total.backward()
        silent = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        solver.step()
        sums.append(float(total.detach()))
    assert silent == []
    assert sums[1] < sums[0]
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    maps, scores = network.attention(batch["image"], LABELS)
    cells = side // network.backbone.stride  # type: ignore[operator]
    assert maps.shape == (2, 3, cells, cells)
    assert scores.shape == (2, 3)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert not maps[LABELS == 0].any()


@pytest.mark.parametrize("model", ["regnetx_002", "pvt_v2_b0", *PLAIN])
def test_grad_cam_weighs_the_features_that_the_head_sees(model: str) -> None:
    network, side = made("cam", model).eval(), 64 if "patch14" not in model else 56
    maps, scores = grad_cam(network, images(side), LABELS)
    torch.testing.assert_close(scores, network.class_scores(images(side)))
    features = network.backbone(images(side).float()).detach().requires_grad_()
    score = network.head(features).mean(dim=(2, 3))[0, 2]
    (gradient,) = torch.autograd.grad(score, features)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1)[0].clamp(min=0)
    torch.testing.assert_close(
        maps[0, 2], (expected / (expected.max() + 1e-8)).detach(), atol=1e-4, rtol=1e-3
    )
    assert not maps[LABELS == 0].any()


@pytest.fixture
def index(tmp_path: Path) -> Index:
    random = np.random.default_rng(0)
    records = []
    for number, size in enumerate([(60, 90), (90, 60), (75, 90)]):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
        records.append(Record(str(number), path, "train" if number else "val", ("a",), None))
    return Index(tuple(records), ("a", "b", "c"), (0, 1, 2, 3))


class Bright(torch.nn.Module):
    """In place of a network: each cell of a map is the brightness of what it stands for."""

    sums_scales = False
    memory = None
    read_out = "relu"

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.seen: list[tuple[int, ...]] = []

    def attention(self, shown: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(tuple(shown.shape[2:]))
        stride: Any = self.backbone.stride
        maps = torch.nn.functional.avg_pool2d(shown[:, :1].float() / 255, stride, ceil_mode=True)
        assert maps.shape[2:] == self.backbone(shown).shape[2:]
        return maps.expand(-1, 3, -1, -1) * labels[:, :, None, None], labels


@pytest.mark.parametrize(
    ("model", "multiple"), [("eva02_tiny_patch14_224", 28), ("vit_tiny_patch16_224", 32)]
)
@pytest.mark.parametrize("scales", [[1.0], [1.0, 0.5]])
def test_cells_cover_the_image_and_nothing_else(
    index: Index, model: str, multiple: int, scales: list[float]
) -> None:
    network: Any = Bright(made("cam", model))
    maps = MapsConfig.model_validate({"size": 96, "scales": scales, "precision": "fp32"})
    found = {
        each.id: each.maps["a"]
        for each in attention_maps(network, index, index.records, maps, torch.device("cpu"))
    }
    assert all(side % multiple == 0 for size in network.seen for side in size)
    cells = multiple // network.backbone.stride
    assert found["0"].shape == (2 * cells, 3 * cells)
    assert found["1"].shape == found["0"].shape[::-1]


def test_held_out_images_are_looked_at(index: Index) -> None:
    network = made("cam", "eva02_tiny_patch14_224").eval()
    measure = HeldOut.of(index, TrainingConfig(crop=50, batch_size=2), network.backbone.fill)
    assert measure is not None
    with torch.no_grad():
        assert measure(network) == {"val_ap": None}  # one image: no class is there and elsewhere not
