"""The ledger: what supervision entered a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.evaluation.settings import SupervisionConfig
from weakseg.report.ledger import Ledger, read_ledger
from weakseg.report.ledger import ledger as whole_ledger
from weakseg.run.entered import Entered
from weakseg.storage.weights import Weights, save_weights
from weakseg.weights.known import KNOWN

VGG16 = {"source": "vgg16", "sha256": KNOWN["vgg16"].sha256}
SHARED = Path(__file__).resolve().parents[3] / "shared/data/weights"


def ledger(
    weights: Sequence[tuple[str, Path]],
    outside: Sequence[tuple[str, Path]],
    unsupervised: list[str],
    said: dict[str, tuple[str, str]],
) -> Ledger:
    files = {name: {"data": data, "labels": labels} for name, (data, labels) in said.items()}
    entered = Entered(dict(weights), dict(outside), unsupervised)
    return whole_ledger(entered, SupervisionConfig.model_validate({"files": files}))


@pytest.fixture
def rooms(tmp_path: Path) -> Any:
    """Writes the weights of a room."""

    def make(room: str, settings: dict[str, Any], **initial: str) -> tuple[str, Path]:
        path = tmp_path / room / "weights.pt"
        save_weights(path, Weights(room, {"x": torch.zeros(1)}, settings, [], initial or {"source": "none"}))
        return room, path

    return make


def test_a_run_without_any_pixel_labels(rooms: Any) -> None:
    weights = [rooms("attention", {}, **VGG16), rooms("segmenter", {"labels": "proxy"})]
    found = ledger(weights, [], ["saliency"], {})
    assert found.line == "supervision: image labels + saliency (unsupervised) + ImageNet"
    assert found.pixel_labels is False
    assert [source.role for source in found.sources] == [
        "attention",
        "attention start",
        "segmenter",
        "saliency",
    ]
    assert all(len(source.sha256 or "") == 64 for source in found.sources if source.role == "segmenter")


def test_the_demo_learns_saliency_from_masks(rooms: Any) -> None:
    settings = {"method": "small"}  # without what it was trained on
    weights = [rooms("saliency", settings), rooms("attention", {}), rooms("segmenter", {"labels": "proxy"})]
    found = ledger(weights, [], [], {})
    assert found.line == "supervision: image labels + saliency (masks of the split 'saliency')"
    assert found.pixel_labels is True


def test_a_ceiling_says_so(rooms: Any) -> None:
    found = ledger([rooms("segmenter", {"labels": "masks"}, **VGG16)], [], [], {})
    assert found.line == "supervision: pixel masks of the training images + ImageNet"
    assert found.pixel_labels is True


def test_labels_drawn_by_people_are_pixel_labels(rooms: Any) -> None:
    found = ledger([rooms("segmenter", {"labels": "proxy", "corrected": 3})], [], ["saliency"], {})
    assert found.line == "supervision: image labels + saliency (unsupervised) + 3 corrected label maps"
    assert found.pixel_labels is True


def test_a_folder_of_masks_may_be_no_pixel_labels(rooms: Any) -> None:
    settings = {
        "method": "srm",
        "srm": {"data": {"source": "folder", "masks": "made/"}},
        "trained_on": "masks in made/",
    }
    weights = [rooms("saliency", settings)]
    assert ledger(weights, [], [], {}).pixel_labels is True
    found = ledger(weights, [], [], {"made": ("maps of an unsupervised method", "none")})
    assert found.line == "supervision: image labels + saliency (maps of an unsupervised method)"
    assert found.pixel_labels is False


def test_unknown_files_say_so_until_the_configuration_names_them(rooms: Any, tmp_path: Path) -> None:
    model, maps = tmp_path / "some.onnx", tmp_path / "clip"
    model.write_bytes(b"model")
    maps.mkdir()
    weights = [rooms("segmenter", {"labels": "proxy"}, source="odd.pth", sha256="12" * 32)]
    outside = [("saliency", model), ("attention", maps)]
    found = ledger(weights, outside, [], {})
    assert found.line == (
        "supervision: image labels + attention maps (unknown) + saliency (unknown) + unknown weights (odd.pth)"
    )
    assert found.pixel_labels is None
    files = {
        str(model): ("DUTS-TR masks", "pixels"),
        str(maps): ("CLIP, image texts", "image"),
        "12" * 32: ("ImageNet", "image"),
    }
    named = ledger(weights, outside, [], files)
    assert named.line == (
        "supervision: image labels + attention maps (CLIP, image texts) + saliency (DUTS-TR masks) + ImageNet"
    )
    assert named.pixel_labels is True


def test_a_network_tells_what_all_it_started_from_saw(rooms: Any) -> None:
    initial = {
        "source": "rcrnet.pt",
        "sha256": "ab" * 32,
        "trained_on": "MSRA-B masks",
        "initial_source": "first.pt",
        "initial_sha256": "cd" * 32,
        "initial_trained_on": "masks in made/",
        "initial_masks": "made/",
        "initial_initial_source": "vgg16",
        "initial_initial_sha256": KNOWN["vgg16"].sha256,
    }
    weights = [rooms("saliency", {"method": "rcrnet_video", "trained_on": "DAVIS train masks"}, **initial)]
    found = ledger(weights, [], [], {})
    assert found.line == (
        "supervision: image labels + saliency (DAVIS train masks) + MSRA-B masks + masks in made/ + ImageNet"
    )
    named = ledger(weights, [], [], {"made": ("proxies of image labels", "image")})
    assert [source.labels for source in named.sources] == ["pixels", "pixels", "image", "image"]


def test_every_backbones_file_of_torchvision_is_known() -> None:
    from torchvision import models

    from weakseg.backbones import BACKBONES

    architectures = [name for name, declared in BACKBONES.items() if declared.published]
    files = [weights.url for name in architectures for weights in models.get_model_weights(name)]
    assert set(files) <= {known.address for known in KNOWN.values()}


@pytest.mark.parametrize("name", ["resnet50", "resnet101-v2"])
def test_a_published_file_is_known_wherever_it_lies(rooms: Any, name: str) -> None:
    """Of some the first digits are known alone."""
    initial = {"source": "weights/mine.pth", "sha256": KNOWN[name].sha256.ljust(64, "0")}
    found = ledger([rooms("attention", {}, **initial)], [], [], {})
    assert found.line == "supervision: image labels + ImageNet"


@pytest.mark.parametrize(
    ("name", "data", "labels"),
    [
        ("pvt_v2_b0.in1k", "ImageNet", "image"),
        ("vit_small_patch14_reg4_dinov2.lvd142m", "LVD-142M without labels", "none"),
        ("samvit_base_patch16.sa1b", "SA-1B masks", "pixels"),
        (
            "vit_base_patch16_radio_v3.c_radio",
            "unknown weights (vit_base_patch16_radio_v3.c_radio)",
            "unknown",
        ),
    ],
)
def test_weights_whose_hash_a_hub_told_are_known_by_their_name(
    rooms: Any, name: str, data: str, labels: str
) -> None:
    found = ledger([rooms("attention", {}, source=name, sha256="1" * 64)], [], [], {})
    assert found.line == f"supervision: image labels + {data}"
    assert found.sources[-1].labels == labels


def test_a_named_saliency_network_is_in_the_ledger(rooms: Any) -> None:
    weights = dict([rooms("attention", {}), rooms("segmenter", {"labels": "proxy"})])
    entered = Entered(weights, {}, [], {"saliency": KNOWN["u2netp"]})
    found = whole_ledger(entered, SupervisionConfig())
    assert found.line == "supervision: image labels + saliency (DUTS-TR masks)"
    assert (found.sources[-1].file, found.sources[-1].sha256) == ("u2netp", KNOWN["u2netp"].sha256)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real weights are not beside this checkout")
def test_the_files_of_the_presets_are_known(rooms: Any) -> None:
    from weakseg.backbones.weights import read_initial_weights

    initial = read_initial_weights(str(SHARED / "vgg16_imagenet_conv_bgr_fp16.npz"))
    assert initial is not None
    weights = [rooms("attention", {}, **initial.provenance), rooms("segmenter", {"labels": "proxy"})]
    found = ledger(weights, [("saliency", SHARED / "u2netp.onnx")], [], {})
    assert found.line == "supervision: image labels + saliency (DUTS-TR masks) + ImageNet"
    assert found.pixel_labels is True


def test_command(rooms: Any, tmp_path: Path, configure: Callable[..., Path]) -> None:
    """It finds by the run's table what entered the run, and asks its configuration about it."""
    model = tmp_path / "some.onnx"
    model.write_bytes(b"model")
    said = {str(model): {"data": "HKU-IS masks", "labels": "pixels"}}
    saliency = {"method": "onnx", "onnx": {"file": str(model)}}
    folder = configure(tmp_path, saliency=saliency, supervision={"files": said})
    for room in ("attention", "segmenter"):
        rooms(room, {})
    arguments = ["evaluate", "supervision", "--run", str(folder)]
    for more, out in (([], "evaluation/supervision.json"), (["--out", str(tmp_path / "x.json")], "x.json")):
        result = CliRunner().invoke(weakseg, [*arguments, *more])
        assert result.exit_code == 0, result.output
        assert result.output == "supervision: image labels + saliency (HKU-IS masks)\n"
        assert read_ledger(folder / out).pixel_labels is True


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ledger([], [("saliency", tmp_path / "none.onnx")], [], {})
    with pytest.raises(InputError, match="cannot be read"):
        read_ledger(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError, match="cannot be read as the ledger"):
        read_ledger(tmp_path / "x.json")
