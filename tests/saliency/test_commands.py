"""`weakseg saliency` end to end on tiny data: train, resume, maps and frames of a video."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.methods.declaration import StagedConfig
from weakseg.saliency.methods.rcrnet import RcrNetSettings
from weakseg.saliency.methods.rcrnet_video import RcrNetVideoSettings
from weakseg.saliency.methods.small import SmallSettings
from weakseg.saliency.methods.srm import SrmSettings
from weakseg.saliency.network import build, load, load_start, read_start
from weakseg.storage.weights import Weights, load_weights, save_weights

TRAINING = {
    "iterations": 1,
    "batch_size": 2,
    "crop": 32,
    "resize": 32,
    "workers": 0,
    "precision": "fp32",
    "processes": 1,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """DAVIS with one video of three frames, which is also a folder of images and masks."""
    root = tmp_path / "davis"
    rng = np.random.default_rng(0)
    for number in range(3):
        for part, kind in (("JPEGImages", "jpg"), ("Annotations", "png")):
            path = root / part / "480p" / "bear" / f"{number:05d}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            mask = np.zeros((24, 32), np.uint8)
            mask[6:18, 8:24] = 255
            Image.fromarray(pixels if kind == "jpg" else mask).save(path)
    lists = root / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("bear\n")
    return root


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(weakseg, ["saliency", *map(str, arguments)], catch_exceptions=False)


def configured(tmp_path: Path, method: str, section: dict[str, Any]) -> Path:
    path = tmp_path / "saliency.json"
    path.write_text(json.dumps({"method": method, method: section}))
    return path


def train(tmp_path: Path, method: str, data: dict[str, Any], **more: Any) -> Path:
    section = {"backbone": {"weights": "none"}, "data": data, "training": TRAINING} | more
    out = tmp_path / method / "weights.pt"
    config = configured(tmp_path, method, section)
    result = invoke("train", "--config", config, "--state", tmp_path / method / "state", "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.slow
def test_srm_learns_from_a_folder_and_says_so(tmp_path: Path, folder: Path) -> None:
    images, masks = (str(folder / part / "480p") for part in ("JPEGImages", "Annotations"))
    out = train(tmp_path, "srm", {"source": "folder", "images": images, "masks": masks}, stages=2)
    weights = load_weights(out, "saliency")
    assert weights.settings["trained_on"] == f"masks in {masks}"
    assert weights.settings["srm"]["stages"] == 2
    network: Any = load(out)
    assert network.backbone.frozen_normalization is False  # its training started from scratch


@pytest.mark.slow
def test_video_model_learns_from_clips_and_shows_a_video(tmp_path: Path, folder: Path) -> None:
    data = {"source": "davis", "davis": str(folder)}
    out = train(tmp_path, "rcrnet_video", data, clip=2)
    assert load_weights(out, "saliency").settings["trained_on"] == "DAVIS train masks"
    arguments = ["--weights", out, "--davis", folder, "--split", "train", "--clip", 2, "--size", 32]
    result = invoke("frames", *arguments, "--out", tmp_path / "maps")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "maps" / "bear").iterdir()) == [
        f"{number:05d}.png" for number in range(3)
    ]
    with Image.open(tmp_path / "maps" / "bear" / "00002.png") as image:
        assert (image.mode, image.size) == ("L", (32, 24))


@pytest.mark.slow
def test_a_training_starts_from_another(tmp_path: Path, folder: Path) -> None:
    images, masks = (str(folder / part / "480p") for part in ("JPEGImages", "Annotations"))
    first = train(tmp_path, "rcrnet", {"source": "folder", "images": images, "masks": masks})
    known = load(first).state_dict()
    davis = {"source": "davis", "davis": str(folder)}
    still = TRAINING | {"learning_rate": 1e-9}
    second = tmp_path / "second"
    second.mkdir()
    train_again = {"start": str(first), "training": still, "backbone": {}}
    for method, prefix in (("rcrnet", ""), ("rcrnet_video", "image_model.")):
        out = train(second, method, davis, **train_again)
        found = load(out).state_dict()
        torch.testing.assert_close(
            found[f"{prefix}backbone.conv1.weight"], known["backbone.conv1.weight"], rtol=0, atol=1e-5
        )
        weights = load_weights(out, "saliency")
        assert weights.initial["source"] == str(first)
        assert weights.initial["trained_on"] == f"masks in {masks}"
        assert weights.initial["masks"] == masks


@pytest.mark.slow
def test_a_start_must_fit(tmp_path: Path) -> None:
    made = RcrNetSettings(backbone=StagedConfig(weights="none"))
    path = tmp_path / "weights.pt"
    settings = {"method": "rcrnet", "rcrnet": made.values(), "trained_on": "masks"}
    save_weights(path, Weights("saliency", build(made).state_dict(), settings, []))
    for method, part in ((RcrNetSettings, ""), (RcrNetVideoSettings, "image_model.")):
        following = method(start=str(path))
        start = read_start(following)
        assert start.trained is not None
        taken = build(following, start).state_dict()
        assert all(torch.equal(taken[part + name], value) for name, value in start.trained.state.items())
    with pytest.raises(InputError, match="whose stride is 16; 8 was expected"):
        load_start(path, RcrNetVideoSettings(stride=8))
    with pytest.raises(InputError, match="whose architecture is resnet50; vgg16 was expected"):
        load_start(path, RcrNetSettings(backbone=StagedConfig(architecture="vgg16")))
    with pytest.raises(InputError, match="whose method is rcrnet; srm was expected"):
        load_start(path, SrmSettings())


def test_mistakes(tmp_path: Path, folder: Path) -> None:
    state, out = ["--state", tmp_path / "state"], ["--out", tmp_path / "weights.pt"]
    with pytest.raises(InputError, match="nothing is trained"):
        invoke("train", "--config", configured(tmp_path, "onnx", {}), *state, *out)
    with pytest.raises(InputError, match="no --index"):
        invoke("train", "--config", configured(tmp_path, "srm", {}), *state, *out)
    with pytest.raises(InputError, match="one of --davis and --videos"):
        invoke("frames", "--weights", "x.pt", "--out", tmp_path)
    with pytest.raises(InputError, match="at least 1 frame"):
        invoke("frames", "--weights", "x.pt", "--davis", folder, "--clip", 0, "--out", tmp_path)


@pytest.fixture
def indexed(tmp_path: Path) -> list[object]:
    """Arguments of `maps` that name an index of three images, as photographs of 30×20 pixels."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    rows = ["image,labels,split"]
    for number in range(3):
        pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"i{number}.png")
        rows.append(f"i{number}.png,cat,{'val' if number == 2 else 'train'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    table = {"images": str(tmp_path / "images"), "labels": str(tmp_path / "labels.csv")}
    settings = {"source": "table", "classes": ["cat"], "table": table}
    (tmp_path / "dataset.json").write_text(json.dumps(settings))
    arguments = ["dataset", "index", "--config", tmp_path / "dataset.json", "--out", tmp_path / "index"]
    CliRunner().invoke(weakseg, list(map(str, arguments)), catch_exceptions=False)
    index = ["--index", tmp_path / "index" / "index.csv", "--classes", tmp_path / "index" / "classes.csv"]
    return ["maps", *index, "--shard", "1-of-1", "--out", tmp_path / "maps.h5"]


def test_black_maps_are_told_of(tmp_path: Path, indexed: list[object]) -> None:
    (tmp_path / "pngs").mkdir()
    for number in range(3):
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "pngs" / f"i{number}.png")
    config = configured(tmp_path, "folder", {"folder": str(tmp_path / "pngs")})
    result = invoke(*indexed, "--config", config)
    assert result.exit_code == 0
    assert result.output == (
        "weakseg: every saliency map of shard 1-of-1 (3 images) is black everywhere, so that they tell no object from "
        "background: look at saliency.folder.\n"
    )


def test_maps_are_mirrored_when_asked_to(tmp_path: Path, indexed: list[object]) -> None:
    torch.manual_seed(0)
    weights = Weights("saliency", build(SmallSettings()).state_dict(), {"method": "small"}, [])
    save_weights(tmp_path / "weights.pt", weights)
    config = configured(tmp_path, "small", {})
    shards = []
    for flip in (False, True):
        config.write_text(json.dumps({"method": "small", "flip": flip}))
        assert invoke(*indexed, "--config", config, "--weights", tmp_path / "weights.pt").output == ""
        shards.append((tmp_path / "maps.h5").read_bytes())
    assert shards[0] != shards[1]


def test_a_replaced_mask_of_the_split_trains_again(tmp_path: Path, folder: Path) -> None:
    """A training is known by the content of the masks that it learns from; an image whose mask was bad is left out."""
    records = [
        Record(name, folder / "JPEGImages/480p/bear" / f"{name}.jpg", "saliency", (), mask)
        for name, mask in (
            ("00000", folder / "Annotations/480p/bear/00000.png"),
            ("00001", folder / "Annotations/480p/bear/00001.png"),
            ("00002", None),
        )
    ]
    write_index(tmp_path, Index(tuple(records), ("bear",), (0, 1)))
    config = configured(tmp_path, "small", {"training": TRAINING})
    given = ["--config", config, "--index", tmp_path / "index.csv", "--classes", tmp_path / "classes.csv"]
    again = ["train", *given, "--state", tmp_path / "state", "--out", tmp_path / "weights.pt"]
    said = invoke(*again).output
    assert "training saliency on 2 images" in said
    assert "of other settings or data" not in invoke(*again).output
    mask = np.zeros((24, 32), np.uint8)
    mask[2:4] = 1
    Image.fromarray(mask).save(folder / "Annotations/480p/bear/00001.png")
    assert "of other settings or data" in invoke(*again).output
