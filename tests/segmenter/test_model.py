"""`weakseg.load(run).predict(image)`: the same labels as the stages and the command give."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image

import weakseg
from weakseg.crf.settings import CrfConfig
from weakseg.dataset.images import ORIENTATION
from weakseg.errors import InputError
from weakseg.segmenter.network import load as load_network
from weakseg.segmenter.prediction.predict import labels_of, predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.storage.labels import read_labels

Photo = Callable[..., np.ndarray]
Invoke = Callable[..., Result]


def staged(run: Path, image: np.ndarray, crf: bool) -> np.ndarray:
    """Labels as `weakseg segmenter predict` and `refine` make them."""
    network = load_network(run / "segmenter/weights.pt", ["cat", "dog", "Größe", "bird"]).eval()
    settings = PredictionConfig(scales=[1.0, 0.75], flip=True, precision="fp32")
    scores = predict_scores(network, image, settings, torch.device("cpu"))
    if crf:
        return labels_of(scores, image, image.shape, 8, "corners", CrfConfig(preset="irn"))
    return upsample(scores, image.shape[:2], 8).argmax(0).astype(np.uint8)


@pytest.mark.parametrize("crf", [False, True])
def test_labels_are_those_of_the_stages(trained_run: Path, photo: Photo, crf: bool) -> None:
    image = photo(75, 98)
    labels = weakseg.load(trained_run, crf=crf).predict(image)
    assert labels.dtype == np.uint8
    assert len(np.unique(labels)) >= 3  # or equality would mean little
    np.testing.assert_array_equal(labels, staged(trained_run, image, crf))


@pytest.mark.parametrize("options", [[], ["--crf"], ["--longest", "64"], ["--scales", "0.5,1", "--no-flip"]])
def test_three_lines_equal_the_command(
    trained_run: Path, photo: Photo, invoke: Invoke, tmp_path: Path, options: list[str]
) -> None:
    for number, size in enumerate([(90, 61), (64, 64), (33, 120)]):
        Image.fromarray(photo(*size, number)).save(tmp_path / f"{number}.jpg")
    result = invoke("predict", tmp_path, "--run", trained_run, "--out", tmp_path / "masks", *options)
    assert result.exit_code == 0, result.output
    given = {"crf": "--crf" in options}
    if "--longest" in options:
        given["longest"] = 64
    if "--scales" in options:
        given |= {"scales": (0.5, 1.0), "flip": False}
    model = weakseg.load(str(trained_run), **given)
    for number in range(3):
        written = read_labels(tmp_path / "masks" / f"{number}.png")
        np.testing.assert_array_equal(model.predict(tmp_path / f"{number}.jpg"), written)


def test_the_runs_longest_side_holds_unless_another_is_given(trained_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    path = run / "configs" / "segmenter-predict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"longest": 96}))
    assert weakseg.load(trained_run).settings.longest == 1024
    assert weakseg.load(run).settings.longest == 96
    assert weakseg.load(run, longest=50).settings.longest == 50


def test_large_images_are_seen_at_a_bounded_size(trained_run: Path, photo: Photo) -> None:
    model = weakseg.load(trained_run, longest=96)
    image = photo(300, 450)
    (prediction,) = model.predict_batch([image])
    assert model.seen_size(image) == prediction.seen.shape[:2] == (64, 96)
    assert prediction.scores.shape == (5, 9, 13)
    assert prediction.labels.shape == (300, 450)
    small = cv2.resize(image, (96, 64), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(model.predict(small), (450, 300), interpolation=cv2.INTER_NEAREST)
    assert (enlarged == prediction.labels).mean() > 0.97  # but for smooth instead of stepped borders


def test_a_batch_gives_what_its_images_give_alone(trained_run: Path, photo: Photo) -> None:
    model = weakseg.load(trained_run)
    images = [photo(60, 80, seed) for seed in range(4)]
    for image, together in zip(images, model.predict_batch(images), strict=True):
        (alone,) = model.predict_batch([image])
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-2)
        assert (together.labels == alone.labels).mean() > 0.999


def test_classes_start_with_the_background(trained_run: Path) -> None:
    assert weakseg.load(trained_run).classes == ("background", "cat", "dog", "Größe", "bird")


def test_what_people_give_is_read_as_files_are(trained_run: Path, photo: Photo, tmp_path: Path) -> None:
    model = weakseg.load(trained_run)
    pixels = photo(40, 60)
    expected = model.predict(pixels)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(pixels).convert("L").save(tmp_path / "grey.png")
    grey = np.asarray(Image.open(tmp_path / "grey.png"))
    np.testing.assert_array_equal(model.predict(Image.fromarray(pixels)), expected)
    with Image.open(tmp_path / "turned.png") as opened:
        np.testing.assert_array_equal(model.predict(opened), model.predict(tmp_path / "turned.png"))
        assert model.predict(opened).shape == (60, 40), "upright"
    for alike in (np.dstack([pixels, grey]), Image.fromarray(np.dstack([pixels, grey])), pixels[:, ::1]):
        np.testing.assert_array_equal(model.predict(alike), expected)
    for alike in (
        grey,
        grey[..., None],
        Image.open(tmp_path / "grey.png"),
        os.fsencode(tmp_path / "grey.png"),
    ):
        given = Path(os.fsdecode(alike)) if isinstance(alike, bytes) else alike
        np.testing.assert_array_equal(model.predict(given), model.predict(tmp_path / "grey.png"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (np.zeros((8, 8, 2), np.uint8), r"uint8 \(8, 8, 2\) was given"),
        (
            np.zeros((0, 8, 3), np.uint8),
            r"uint8 \(0, 8, 3\) was given; an RGB image uint8 H×W×3 was expected",
        ),
        (np.zeros((8, 8, 3)), r"float64 .*\(image \* 255\)\.round\(\)"),
        (np.zeros((3, 8, 8), np.uint8), r"channels last by image\.transpose\(1, 2, 0\)"),
        (np.zeros((8, 8), bool), "bool"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"\(2, 8, 8, 3\)"),
        (torch.zeros(3, 8, 8), r"torch\.Tensor was given; .*: give tensor\.permute\(1, 2, 0\)\.numpy\(\)"),
        (None, "NoneType was given; the path of an image file, a PIL image or an RGB array"),
        (["a.jpg"], "list was given; .* call predict for each"),
        (Image.new("F", (8, 8)), "the PIL image has pixel mode F"),
        (Image.new("RGB", (0, 8)), r"the PIL image has no pixels \(0×8\)"),
    ],
)
def test_what_is_no_image_is_one_sentence(trained_run: Path, given: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        weakseg.load(trained_run).predict(given)
    assert "\n" not in str(caught.value)


def test_an_image_of_a_closed_file_is_one_sentence(trained_run: Path, photo: Photo, tmp_path: Path) -> None:
    Image.fromarray(photo(8, 8)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(InputError, match="the PIL image cannot be read"):
        weakseg.load(trained_run).predict(image)


def test_what_is_no_finished_run(trained_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist; .*runs in .*: tiny"):
        weakseg.load(trained_run.parent / "tny")
    with pytest.raises(InputError, match=r"is not a run \(it has no configs/\)"):
        weakseg.load(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    (run / "configs/segmenter-predict.json").write_text(json.dumps({"scales": [1]}))
    with pytest.raises(InputError, match=r"settings of .*run are damaged: they lack flip"):
        weakseg.load(run)
    (run / "configs/segmenter-refine.json").write_text("{")
    with pytest.raises(InputError, match=r"segmenter-refine\.json cannot be read"):
        weakseg.load(run)
    (run / "segmenter/weights.pt").unlink()
    with pytest.raises(InputError, match=r"no segmenter/weights\.pt: it is not finished"):
        weakseg.load(run).predict(np.zeros((8, 8, 3), np.uint8))


def test_wrong_options(trained_run: Path) -> None:
    with pytest.raises(InputError, match=r"'scales.0': Input should be greater than 0, found 0.0"):
        weakseg.load(trained_run, scales=(0.0, 1.0))
    with pytest.raises(
        InputError, match="'precision': Input should be 'auto', 'bf16', 'fp16' or 'fp32', found 'half'"
    ):
        weakseg.load(trained_run, precision="half")


def test_nothing_else_hides_behind_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        weakseg.lod  # noqa: B018
