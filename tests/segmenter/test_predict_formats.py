"""Predictions in the formats of other tools."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from weakseg.dataset.images import image_size
from weakseg.errors import InputError
from weakseg.formats import FORMATS, READ
from weakseg.formats.items import Images, Item
from weakseg.storage.labels import read_classes, read_labels

CLASSES = ["cat", "dog", "Größe", "bird"]
Invoke = Callable[..., Result]


@pytest.fixture
def photos(tmp_path: Path, photo: Callable[..., np.ndarray]) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(["a.jpg", "b/a.png", "c.PNG"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(40 + number, 60, number)).save(folder / name)
    return folder


def out_of(folder: Path, form: str) -> Path:
    return folder / f"out{FORMATS[form].suffix}"


@pytest.fixture
def pngs(trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> dict[str, np.ndarray]:
    """What is predicted."""
    assert invoke("predict", photos, "--run", trained_run, "--out", tmp_path / "png").exit_code == 0
    return {name: read_labels(tmp_path / "png" / f"{name}.png") for name in ("a", "b/a", "c")}


@pytest.mark.parametrize("form", READ)
def test_they_are_those_of_the_pngs(
    trained_run: Path, photos: Path, pngs: dict[str, np.ndarray], invoke: Invoke, tmp_path: Path, form: str
) -> None:
    out = out_of(tmp_path, form)
    done = invoke(
        "predict", photos, "--run", trained_run, "--out", out, "--format", form, "--tolerance", 0,
        "--overlays", tmp_path / "over", "--scores", tmp_path / "s.h5", "--summary", tmp_path / "areas.json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"predicted 3 of 3 images into {out}" in done.output
    assert "lost" not in done.output
    images = Images({"a": photos / "a.jpg", "b/a": photos / "b/a.png", "c": photos / "c.PNG"}, image_size)
    found = {item.id: item for item in FORMATS[form].reader()(out, CLASSES, images) if isinstance(item, Item)}
    assert found.keys() == pngs.keys()
    assert all(np.array_equal(found[name].labels, labels) for name, labels in pngs.items())


@pytest.mark.parametrize("form", [name for name in FORMATS if name not in READ])
def test_the_formats_that_only_leave_are_written(
    trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path, form: str
) -> None:
    out = out_of(tmp_path, form)
    assert invoke("predict", photos, "--run", trained_run, "--out", out, "--format", form).exit_code == 0
    assert sum(file.is_file() for file in out.rglob("*")) >= 2


def test_the_pngs_name_their_classes_and_leave_for_other_tools(
    pngs: dict[str, np.ndarray], invoke: Invoke, tmp_path: Path
) -> None:
    assert read_classes(tmp_path / "png" / "b" / "a.png") == CLASSES
    done = invoke("export-masks", tmp_path / "png", "--format", "cvat", "--out", tmp_path / "task.zip")
    assert done.exit_code == 0
    assert done.output.startswith("wrote 3 label maps")


def test_an_image_that_cannot_be_read_is_left_out(
    trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path
) -> None:
    (photos / "b" / "a.png").write_bytes(b"no image")
    out = tmp_path / "out.zip"
    with pytest.raises(InputError, match="1 of 3 images could not be predicted"):
        invoke("predict", photos, "--run", trained_run, "--out", out, "--format", "cvat")
    images = Images({"a": photos / "a.jpg", "c": photos / "c.PNG"}, image_size)
    assert [item.id for item in FORMATS["cvat"].reader()(out, CLASSES, images) if isinstance(item, Item)] == [
        "a",
        "c",
    ]


def test_nothing_is_written_over_or_into_what_is_written_as_a_whole(
    trained_run: Path, photos: Path, invoke: Invoke, tmp_path: Path
) -> None:
    words = ["predict", photos, "--run", trained_run, "--out"]
    (tmp_path / "out.zip").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"out\.zip exists already"):
        invoke(*words, tmp_path / "out.zip", "--format", "cvat")
    with pytest.raises(InputError, match=r"labelme is a folder, and a new or empty one was expected"):
        invoke(*words, photos, "--format", "labelme", "--overwrite")
    with pytest.raises(InputError, match=r"lies below .*, which is written as a whole"):
        invoke(*words, tmp_path / "o", "--format", "labelme", "--overlays", tmp_path / "o" / "over")
    with pytest.raises(InputError, match=r"coco is a file that ends in \.json"):
        invoke(*words, tmp_path / "o", "--format", "coco")
    assert invoke(*words, tmp_path / "out.zip", "--format", "cvat", "--overwrite").exit_code == 0
    assert (tmp_path / "out.zip").read_bytes()[:2] == b"PK"
