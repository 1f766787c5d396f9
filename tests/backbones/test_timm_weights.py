"""Weights of timm's models from files: as timm computes with them, or one sentence; and names that planning refuses."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from weakseg.backbones.settings import BackboneConfig
from weakseg.backbones.timm_models import TimmBackbone
from weakseg.backbones.weights import read_initial_weights
from weakseg.errors import InputError

State = dict[str, Tensor]
IMAGES = torch.randint(0, 256, (1, 3, 64, 64), generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may open a connection."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def whole(name: str, **options: Any) -> Any:
    """A model of timm as users train it, with its classifier."""
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False, num_classes=10, **options).eval()


def saved(state: State, path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    return str(path)


def loaded(name: str, file: str, stride: int | None = None, normalization: str = "auto") -> TimmBackbone:
    initial = read_initial_weights(file, normalization, f"timm/{name}")
    assert initial is not None
    torch.manual_seed(5)
    body = TimmBackbone(f"timm/{name}", stride).eval()
    body.load(initial)
    return body


def of_timm(model: Any, images: Tensor, plain: bool = False) -> list[Tensor]:
    """Timm's own features of all of its stages."""
    config = model.pretrained_cfg
    mean, std = (torch.tensor([255 * v for v in config[key]]).view(1, 3, 1, 1) for key in ("mean", "std"))
    indices = (2, 5, 8, 11) if plain else None
    with torch.no_grad():
        given: list[Tensor] = model.forward_intermediates(
            (images.float() - mean) / std, indices, norm=plain, intermediates_only=True
        )
    return given


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet18", 65),
        ("convnext_atto", 64),
        ("mobilenetv4_conv_small_035", 65),
        ("swin_tiny_patch4_window7_224", 224),
        ("vit_tiny_patch16_224", 224),
    ],
)
def test_a_file_gives_timms_features_bit_for_bit(tmp_path: Path, name: str, side: int, ending: str) -> None:
    model, plain = whole(name), name.startswith("vit")
    images = torch.randint(0, 256, (1, 3, side, side), generator=torch.Generator().manual_seed(1))
    body = loaded(name, saved(model.state_dict(), tmp_path / f"weights{ending}"))
    with torch.no_grad():
        found = body.stage_features(images)
    for one, other in zip(found, of_timm(model, images, plain), strict=True):
        assert torch.equal(one, other)


def test_the_features_are_those_of_timms_features_only_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("regnetx_002", pretrained=False, features_only=True, output_stride=16).eval()
    state = whole("regnetx_002").state_dict()
    model.load_state_dict({key: value for key, value in state.items() if key in model.state_dict()})
    file = saved(whole("regnetx_002").state_dict(), tmp_path / "weights.pth")
    body = loaded("regnetx_002", file, 16)
    images = torch.randint(0, 256, (1, 3, 65, 81))
    with torch.no_grad():
        expected = model(body.normalize(images))
        for one, other in zip(body.stage_features(images), expected, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    "packed",
    [
        lambda state: {key: value for key, value in state.items() if not key.startswith("fc.")},
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"backbone.{key}": value for key, value in state.items()},
    ],
    ids=["headless", "under model", "module.", "backbone."],
)
def test_a_file_of_a_training_program(tmp_path: Path, packed: Any) -> None:
    model = whole("resnet18")
    torch.save(packed(model.state_dict()), tmp_path / "weights.pth")
    body = loaded("resnet18", str(tmp_path / "weights.pth"))
    images = torch.randint(0, 256, (1, 3, 65, 65))
    with torch.no_grad():
        assert torch.equal(body(images), of_timm(model, images)[-1])


def test_position_embeddings_of_another_size_are_resampled(tmp_path: Path) -> None:
    model = whole("vit_tiny_patch16_224", img_size=96)
    body = loaded("vit_tiny_patch16_224", saved(model.state_dict(), tmp_path / "weights.safetensors"))
    assert body.model.pos_embed.shape == (1, 1 + 14 * 14, 192)
    torch.testing.assert_close(body.model.pos_embed[:, :1], model.pos_embed[:, :1])
    small = model.pos_embed[:, 1:].mean()
    torch.testing.assert_close(body.model.pos_embed[:, 1:].mean(), small, atol=1e-3, rtol=0.05)
    assert torch.equal(body.model.blocks[3].attn.qkv.weight, model.blocks[3].attn.qkv.weight)


def test_names_of_the_first_authors_are_timms_after_reading(tmp_path: Path) -> None:
    """ConvNeXt as its authors' program saved it, here with the prefix of data parallel training."""
    model = whole("convnext_atto")
    first = {}
    for key, value in model.state_dict().items():
        key = (
            key.replace("stem.", "downsample_layers.0.")
            .replace("conv_dw", "dwconv")
            .replace("mlp.fc", "pwconv")
        )
        if ".downsample." in key:
            _, number, _, rest = key.split(".", 3)
            key = f"downsample_layers.{number}.{rest}"
        key = key.replace(".blocks.", ".").replace("head.fc.", "head.").replace("head.norm.", "norm.")
        first[f"module.{key}"] = value
    assert "module.stages.0.0.pwconv1.weight" in first
    body = loaded("convnext_atto", saved(first, tmp_path / "first.pth"))
    with torch.no_grad():
        assert torch.equal(body(IMAGES), of_timm(model, IMAGES)[-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda state: state.pop("layer1.0.conv1.weight"),
            r"holds nothing as 'layer1\.0\.conv1\.weight'; timm's resnet18 has",
        ),
        (
            lambda state: state["layer1.0.conv1.weight"].fill_(float("nan")),
            r"holds NaN in 'layer1\.0\.conv1\.weight'",
        ),
        (lambda state: state.update({"bn1.weight": torch.ones(3)}), r"holds \(3,\) as 'bn1\.weight'"),
    ],
    ids=["missing", "NaN", "shape"],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, change: Any, said: str) -> None:
    state = whole("resnet18").state_dict()
    change(state)
    refused(saved(state, tmp_path / "weights.pth"), "resnet18", said)


def refused(file: str, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_initial_weights(file, architecture=f"timm/{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "other", ["convnext_atto", "vit_tiny_patch16_224", "eva02_tiny_patch14_224", "pvt_v2_b0"]
)
def test_another_models_weights_are_one_sentence(tmp_path: Path, other: str) -> None:
    """Timm's filters of names stumble over them in ways of their own."""
    file = saved(whole("resnet18").state_dict(), tmp_path / "weights.pth")
    refused(file, other, f"; timm's {other} has .*: give such weights")


def test_a_file_of_another_format_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"")
    refused(str(tmp_path / "weights.npz"), "resnet18", r"a file ending in \.pth or \.safetensors or a name")


def test_the_normalisation_is_the_models_or_that_of_the_configuration(tmp_path: Path) -> None:
    model = whole("mobilenetv4_conv_small_035")
    file = saved(model.state_dict(), tmp_path / "weights.pth")
    own = loaded("mobilenetv4_conv_small_035", file)
    assert own.mean.flatten().tolist() == pytest.approx([255 * m for m in model.pretrained_cfg["mean"]])
    caffe = loaded("mobilenetv4_conv_small_035", file, None, "caffe_bgr")
    assert caffe.mean.flatten().tolist() == pytest.approx([123.68, 116.779, 103.939])
    assert torch.equal(caffe.model.conv_stem.weight, model.conv_stem.weight.flip(1))


def test_weights_of_one_model_can_have_normalisations_of_their_own() -> None:
    from weakseg.backbones.timm_models import expected_state

    means = [
        expected_state("vit_base_patch16_224", source)[1]["mean"][0]
        for source in ("", "vit_base_patch16_224.augreg2_in21k_ft_in1k", "vit_base_patch16_224.mae")
    ]
    assert means == pytest.approx([0.5, 0.5, 0.485])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("resnet18.a1_in1k", r"write architecture: timm/resnet18 and weights: resnet18\.a1_in1k"),
        ("resnet81", r"timm has no model resnet81; did you mean resnet18 or "),
        ("zzzzzz", r"timm\.list_models\(\) lists them"),
    ],
)
def test_a_name_that_timm_does_not_have_is_refused(model: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BackboneConfig(architecture=f"timm/{model}", weights="none")


def test_planning_imports_neither_timm_nor_torch() -> None:
    code = (
        "import sys; from weakseg.backbones import BACKBONES; from weakseg.backbones.settings import BackboneConfig; "
        "BackboneConfig(architecture='timm/resnet18', weights='none'); BACKBONES['timm/pvt_v2_b0'].kind(); "
        "print(sorted({'timm', 'torch', 'torchvision'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
