"""`weakseg predict`: what it reads, what it writes, and what it says when it cannot."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import torch
from click.testing import Result
from PIL import Image

import weakseg
from weakseg import cli
from weakseg.dataset.images import ORIENTATION, read_image
from weakseg.errors import InputError
from weakseg.segmenter.prediction import predict as predict_module
from weakseg.segmenter.prediction.files import predict_files
from weakseg.segmenter.prediction.inputs import Outputs, gather, left_out
from weakseg.storage.labels import read_labels, voc_palette

Photo = Callable[..., np.ndarray]
Invoke = Callable[..., Result]


@pytest.fixture
def photos(tmp_path: Path, photo: Photo) -> Path:
    """`a.jpg`, `b/a.jpg` and `c.PNG`, with files between that are no images."""
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    Image.fromarray(photo(40, 60, 1)).save(folder / "a.jpg")
    Image.fromarray(photo(40, 60, 2)).save(folder / "b" / "a.jpg")
    Image.fromarray(photo(50, 33, 3)).save(folder / "c.PNG")
    (folder / "notes.txt").write_text("no image")
    (folder / "._a.jpg").write_text("left by another system")
    return folder


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------------------------------- images


def variants(folder: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """One picture in the ways that photographs come, and what is to be read of each."""
    folder.mkdir()
    picture = Image.fromarray(pixels)
    grey = np.asarray(picture.convert("L"))
    wide = grey.astype(np.uint16) << 8 | 0x7F
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=100)
    picture.convert("L").save(folder / "grey.png")
    Image.fromarray(wide).save(folder / "sixteen.png")
    Image.fromarray(np.dstack([pixels, grey])).save(folder / "rgba.png")
    picture.save(folder / "turned.jpg", exif=exif, quality=100)
    repeated = np.repeat(grey[..., None], 3, axis=2)
    upright = np.rot90(pixels, -1)
    return {"cmyk.jpg": pixels, "grey.png": repeated, "sixteen.png": repeated, "rgba.png": pixels,
            "turned.jpg": upright}  # fmt: skip


def test_photographs_of_every_kind(trained_run: Path, photo: Photo, invoke: Invoke, tmp_path: Path) -> None:
    expected = variants(tmp_path / "in", photo(48, 80))
    result = invoke("predict", tmp_path / "in", "--run", trained_run, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    model = weakseg.load(trained_run)
    for name, pixels in expected.items():
        read = read_image(tmp_path / "in" / name)
        assert read.shape == pixels.shape, name
        assert np.abs(read.astype(int) - pixels).mean() < 3, name  # JPEG and CMYK round
        labels = read_labels(tmp_path / "out" / Path(name).with_suffix(".png"))
        assert labels.shape == pixels.shape[:2], name
        assert (labels == model.predict(np.ascontiguousarray(pixels))).mean() > 0.9, (
            name
        )  # JPEG moves the borders of an untrained network


@pytest.mark.slow
def test_a_large_photograph_takes_bounded_memory(trained_run: Path, photo: Photo, tmp_path: Path) -> None:
    """24 million pixels: 72 MB as an image; at full size the network's first layer alone would take 1.5 GB."""
    Image.fromarray(photo(4000, 6000)).save(tmp_path / "large.jpg")
    # Not `ru_maxrss`: a process inherits that peak from the one that starts it, and a test session is large.
    code = (
        "import sys; from weakseg.cli import weakseg; weakseg(sys.argv[1:], standalone_mode=False);"
        "print(*(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    )
    paths = ["--run", trained_run, "--out", tmp_path / "out", "--overlays", tmp_path / "over"]
    command = ["predict", tmp_path / "large.jpg", *paths, "--scales", "1", "--no-flip"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=True
    )
    labels = read_labels(tmp_path / "out" / "large.png")
    assert labels.shape == (4000, 6000)
    assert len(np.unique(labels)) >= 3
    with Image.open(tmp_path / "over" / "large.jpg") as overlay:
        assert overlay.size == (1024, 683)
    assert int(done.stdout.splitlines()[-1]) * 1024 < 2.5e9


@pytest.mark.parametrize("source", ["trained_run", "exported"])
@pytest.mark.slow
def test_hundreds_of_images_take_the_memory_of_a_few(
    request: pytest.FixtureRequest, photo: Photo, tmp_path: Path, source: str
) -> None:
    model = weakseg.load(request.getfixturevalue(source), scales=[1.0], flip=False).model
    files = {}
    for number in range(30):
        files[str(number)] = tmp_path / f"{number}.png"
        Image.fromarray(photo(60 + 3 * number, 160 - 2 * number, number)).save(files[str(number)])
    many = {f"{turn}-{name}": path for turn in range(8) for name, path in files.items()}
    held: list[int] = []
    process = psutil.Process(os.getpid())
    outputs = Outputs(tmp_path / "masks", scores=tmp_path / "scores.h5", summary=tmp_path / "areas.json")
    predict_files(
        model, many, outputs,
        done=lambda problem: held.append(process.memory_info().rss),
    )  # fmt: skip
    assert len(held) == 240
    growth = max(held[-60:]) - max(held[60:120])
    assert growth < 15e6  # the scores of the 120 images between, had they been kept at full size, are 33 MB


# ------------------------------------------------------------------------------------------------ results


def test_files_folders_and_patterns(photos: Path) -> None:
    assert sorted(gather([str(photos)])) == ["a", "b/a", "c"]
    assert gather([str(photos / "b" / "*.jpg")]) == {"a": photos / "b" / "a.jpg"}
    assert sorted(gather([str(photos / "c.PNG"), str(photos / "a.jpg")])) == ["a", "c"]
    assert len(gather([str(photos), str(photos / "a.jpg")])) == 3  # one image given twice is no conflict
    (photos / "[1].jpg").write_bytes((photos / "a.jpg").read_bytes())
    assert sorted(gather([str(photos / "[1].jpg")])) == ["[1]"]


def test_files_that_are_not_read_are_named(
    trained_run: Path, photos: Path, tmp_path: Path, invoke: Invoke
) -> None:
    (photos / "notes.txt").unlink()
    (photos / "d.jfif").write_bytes((photos / "a.jpg").read_bytes())
    for name in ("e.HEIC", "f.avif", "b/g.heic", ".hidden.heic"):
        (photos / name).write_bytes(b"an image of another kind")
    given = ["predict", photos, "--run", trained_run, "--out"]
    result = invoke(*given, tmp_path / "masks", "--summary", tmp_path / "areas.json")
    said = result.stderr.splitlines()
    assert said == [
        "weakseg: 3 files have extensions that are not read and got no result (.avif, .heic; first: "
        f"{photos}/b/g.heic); .bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .png, .tif, .tiff, .webp are read: convert them "
        "if they are images."
    ]
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("predicted 4 of 4 images")
    assert below(tmp_path / "masks") == ["a.png", "b/a.png", "c.png", "d.png"]
    np.testing.assert_array_equal(
        read_labels(tmp_path / "masks/a.png"), read_labels(tmp_path / "masks/d.png")
    )
    summary = json.loads((tmp_path / "areas.json").read_text(encoding="utf-8"))
    assert summary["not_read"] == [f"{photos}/{name}" for name in ("b/g.heic", "e.HEIC", "f.avif")]
    assert [path.name for path in left_out([str(photos / "*")])] == ["e.HEIC", "f.avif"]
    assert left_out([str(photos / "a.jpg"), str(photos / "*.jpg")]) == []
    only = tmp_path / "only"
    only.mkdir()
    (only / "x.heic").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"a folder without images \(1 file has an extension that is not read"
    ):
        gather([str(only)])


def test_a_file_name_that_is_no_text(photos: Path) -> None:
    (photos / "c.PNG").rename(photos / "M\udcf6we.png")  # as a system of another age wrote Möwe
    with pytest.raises(InputError, match=r"the file name '.*M\\udcf6we\.png' is not UTF-8 text"):
        gather([str(photos)])


def test_every_result(trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(
        "predict", photos, "--run", trained_run, "--out", tmp_path / "masks", "--overlays", tmp_path / "over",
        "--scores", tmp_path / "scores.h5", "--summary", tmp_path / "areas.json", "--batch", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "predicted 3 of 3 images" in result.output
    assert below(tmp_path / "masks") == ["a.png", "b/a.png", "c.png"]
    assert below(tmp_path / "over") == ["a.jpg", "b/a.jpg", "c.jpg"]
    with Image.open(tmp_path / "masks/b/a.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == voc_palette().ravel().tolist()
    labels = read_labels(tmp_path / "masks/b/a.png")
    areas = json.loads((tmp_path / "areas.json").read_text(encoding="utf-8"))
    assert areas["classes"] == ["background", "cat", "dog", "Größe", "bird"]
    entry = areas["images"]["b/a"]
    assert (entry["file"], entry["height"], entry["width"]) == (str(photos / "b/a.jpg"), 40, 60)
    assert list(entry["pixels"].values()) == np.bincount(labels.ravel(), minlength=5).tolist()
    assert sum(entry["share"].values()) == pytest.approx(1, abs=1e-5)
    assert areas["failures"] == {}
    with h5py.File(tmp_path / "scores.h5") as file:
        assert sorted(file) == ["a", "b%2Fa", "c"]
        assert {file["b%2Fa"][name].shape for name in areas["classes"]} == {(6, 9)}


def test_scores_say_where_their_cells_lie(
    fcn_run: Path, trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path
) -> None:
    for run, said in (
        (fcn_run, {"stride": 32, "aligned": "centres"}),
        (trained_run, {"stride": 8, "aligned": "corners"}),
    ):
        out = tmp_path / run.name
        invoke("predict", photos / "a.jpg", "--run", run, "--scores", out / "s.h5", "--out", out / "labels")
        with h5py.File(out / "s.h5") as file:
            assert {name: file.attrs[name] for name in ("stride", "aligned") if name in file.attrs} == said


def test_crf_on_request(trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> None:
    invoke("predict", photos / "a.jpg", "--run", trained_run, "--out", tmp_path / "plain")
    invoke("predict", photos / "a.jpg", "--run", trained_run, "--out", tmp_path / "crf", "--crf")
    plain, crf = (read_labels(tmp_path / name / "a.png") for name in ("plain", "crf"))
    assert (plain != crf).any()


# ----------------------------------------------------------------------------------------------- mistakes


def test_one_bad_image_stops_no_other(
    trained_run: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (photos / "b.jpg").write_bytes((photos / "a.jpg").read_bytes()[:500])
    command = [
        "predict",
        photos,
        "--run",
        trained_run,
        "--out",
        tmp_path / "m",
        "--summary",
        tmp_path / "s.json",
    ]
    monkeypatch.setattr(sys, "argv", ["weakseg", *map(str, command)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert below(tmp_path / "m") == ["a.png", "b/a.png", "c.png"]
    said = capsys.readouterr().err.splitlines()
    assert "b.jpg cannot be decoded" in said[0]
    assert said[-1].startswith("weakseg: 1 of 4 images could not be predicted and have no result")
    failures = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["failures"]
    assert list(failures) == [str(photos / "b.jpg")]


def test_batches_that_do_not_fit_are_halved_and_an_image_that_does_not_stops_no_other(
    trained_run: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = weakseg.load(trained_run).model
    whole = predict_files(model, gather([photos]), Outputs(tmp_path / "whole"))
    compute = predict_module.predict_batch

    def fits_one(network: Any, images: Any, *options: Any) -> list[np.ndarray]:
        if len(images) > 1 or images[0].shape[0] == 50:
            torch.empty(2**50)
        return compute(network, images, *options)

    monkeypatch.setattr("weakseg.segmenter.prediction.model.predict_batch", fits_one)
    report = predict_files(model, gather([photos]), Outputs(tmp_path / "tight"), batch=4)
    sentence = "memory ran out on a single image: set --longest lower, or --window, or give more memory."
    assert report.failures == {str(photos / "c.PNG"): sentence}
    assert report.areas == {name: areas for name, areas in whole.areas.items() if name != "c"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("none.jpg", "a path that does not exist; image files"),
        ("*.gif", "a pattern that matches no image"),
        ("empty", "a folder without images"),
    ],
)
def test_inputs_that_match_nothing(
    trained_run: Path, invoke: Invoke, tmp_path: Path, inputs: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        invoke("predict", tmp_path / inputs, "--run", trained_run, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_inputs_of_one_name(trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jpg and .*b.a\.jpg have the same name 'a'"):
        invoke(
            "predict", photos / "a.jpg", photos / "b/a.jpg", "--run", trained_run, "--out", tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def test_results_replace_nothing_unasked(
    trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path
) -> None:
    before = {name: (photos / name).read_bytes() for name in below(photos)}
    one = ["predict", photos / "c.PNG", "--run", trained_run]
    with pytest.raises(
        InputError, match=r"holds other files \(\._a\.jpg and 4 more\); a new or empty folder"
    ):
        invoke(*one, "--out", photos)
    (photos / "c.PNG").rename(photos / "c.png")
    with pytest.raises(InputError, match=r"c\.png would replace an image"):
        invoke("predict", photos / "c.png", "--run", trained_run, "--out", photos, "--overwrite")
    (photos / "c.png").rename(photos / "c.PNG")
    with pytest.raises(InputError, match=r"a\.jpg is a file; a folder"):
        invoke(*one, "--out", photos / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg exists already"):
        invoke(*one, "--out", tmp_path / "o", "--scores", photos / "a.jpg")
    with pytest.raises(InputError, match="two results would be written"):
        invoke(*one, "--out", tmp_path / "o", "--scores", tmp_path / "x", "--summary", tmp_path / "x")
    assert before == {name: (photos / name).read_bytes() for name in below(photos)}
    assert invoke(*one, "--out", tmp_path / "o").exit_code == 0
    with pytest.raises(InputError, match="holds other files"):
        invoke(*one, "--out", tmp_path / "o")
    assert invoke(*one, "--out", tmp_path / "o", "--overwrite").exit_code == 0


def test_one_model_is_given(trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> None:
    base = ["predict", photos, "--out", tmp_path / "o"]
    with pytest.raises(InputError, match="neither --run nor --onnx"):
        invoke(*base)
    with pytest.raises(InputError, match="both --run and --onnx"):
        invoke(*base, "--run", trained_run, "--onnx", "m.onnx")
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        invoke(*base, "--onnx", "model.pt")
    assert "numbers such as 0.75,1 were expected" in invoke(*base, "--scales", "a").output


def test_a_full_disk_leaves_nothing_half_written(
    trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InputError, match="nothing was left half-written"):
        invoke(
            "predict", photos, "--run", trained_run, "--out", tmp_path / "o", "--scores", tmp_path / "s.h5"
        )
    assert below(tmp_path) == [f"photos/{name}" for name in below(photos)]
