"""Boxes of label maps, and the file that holds them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.proxy.boxes import coco, regions
from weakseg.storage.labels import write_labels

STAGE = {"a": "train", "b": "train", "e": "val"}


def labels() -> np.ndarray:
    found = np.zeros((20, 30), np.uint8)
    found[2:6, 3:10] = 1  # 28 pixels
    found[6:8, 10:12] = 1  # touches it at a corner
    found[10:18, 20:30] = 1
    found[10:18, 15:20] = 2  # touches the third, another class
    found[0, 0] = 2  # a crumb
    found[19, :] = 255
    return found


def test_a_box_around_each_region() -> None:
    assert sorted(regions(labels(), least=0.01)) == [
        (1, (3, 2, 9, 6), 32),
        (1, (20, 10, 10, 8), 80),
        (2, (15, 10, 5, 8), 40),
    ]
    assert (2, (0, 0, 1, 1), 1) in regions(labels(), least=0.0)
    assert regions(np.full((4, 4), 255, np.uint8), least=0.0) == []


def test_undecided_pixels_divide() -> None:
    found = np.ones((5, 9), np.uint8)
    found[:, 4] = 255
    assert [box for _, box, _ in regions(found, 0.0)] == [(0, 0, 4, 5), (5, 0, 4, 5)]


def test_coco_names_classes_and_images_by_number() -> None:
    content = coco(
        ["cat", "dog"], [("a", "a.jpg", (20, 30), regions(labels(), 0.01)), ("b", "b.jpg", (4, 4), [])]
    )
    assert content["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert [image["id"] for image in content["images"]] == [1, 2]
    assert [annotation["id"] for annotation in content["annotations"]] == [1, 2, 3]
    assert {annotation["image_id"] for annotation in content["annotations"]} == {1}
    assert {
        tuple(annotation["bbox"]) for annotation in content["annotations"] if annotation["category_id"] == 2
    } == {(15, 10, 5, 8)}


@pytest.fixture
def stage(table_data: Path, tmp_path: Path) -> Path:
    """A folder with an index of two training images and one for validation, and the first one's label map."""
    records = [
        Record(name, table_data / "images" / f"{name}.jpg", split, ("cat",), None)
        for name, split in STAGE.items()
    ]
    write_index(tmp_path, Index(tuple(records), ("cat", "dog"), (0, 1, 2)))
    for name in ("a", "b"):
        write_labels(tmp_path / "labels" / f"{name}.png", labels())
    return tmp_path


def boxes(stage: Path, *more: object) -> tuple[str, Any]:
    """What the command says and what it writes."""
    arguments = ["proxy", "boxes", "--index", stage / "index.csv", "--classes", stage / "classes.csv"]
    arguments += ["--labels", stage / "labels", *more, "--out", stage / "boxes.json"]
    done = CliRunner().invoke(weakseg, [*map(str, arguments)], catch_exceptions=False)
    return done.output, json.loads((stage / "boxes.json").read_text(encoding="utf-8"))


def test_the_command(stage: Path) -> None:
    said, content = boxes(stage)
    assert said.startswith("wrote 6 boxes of 2 train images")
    assert [image["weakseg_id"] for image in content["images"]] == ["a", "b"]


def test_people_decide_about_images(stage: Path) -> None:
    (stage / "review").mkdir()
    (stage / "review" / "rejected.csv").write_text("id\na\n", encoding="utf-8")
    corrected = np.zeros((20, 30), np.uint8)
    corrected[5:10, 5:10] = 2
    write_labels(stage / "review" / "corrected" / "b.png", corrected)
    said, content = boxes(stage, "--review", stage / "review")
    assert said.startswith("wrote 1 boxes of 1 train images")
    assert [image["weakseg_id"] for image in content["images"]] == ["b"]
    assert content["annotations"][0]["bbox"] == [5, 5, 5, 5]
    corrected[0, 0] = 77
    write_labels(stage / "review" / "corrected" / "b.png", corrected)
    with pytest.raises(InputError, match=r"b\.png holds the index 77 where the run has no class"):
        boxes(stage, "--review", stage / "review")
