"""The segmenters of segmentation_models_pytorch: every architecture, at small sizes, on its smallest encoders."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as published
import timm
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor, nn

from tiny_run import CLASSES as CLASSES_OF_TINY
from tiny_run import Tiny
from weakseg.backbones import BACKBONES
from weakseg.backbones.grid import cells
from weakseg.backbones.smp_encoders import ENCODERS
from weakseg.backbones.timm_models import TimmBackbone
from weakseg.backbones.weights import read_initial_weights
from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.segmenter.network import build, load, make
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.networks.smp import ARCHITECTURES, POOLED
from weakseg.segmenter.prediction.predict import predict_scores
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import ShardReader
from weakseg.storage.weights import Weights, save_weights

CLASSES = 3
SMALL, PLAIN = "timm/test_resnet", "timm/vit_tiny_patch16_224"


def encoder_of(name: str) -> str:
    return PLAIN if name == "dpt" else SMALL


def untrained(name: str, encoder: str | None = None) -> Any:
    torch.manual_seed(0)
    return make(NETWORKS[f"smp/{name}"](), encoder or encoder_of(name), CLASSES)


@pytest.fixture(params=ARCHITECTURES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def network(name: str) -> Any:
    return untrained(name)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    image = torch.randint(0, 256, (2, 3, 49, 41), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(2, 49, 41, dtype=torch.uint8)
    labels[0, 10:40, 20:40], labels[1, 30:45, 5:35], labels[:, :5] = 1, 2, 255
    return {"image": image, "labels": labels}


def moved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other values than a new network has."""
    return {key: value + 0.01 if value.is_floating_point() else value + 1 for key, value in state.items()}


def section(name: str, **backbone: Any) -> SegmenterConfig:
    return SegmenterConfig(
        method=f"smp/{name}",
        backbone={"architecture": encoder_of(name), "weights": "none"} | backbone,
        training={"batch_size": 4, "iterations": 10},
    )


def test_the_names_are_those_of_the_package() -> None:
    assert set(ARCHITECTURES) == set(published.MODEL_ARCHITECTURES_MAPPING)
    own = {each for each in published.encoders.get_encoder_names() if not each.startswith("timm-")}
    assert set(ENCODERS) == own


def test_scores_of_any_size_have_the_stride_of_the_decoder(name: str, network: Any) -> None:
    assert network.stride == ARCHITECTURES[name] == NETWORKS[f"smp/{name}"].scores_stride
    for size in [(1, 1), (40, 67)]:
        with torch.inference_mode():
            scores = network.eval().logits(torch.zeros(1, 3, *size, dtype=torch.uint8))
        assert scores.dtype == torch.float32
        assert list(scores.shape) == [
            1,
            CLASSES + 1,
            *(cells(side, network.stride, network.aligned) for side in size),
        ]


def test_they_are_those_of_the_package_before_it_enlarges_them(name: str, network: Any) -> None:
    """On an image that it takes as it is, with the weights copied into a network of its own."""
    options = {"num_classes": 0, "dynamic_img_size": True} if name == "dpt" else {}
    encoder = f"tu-{encoder_of(name).removeprefix('timm/')}"
    theirs = published.create_model(name, encoder, encoder_weights=None, classes=CLASSES + 1, **options)
    theirs.encoder.load_state_dict(network.backbone.encoder.state_dict(), strict=False)
    theirs.decoder.load_state_dict(network.decoder.state_dict())
    head = theirs.segmentation_head.head if name == "dpt" else theirs.segmentation_head[0]
    head.load_state_dict(network.head.state_dict())
    side = 128 - (network.stride - 1 if network.aligned == "corners" else 0)
    images = torch.randint(0, 256, (1, 3, side, side), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        normalized = network.eval().backbone.fitted(images)
        assert normalized.shape[2:] == (128, 128)
        stretched = theirs.eval()(normalized)
        ours = network.logits(images)
    enlarged = nn.functional.interpolate(ours, (128, 128), mode="bilinear", align_corners=True)
    torch.testing.assert_close(enlarged, stretched)


def test_prediction_covers_every_pixel(network: Any) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 33, 3), dtype=np.uint8)
    settings = PredictionConfig(scales=[1.0, 0.75], precision="fp32")
    scores = predict_scores(network.eval(), image, settings, torch.device("cpu"))
    assert list(scores.shape[1:]) == [cells(side, network.stride, network.aligned) for side in (50, 33)]
    np.testing.assert_allclose(np.exp(scores.astype(np.float32)).sum(0), 1, atol=5e-3)


def test_one_step_lowers_the_loss_and_reaches_every_parameter(name: str, batch: dict[str, Tensor]) -> None:
    network = untrained(name).train()
    groups = [{"params": group.parameters, "lr": 1e-4 * group.rate} for group in network.parameter_groups()]
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    solver = torch.optim.SGD(groups)
    losses = []
    for _ in range(2):
        torch.manual_seed(1)  # the same dropout
        loss = torch.stack(list(network.losses(batch).values())).sum()
        losses.append(float(loss.detach()))
        solver.zero_grad()
        loss.backward()
        solver.step()
    assert losses[1] < losses[0]
    silent = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []


def test_what_normalises_over_the_batch_says_so(name: str, network: Any, batch: dict[str, Tensor]) -> None:
    """A batch of one cannot be trained there, and is refused in planning; elsewhere it trains."""
    single = {key: value[:1] for key, value in batch.items()}
    given = {"method": f"smp/{name}", "backbone": {"architecture": encoder_of(name), "weights": "none"}}
    alone = {"batch_size": 1, "iterations": 10}
    assert network.least_share == (2 if name in POOLED else 1)
    if name in POOLED:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            network.train().losses(single)
        with pytest.raises(ValueError, match=rf"smp/{name} normalises over its share .* needs 2 or more"):
            SegmenterConfig(**given, training=alone)
    else:
        assert torch.isfinite(network.train().losses(single)["loss_labels"])
        SegmenterConfig(**given, training=alone)


def test_saved_weights_give_the_same_scores(
    name: str, network: Any, batch: dict[str, Tensor], tmp_path: Path
) -> None:
    names = ["a", "b", "c"]
    settings = {
        "method": f"smp/{name}",
        "backbone": {"architecture": encoder_of(name)},
        "smp": NETWORKS[f"smp/{name}"]().values(),
    }
    save_weights(tmp_path / "weights.pt", Weights("segmenter", network.state_dict(), settings, names))
    loaded: Any = load(tmp_path / "weights.pt", names)
    network.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.equal(loaded.logits(batch["image"]), network.logits(batch["image"]))


def test_frozen_stages_and_statistics_do_not_learn(name: str) -> None:
    network: Any = build(section(name, frozen_stages=2), CLASSES)
    encoder = network.backbone.encoder
    frozen = {key for key, p in encoder.named_parameters() if not p.requires_grad}
    learning = {key for key, p in encoder.named_parameters()} - frozen
    first, last = ("blocks.0.", "blocks.11.") if name == "dpt" else ("layer1.", "layer3.")
    assert any(first in key for key in frozen) and not any(last in key for key in frozen)
    assert (any(last in key for key in learning)) or name == "pspnet"
    network.backbone.freeze_normalization()
    normal = [each for each in network.train().backbone.modules() if isinstance(each, nn.BatchNorm2d)]
    assert not any(each.training for each in normal)


@pytest.mark.parametrize("name", ["unet", "dpt"], ids=str, scope="function")
def test_the_encoder_takes_timms_weights_of_the_whole_model(name: str, tmp_path: Path) -> None:
    encoder = encoder_of(name).removeprefix("timm/")
    torch.manual_seed(5)
    whole = timm.create_model(encoder, num_classes=0)
    save_file(moved(whole.state_dict()), tmp_path / "w.safetensors")
    initial = read_initial_weights(str(tmp_path / "w.safetensors"), architecture=f"timm/{encoder}")
    network: Any = build(section(name, weights=str(tmp_path / "w.safetensors")), CLASSES, initial)
    own = network.backbone.encoder.state_dict()
    given = {key.replace(".", "_"): value for key, value in moved(whole.state_dict()).items()}
    for key, value in own.items():
        assert torch.equal(value, given[key.replace("model.", "").replace(".", "_")]), key


def test_the_encoder_starts_from_the_attention_networks(tmp_path: Path) -> None:
    torch.manual_seed(6)
    trained = TimmBackbone(SMALL)
    trained.mean += 1.0
    network: Any = build(section("fpn", weights="attention"), CLASSES, trained.state_dict())
    assert torch.equal(network.backbone.mean, trained.mean)
    images = torch.randint(0, 256, (1, 3, 64, 64), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        features = network.eval().backbone.encode(network.backbone.normalize(images))
        torch.testing.assert_close(features[-1], _of_whole(trained.eval(), images))


def _of_whole(trained: TimmBackbone, images: Tensor) -> Tensor:
    found: Tensor = trained.model.forward_intermediates(trained.normalize(images), intermediates_only=True)[
        -1
    ]
    return found


def test_weights_of_another_network_are_one_sentence(tmp_path: Path) -> None:
    network: Any = untrained("fpn")
    with pytest.raises(InputError, match=r"hold nothing as 'model\.conv1.* of timm/test_resnet"):
        network.backbone.take_trained({"mean": network.backbone.mean, "std": network.backbone.std})


@pytest.mark.parametrize("encoder", ["mit_b0", "vgg11_bn"])
def test_its_own_encoders_start_from_a_file(encoder: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    made = published.encoders.get_encoder(encoder, weights=None)
    state = {f"encoder.{key}": value for key, value in moved(made.state_dict()).items()}
    save_file(state | {"decoder.x": torch.zeros(1)}, tmp_path / "w.safetensors")
    given = {"architecture": f"smp/{encoder}", "weights": str(tmp_path / "w.safetensors")}
    initial = read_initial_weights(given["weights"], architecture=given["architecture"])
    network: Any = build(section("fpn", **given), CLASSES, initial)
    for key, value in network.backbone.encoder.state_dict().items():
        assert torch.equal(value, state[f"encoder.{key}"])
    assert (network.stride, network.aligned) == (4, "corners" if encoder == "mit_b0" else "centres")


REFUSED = {
    "spelling": ("UnetPlusPlus", SMALL, r"no segmenter UnetPlusPlus; did you mean unetplusplus\?"),
    "unknown": ("sam", SMALL, r"no segmenter sam; it has unet, unetplusplus"),
    "encoder": ("fpn", "smp/resnet-18", r"no encoder resnet-18; did you mean resnet18"),
    "not dilated": ("pan", "smp/vgg16_bn", r"is smp/vgg16_bn; smp/pan needs an encoder .* with dilation"),
    "not joined": ("linknet", "smp/mit_b0", r"is smp/mit_b0; smp/linknet needs an encoder .* of stride 2"),
    "not plain": ("dpt", SMALL, r"smp/dpt stands on plain transformers of timm"),
    "plain": ("fpn", PLAIN, r"smp/fpn needs features of several sizes"),
    "ours": ("fpn", "vgg16", r"smp/fpn stands on timm/<name> or smp/<name>"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_is_refused_in_planning(case: str) -> None:
    method, architecture, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        SegmenterConfig(method=f"smp/{method}", backbone={"architecture": architecture, "weights": "none"})


def test_its_encoders_have_no_weights_by_name() -> None:
    with pytest.raises(ValueError, match=r"weights is resnet50; smp/resnet50 starts from a file"):
        section("fpn", architecture="smp/resnet50", weights="resnet50")


def test_a_missing_package_is_named_in_planning(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    hidden = "segmentation_models_pytorch"
    module = __import__("weakseg.segmenter.networks.smp", fromlist=["find_spec"])
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == hidden else found(name))
    with pytest.raises(ValueError, match=r"not installed: run pip install 'weakseg\[smp\]'"):
        section("fpn")


@pytest.mark.parametrize(("segmenter", "encoder"), [("fpn", "vit"), ("pan", "vgg"), ("dpt", "patch14")])
def test_an_encoder_that_does_not_fit_is_one_sentence(segmenter: str, encoder: str) -> None:
    """What planning cannot know: how a model of timm divides its image."""
    architecture = {"vit": "timm/test_vit", "vgg": "timm/vgg11", "patch14": "timm/eva02_tiny_patch14_224"}
    with pytest.raises(InputError, match=r"choose another encoder\.$") as caught:
        make(NETWORKS[f"smp/{segmenter}"](), architecture[encoder], CLASSES)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_planning_knows_the_encoders_that_the_package_refuses() -> None:
    for segmenter in ("deeplabv3plus", "linknet", "unetplusplus"):
        for encoder in (
            "resnet18",
            "mobilenet_v2",
            "vgg11",
            "densenet121",
            "inceptionv4",
            "xception",
            "mit_b0",
        ):
            try:
                section(segmenter, architecture=f"smp/{encoder}")
                planned = True
            except ValueError:
                planned = False
            try:
                published.create_model(segmenter, encoder, encoder_weights=None)
                possible = True
            except (ValueError, KeyError):
                possible = False
            assert planned == possible, (segmenter, encoder)


@pytest.mark.parametrize(("encoder", "kept"), [("resnet18", 0.683), ("efficientnet-b0", 0.435)])
def test_pspnet_keeps_no_stage_that_it_does_not_run(encoder: str, kept: float) -> None:
    """Layers 3 and 4 of ResNet-18 have 10.5 of its 11.2 million parameters."""
    network: Any = make(NETWORKS["smp/pspnet"](), f"smp/{encoder}", CLASSES)
    own = sum(p.numel() for p in network.backbone.encoder.parameters()) / 1e6
    assert own == pytest.approx(kept, abs=0.001)
    images = torch.zeros(2, 3, 33, 33, dtype=torch.uint8)
    network.train().logits(images).square().mean().backward()
    assert all((p.grad is not None) == p.requires_grad for p in network.parameters())


@pytest.mark.slow
def test_a_small_image_is_padded_to_what_the_encoder_takes() -> None:
    network: Any = untrained("unet", "timm/inception_v3")
    with torch.inference_mode():
        assert network.eval().logits(torch.zeros(1, 3, 5, 7, dtype=torch.uint8)).shape[2:] == (5, 7)
    assert network.backbone.least == 96


def test_the_commands_train_it_and_predict_with_it(tiny: Tiny, tmp_path: Path) -> None:
    method = {
        "method": "smp/deeplabv3plus",
        "backbone": {"architecture": SMALL, "weights": "none"},
        "smp": {"new_layers_rate": 5.0},
    }
    training = {"iterations": 3, "batch_size": 2, "crop": 33, "workers": 0}
    settings = {"train": method | {"labels": "masks", "training": training}, "predict": {"scales": [1.0]}}
    for command, values in settings.items():
        (tmp_path / f"{command}.json").write_text(json.dumps(values), encoding="utf-8")
    weights, scores = tmp_path / "weights.pt", tmp_path / "scores.h5"

    def run(command: str, *arguments: object) -> None:
        words = ["segmenter", command, "--config", tmp_path / f"{command}.json", *tiny.data, *arguments]
        done = CliRunner().invoke(weakseg, list(map(str, words)), catch_exceptions=False)
        assert done.exit_code == 0, done.output

    run("train", "--state", tmp_path / "state", "--out", weights)
    run("predict", "--split", "val", "--shard", "1-of-1", "--weights", weights, "--labels", tmp_path / "labels",
        "--out", scores)  # fmt: skip
    assert ShardReader([scores]).attribute("aligned") == "corners"
    assert read_labels(tmp_path / "labels" / "val" / "5.png").shape == (30, 40)
    assert load(weights, CLASSES_OF_TINY).decoder is not None


def test_they_stand_in_the_tables() -> None:
    assert NETWORKS.families["smp/"].section() == BACKBONES.families["smp/"].section() == "smp"
