"""The table of published weights, and how a configuration refers to it."""

from pathlib import Path
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run import inputs
from weakseg.run.entered import entered
from weakseg.run.table import Table
from weakseg.settings.reading import parse
from weakseg.weights.cache import digest
from weakseg.weights.known import KNOWN, find

SHARED = Path(__file__).resolve().parents[3] / "shared/data/weights"
VGG16 = {"architecture": "vgg16", "weights": "vgg16"}


def table(folder: Path, saliency: Any, backbone: Any = VGG16, **more: Any) -> Table:
    values = {
        "run": "mine",
        "saliency": saliency,
        "attention": {"backbone": backbone},
        "segmenter": {"backbone": backbone},
        "detector": {"backbone": {"architecture": "resnet50", "weights": "resnet50"}},
        **more,
    }
    return Table(parse(Config, values, "my.yaml"), folder)


def onnx(**values: Any) -> dict[str, Any]:
    return {"method": "onnx", "onnx": values}


def test_the_table_is_consistent() -> None:
    for known in KNOWN.values():
        if known.sha256 or "huggingface.co" not in known.address:  # which tells the SHA-256
            assert len(known.sha256) in (8, 64) and int(known.sha256, 16) >= 0
        if "pytorch.org" in known.address or "github.com/huggingface" in known.address:
            assert known.address.removesuffix(".pth").endswith(known.sha256[:8])  # the first digits
    assert len({known.file_name for known in KNOWN.values()}) == len(KNOWN)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real weights are not beside this checkout")
def test_u2netp_is_the_file_of_the_table() -> None:
    file = SHARED / "u2netp.onnx"
    assert (digest(file), file.stat().st_size) == (KNOWN["u2netp"].sha256, KNOWN["u2netp"].size)


def test_a_value_with_a_slash_or_an_existing_file_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("u2netp") is KNOWN["u2netp"]
    assert find("./u2netp") is None
    Path("u2netp").touch()
    assert find("u2netp") is None


@pytest.mark.parametrize(
    ("value", "architecture", "name"),
    [
        ("IMAGENET1K_V1", "vgg16", "vgg16"),
        ("IMAGENET1K_FEATURES", "vgg16", "vgg16-features"),
        ("IMAGENET1K_V1", "resnet101", "resnet101"),
        ("resnet50-v2", "resnet50", "resnet50-v2"),
    ],
)
def test_torchvisions_names_mean_the_architectures_file(value: str, architecture: str, name: str) -> None:
    assert find(value, architecture) is KNOWN[name]


def test_what_reads_weights_by_name_waits_for_their_stamp(tmp_path: Path) -> None:
    run = table(tmp_path, onnx(file="u2netp"))
    assert inputs.saliency_files(run, "saliency_maps") == [f"{tmp_path}/mine/weights/u2netp.json"]
    assert inputs.initial_weights(run, "segmenter") == [f"{tmp_path}/mine/weights/vgg16.json"]
    assert [known.name for known in inputs.known_weights(run)] == ["u2netp", "vgg16", "resnet50"]
    assert [known.name for known in inputs.known_weights(run, ("saliency",))] == ["u2netp"]
    assert entered(run).known == {"saliency": KNOWN["u2netp"]}
    assert entered(run).outside == {}


def test_a_trained_saliency_network_starts_from_weights_by_name(tmp_path: Path) -> None:
    run = table(tmp_path, {"method": "srm"})
    assert inputs.saliency_files(run, "saliency_train") == [f"{tmp_path}/mine/weights/resnet50.json"]


def test_a_folder_of_maps_may_have_the_name_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("u2net").mkdir()
    run = table(tmp_path, {"method": "folder", "folder": {"folder": "u2net"}})
    assert inputs.saliency_files(run, "saliency_maps") == ["u2net"]
    assert inputs.known_weights(run, ("saliency",)) == []
    assert entered(run).outside == {"saliency": Path("u2net")}


def test_a_run_without_such_weights_fetches_nothing(tmp_path: Path) -> None:
    small = {"architecture": "vgg_small", "weights": "none"}
    run = table(tmp_path, {"method": "small"}, small, detector={"backbone": small})
    assert inputs.known_weights(run) == []


@pytest.mark.parametrize(
    ("saliency", "backbone", "said"),
    [
        (
            onnx(file="u2nett"),
            VGG16,
            r"saliency\.onnx\.file is u2nett, which is neither a file nor the name .*u2net",
        ),
        (onnx(file="u2.onnx"), VGG16, r"saliency\.onnx\.file is u2\.onnx, which does not exist"),
        (
            onnx(file="u2netp"),
            VGG16 | {"weights": "vgg"},
            r"attention\.backbone\.weights is vgg, .* correct it: vgg16",
        ),
    ],
)
def test_what_is_neither_a_file_nor_a_name_is_refused(
    tmp_path: Path, saliency: Any, backbone: Any, said: str
) -> None:
    run = table(tmp_path, saliency, backbone)
    with pytest.raises(InputError, match=said):
        inputs.saliency_files(run, "saliency_maps")
        inputs.initial_weights(run, "attention")


@pytest.mark.parametrize(
    ("saliency", "backbone", "said"),
    [
        (
            onnx(file="vgg16"),
            VGG16,
            "vgg16 names weights of vgg16, and a saliency network was expected: u2netp",
        ),
        (
            onnx(),
            VGG16 | {"weights": "resnet50"},
            "resnet50 names weights of resnet50, and those of vgg16 were",
        ),
        (
            onnx(),
            VGG16 | {"weights": "u2net"},
            "u2net is a saliency network, and those of vgg16 were",
        ),
        (
            onnx(file="isnet-general-use", size=320),
            VGG16,
            "size is 320, but isnet-general-use needs 1024; leave size",
        ),
        (
            onnx(file="u2net", preset="plain"),
            VGG16,
            "preset is plain, but u2net needs u2net; leave preset out",
        ),
    ],
)
def test_a_name_of_something_else_is_refused(tmp_path: Path, saliency: Any, backbone: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        table(tmp_path, saliency, backbone)


def test_named_saliency_networks_bring_their_size_and_pre_processing(tmp_path: Path) -> None:
    settings = table(tmp_path, onnx(file="isnet-general-use")).config.saliency.own
    assert (settings.side, settings.scaling) == (1024, "isnet")
    own = table(tmp_path, onnx(file="mine.onnx")).config.saliency.own
    assert (own.side, own.scaling) == (320, "u2net")


def test_a_licence_without_commercial_use_is_accepted_by_name(tmp_path: Path) -> None:
    refused = table(tmp_path, onnx(file="bria-rmbg-1.4"))
    with pytest.raises(
        InputError, match=r"forbids commercial use .* set accept_licenses: \[bria-rmbg-1\.4\]\.$"
    ):
        inputs.known_weights(refused)
    accepted = table(tmp_path, onnx(file="bria-rmbg-1.4"), accept_licenses=["bria-rmbg-1.4"])
    assert inputs.known_weights(accepted)[0].name == "bria-rmbg-1.4"
