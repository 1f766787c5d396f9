"""Initial weights of every format give the same network."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from weakseg.backbones import BACKBONES
from weakseg.backbones.vgg import Vgg
from weakseg.backbones.weights import (
    _CHANNELS,
    _KERAS_NAMES,
    _TORCHVISION_NUMBERS,
    read_initial_weights,
)
from weakseg.errors import InputError
from weakseg.weights.cache import digest
from weakseg.weights.known import KNOWN

Convolutions = list[tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture(scope="module")
def convolutions() -> Convolutions:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(out, inside, 3, 3, generator=generator), torch.randn(out, generator=generator))
        for inside, out in pairwise(_CHANNELS)
    ]


def torchvision_state(convolutions: Convolutions) -> dict[str, torch.Tensor]:
    state = {}
    for number, (weight, bias) in zip(_TORCHVISION_NUMBERS, convolutions, strict=True):
        state |= {f"features.{number}.weight": weight, f"features.{number}.bias": bias}
    return state


def test_torchvision_names_are_torchvisions_own() -> None:
    from torchvision.models import vgg16

    with torch.device("meta"):
        state = vgg16().state_dict()
    names = [name for name, value in state.items() if name.startswith("features") and value.ndim == 4]
    assert names == [f"features.{number}.weight" for number in _TORCHVISION_NUMBERS]
    assert [tuple(state[name].shape[:2]) for name in names] == list(
        zip(_CHANNELS[1:], _CHANNELS[:-1], strict=True)
    )


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torch_files(tmp_path: Path, convolutions: Convolutions, suffix: str) -> None:
    path = tmp_path / f"vgg16{suffix}"
    state = torchvision_state(convolutions)
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    read = read_initial_weights(str(path))
    assert read is not None
    assert all(torch.equal(a, b) for a, b in zip(read.convolutions[0], convolutions[0], strict=True))
    assert read.std == (58.395, 57.12, 57.375)
    assert len(read.provenance["sha256"]) == 64


def test_npz_and_keras_agree_and_turn_bgr_to_rgb(tmp_path: Path, convolutions: Convolutions) -> None:
    arrays = {}
    with h5py.File(tmp_path / "vgg16.h5", "w") as file:
        for name, (weight, bias) in zip(_KERAS_NAMES, convolutions, strict=True):
            arrays |= {f"{name}.weight": weight.numpy(), f"{name}.bias": bias.numpy()}
            file[f"{name}/{name}_W_1:0"] = weight.permute(2, 3, 1, 0).numpy()
            file[f"{name}/{name}_b_1:0"] = bias.numpy()
    np.savez(tmp_path / "vgg16.npz", **arrays)
    npz, keras = (read_initial_weights(str(tmp_path / f"vgg16.{suffix}")) for suffix in ("npz", "h5"))
    assert npz is not None
    assert keras is not None
    for (a, _), (b, _) in zip(npz.convolutions, keras.convolutions, strict=True):
        assert torch.equal(a, b)
    assert torch.equal(npz.convolutions[0][0], convolutions[0][0].flip(1))
    assert npz.mean == (123.68, 116.779, 103.939)


@pytest.mark.slow
def test_keras_dense_layer_flattens_rows_columns_channels(tmp_path: Path, convolutions: Convolutions) -> None:
    kernel = np.zeros((25088, 4096), np.float32)
    kernel[(2 * 7 + 5) * 512 + 300, 17] = 1.0  # row 2, column 5, channel 300 → unit 17
    with h5py.File(tmp_path / "vgg16.h5", "w") as file:
        for name, (weight, bias) in zip(_KERAS_NAMES, convolutions, strict=True):
            file[f"{name}/kernel:0"] = weight.permute(2, 3, 1, 0).numpy()
            file[f"{name}/bias:0"] = bias.numpy()
        file.create_dataset("fc1/kernel:0", data=kernel, compression="gzip", compression_opts=1)
        file["fc1/bias:0"] = np.zeros(4096, np.float32)
    read = read_initial_weights(str(tmp_path / "vgg16.h5"))
    assert read is not None
    assert read.fc6 is not None
    assert read.fc6[0][17, 300, 2, 5] == 1
    assert read.fc6[0].sum() == 1


@pytest.mark.parametrize(
    ("value", "name", "mean", "deviation"),
    [
        ("vgg16", "vgg16", 123.675, 58.395),
        ("IMAGENET1K_V1", "vgg16", 123.675, 58.395),
        ("IMAGENET1K_FEATURES", "vgg16-features", 123.0, 1.0),
        ("vgg16-features", "vgg16-features", 123.0, 1.0),
    ],
)
def test_weights_by_name_bring_their_normalisation(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    convolutions: Convolutions,
    value: str,
    name: str,
    mean: float,
    deviation: float,
) -> None:
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path))
    file = tmp_path / "weights" / KNOWN[name].file_name
    file.parent.mkdir()
    torch.save(torchvision_state(convolutions), file)
    monkeypatch.setitem(KNOWN, name, replace(KNOWN[name], sha256=digest(file)))
    read = read_initial_weights(value)
    assert read is not None
    assert (read.mean[0], read.std[0]) == (mean, deviation)
    assert torch.equal(read.convolutions[0][0], convolutions[0][0])
    assert read.provenance == {"source": name, "sha256": digest(file)}


def test_backbone_normalises_as_its_weights_expect(tmp_path: Path, convolutions: Convolutions) -> None:
    torch.save(torchvision_state(convolutions), tmp_path / "vgg16.pth")
    read = read_initial_weights(str(tmp_path / "vgg16.pth"), "caffe_bgr")
    assert read is not None
    backbone = Vgg("vgg16")
    backbone.load(read)
    grey = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
    assert backbone.normalize(grey).abs().max() < 1e-4
    assert backbone.fill == (124, 117, 104)


@pytest.mark.parametrize(
    ("architecture", "first"),
    [
        ("resnet50", "conv1.weight"),
        ("alexnet", "features.0.weight"),
        ("mobilenet_v3_large", "features.0.0.weight"),
        ("inception_v3", "Conv2d_1a_3x3.conv.weight"),
    ],
)
def test_torchvisions_architectures_turn_bgr_to_rgb(tmp_path: Path, architecture: str, first: str) -> None:
    from torchvision import models

    declared = BACKBONES[architecture].torchvision
    assert declared is not None
    state = models.get_model(architecture, weights=None, **declared.built_with).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    read = read_initial_weights(str(tmp_path / "weights.pth"), "caffe_bgr", architecture)
    assert read is not None
    assert read.state is not None
    assert read.mean == (123.68, 116.779, 103.939)
    changed = [name for name, value in state.items() if not torch.equal(value, read.state[name])]
    assert changed == [first]
    assert torch.equal(read.state[first], state[first].flip(1))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("IMAGENET", "was expected"), ("absent.pth", "missing"), ("vgg16.txt", "was expected")],
)
def test_unknown_sources(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_initial_weights(name if name == "IMAGENET" else str(tmp_path / name))


def test_wrong_weights(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match=r"features\.0\.weight.*VGG16"):
        read_initial_weights(str(tmp_path / "resnet.pth"))
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(InputError, match="cannot be read"):
        read_initial_weights(str(tmp_path / "text.npz"))


def test_frozen_stages_keep_their_weights_and_pass_no_gradient() -> None:
    backbone = Vgg("vgg_small")
    backbone.freeze(2)
    backbone(torch.zeros(1, 3, 32, 32)).sum().backward()
    assert all(p.grad is None for p in backbone.stages[:2].parameters())
    assert all(p.grad is not None for p in backbone.stages[2:].parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
def test_a_prefix_is_taken_off(
    tmp_path: Path,
    convolutions: Convolutions,
    capsys: pytest.CaptureFixture[str],
    suffix: str,
    prefix: str,
) -> None:
    path = tmp_path / f"vgg16{suffix}"
    state = {f"{prefix}{name}": value for name, value in torchvision_state(convolutions).items()}
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    read = read_initial_weights(str(path))
    assert read is not None
    assert all(torch.equal(a, b) for a, b in zip(read.convolutions[5], convolutions[5], strict=True))
    said = f"{path}: '{prefix}' stands before the names of its parameters, and is taken off\n"
    assert capsys.readouterr().err == (said if prefix else "")


@pytest.mark.parametrize("keys", [("state_dict",), ("model",), ("model", "state_dict")])
def test_wrapped_parameters_are_taken_out(
    tmp_path: Path, convolutions: Convolutions, capsys: pytest.CaptureFixture[str], keys: tuple[str, ...]
) -> None:
    content: dict[str, object] = dict(torchvision_state(convolutions))
    for key in reversed(keys):
        content = {"epoch": 3, key: content}
    torch.save(content, tmp_path / "vgg16.pth")
    read = read_initial_weights(str(tmp_path / "vgg16.pth"))
    assert read is not None
    assert torch.equal(read.convolutions[0][0], convolutions[0][0])
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{tmp_path / 'vgg16.pth'}: its parameters lie under '{key}', and are taken from there"
        for key in keys
    ]


def test_a_wrapped_resnet_of_a_larger_network(tmp_path: Path) -> None:
    from torchvision import models

    state = models.get_model("resnet50", weights=None).state_dict()
    content = {"model": {"head.weight": torch.zeros(1)} | {f"module.body.{n}": v for n, v in state.items()}}
    torch.save(content, tmp_path / "weights.pth")
    read = read_initial_weights(str(tmp_path / "weights.pth"), architecture="resnet50")
    assert read is not None
    assert read.state is not None
    assert torch.equal(read.state["layer4.2.conv3.weight"], state["layer4.2.conv3.weight"])
    del state["conv1.weight"]
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"holds nothing as 'conv1\.weight'"):  # not layer1.0.conv1.weight
        read_initial_weights(str(tmp_path / "weights.pth"), architecture="resnet50")


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "an infinite number")])
def test_numbers_that_are_not_finite_are_named(
    tmp_path: Path, convolutions: Convolutions, value: float, word: str
) -> None:
    from torchvision import models

    state = torchvision_state(convolutions)
    state["features.5.bias"] = torch.full_like(state["features.5.bias"], value)
    torch.save(state, tmp_path / "vgg16.pth")
    with pytest.raises(InputError, match=rf"holds {word} in 'features\.5\.bias'"):
        read_initial_weights(str(tmp_path / "vgg16.pth"))
    deep = models.get_model("resnet50", weights=None).state_dict()
    deep["layer1.0.bn1.running_var"][3] = value
    torch.save(deep, tmp_path / "resnet50.pth")
    with pytest.raises(InputError, match=rf"holds {word} in 'layer1\.0\.bn1\.running_var'"):
        read_initial_weights(str(tmp_path / "resnet50.pth"), architecture="resnet50")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz", ".h5"])
@pytest.mark.parametrize(
    ("content", "word"),
    [
        (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n",
            "is a Git LFS pointer",
        ),
        ("\n<!DOCTYPE html><html></html>", "is a web page"),
        ("", "is empty"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, suffix: str, content: str, word: str) -> None:
    path = tmp_path / f"vgg16{suffix}"
    path.write_text(content)
    with pytest.raises(InputError, match=f"^weights file {path} {word}"):
        read_initial_weights(str(path))


def test_what_holds_no_named_tensors_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    for content, word in (({"epoch": 3}, "a dictionary of epoch"), (torch.zeros(2), "a Tensor")):
        torch.save(content, path)
        with pytest.raises(InputError, match=f"holds {word}; names with their tensors were expected"):
            read_initial_weights(str(path))
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), path)
    with pytest.raises(InputError, match=r"holds a whole object \(torch\.nn\S+\), which could run code"):
        read_initial_weights(str(path))
