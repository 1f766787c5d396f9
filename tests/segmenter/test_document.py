"""Every snippet of docs/predict.md is run, on a run whose every preprocessing value is set."""

import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import Result
from PIL import Image

import weakseg
from weakseg.dataset.images import ORIENTATION
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.storage.labels import read_labels

pytestmark = pytest.mark.slow

Photo = Callable[..., np.ndarray]
Invoke = Callable[..., Result]
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
NAMES = ("background", "cat", "dog", "Größe", "bird")


def of(snippets: list[str], word: str) -> str:
    """The one snippet that holds a word."""
    (found,) = (text for text in snippets if word in text)
    return found


def lines(text: str) -> int:
    """Lines of code, without blank ones."""
    return sum(bool(line.strip()) for line in text.splitlines())


def commands(snippet: str) -> list[list[str]]:
    """The words of each command of a shell snippet."""
    return [shlex.split(line) for line in snippet.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture
def desk(
    tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Path]
) -> Callable[[Path], Path]:
    """Puts a run, with every value of its predictions set, and images where the document has them."""

    def laid(run: Path) -> Path:
        demo = tmp_path / "results" / "demo"
        shutil.copytree(run, demo)
        configure(demo)
        settings = {"scales": [1.0, 0.6, 1.3], "flip": True, "precision": "fp32", "longest": 64}
        (demo / "configs" / "segmenter-predict.json").write_text(json.dumps(settings))
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        Image.fromarray(photo(90, 131)).save(tmp_path / "photo.jpg", exif=exif)
        for name in ("holiday/b/beach.png", "archive/one.tif", "images/a.png", "images/b.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo(40, 57, len(name))).save(tmp_path / name)
        bands = np.random.default_rng(0).integers(1, 3000, (4, 60, 80), np.uint16)
        shape = {"count": 4, "height": 60, "width": 80, "dtype": "uint16"}
        with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", crs="EPSG:32633", **shape) as file:
            file.write(bands)
        records = (
            Record("train-00000", tmp_path / "images/a.png", "train", ("cat",), None),
            Record("val-00003", tmp_path / "images/b.png", "val", ("dog",), None),
        )
        write_index(demo / "dataset", Index(records, NAMES[1:], tuple(range(5))))
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return laid


def test_no_snippet_is_forgotten() -> None:
    assert (len(PYTHON), len(SHELL)) == (4, 4)
    assert len(re.findall(r"^```\w", TEXT, re.MULTILINE)) == 8


@pytest.mark.parametrize("snippet", SHELL, ids=["predict", "scenes", "export", "show"])
def test_the_commands(snippet: str, desk: Any, trained_run: Path, invoke: Invoke) -> None:
    folder = desk(trained_run)
    for words in commands(snippet):
        if words[0] == "pip":
            (extra,) = re.findall(r"\.\[(\w+)\]", words[-1])
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
            assert extra in project["project"]["optional-dependencies"]
            continue
        assert words[0] == "weakseg"
        result = invoke(*words[1:])
        assert result.exit_code == 0, result.output
        (target,) = (folder / words[place + 1] for place, word in enumerate(words) if word == "--out")
        assert target.is_file() or any(target.rglob("*.png")) or any(target.glob("*.tif"))


def test_the_three_lines_are_the_command(desk: Any, trained_run: Path, invoke: Invoke) -> None:
    desk(trained_run)
    three = of(PYTHON, 'predict("photo.jpg")')
    assert lines(three) == 3
    names: dict[str, Any] = {}
    exec(three, names)
    invoke("predict", "photo.jpg", "--run", "results/demo", "--out", "masks")
    np.testing.assert_array_equal(names["labels"], read_labels(Path("masks/photo.png")))
    assert len(np.unique(names["labels"])) >= 3


@pytest.mark.parametrize(
    ("run", "longest"), [("trained_run", 64), ("trained_run", 1024), ("fcn_run", 120), ("fcn_run", 1024)]
)
def test_plain_onnxruntime_gives_what_the_command_gives(
    run: str, longest: int, desk: Any, invoke: Invoke, request: pytest.FixtureRequest
) -> None:
    """A photograph that lies on its side and is shrunk, three sizes, the mirrored copy: not one pixel in a thousand."""
    example = of(PYTHON, "InferenceSession")
    assert "weakseg" not in example
    settings = desk(request.getfixturevalue(run)) / "results/demo/configs/segmenter-predict.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"longest": longest}))
    invoke("export", "--run", "results/demo", "--out", "model.onnx")
    invoke("predict", "photo.jpg", "--run", "results/demo", "--out", "masks")
    names: dict[str, Any] = {}
    exec(example, names)
    written, labels = read_labels(Path("masks/photo.png")), names["labels"]
    assert labels.shape == written.shape == (131, 90)
    assert labels.dtype == np.uint8
    assert len(np.unique(written)) >= 3
    assert (labels != written).mean() < 0.001, f"{(labels != written).sum()} pixels differ"
    assert json.loads(names["about"]["classes"])[labels[0, 0]] in NAMES


def test_the_scores_that_were_written_are_opened(desk: Any, trained_run: Path, invoke: Invoke) -> None:
    desk(trained_run)
    invoke("predict", "photo.jpg", "--run", "results/demo", "--out", "masks", "--scores", "scores.h5")
    names: dict[str, Any] = {}
    exec(of(PYTHON, "h5py"), names)
    assert names["name"] == "photo"
    assert {name: values.dtype for name, values in names["scores"].items()} == dict.fromkeys(
        NAMES, np.float16
    )


def test_napari_is_given_layers_of_one_size(
    desk: Any, trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """napari is no dependency and needs a window: what it would be given is looked at."""
    given: dict[str, Any] = {}
    napari, opened = ModuleType("napari"), ModuleType("viewer")
    vars(opened).update(
        add_image=lambda image, rgb: given.update(image=image, rgb=rgb),
        add_labels=lambda labels, features: given.update(labels=labels, features=features),
    )
    vars(napari).update(Viewer=lambda: opened, run=lambda: given.update(ran=True))
    monkeypatch.setitem(sys.modules, "napari", napari)
    desk(trained_run)
    exec(of(PYTHON, "napari"), {})
    assert given["labels"].shape == given["image"].shape[:2]
    assert given["rgb"]
    assert given["features"]["class"] == list(NAMES)
    assert given["ran"]
    np.testing.assert_array_equal(given["labels"], weakseg.load("results/demo").predict("photo.jpg"))
