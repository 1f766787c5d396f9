"""`weakseg init` on data of other tools: recognised by their files, and the right section written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import foreign
from weakseg.dataset.sources import SOURCES
from weakseg.errors import InputError

Init = Callable[..., list[str]]
Configuration = Callable[[str], dict[str, Any]]


def _yolo(folder: Path) -> None:
    names = [f"{split}/{number}" for split, count in (("train", 8), ("val", 2)) for number in range(count)]
    shows: dict[str, str | None] = {
        name: f"{number % 2} 0.5 0.5 0.1 0.1\n" for number, name in enumerate(names)
    }
    foreign.yolo(folder, shows, ("cat", "dog", "never"))


def _coco(folder: Path) -> None:
    foreign.pictures(folder / "photos", *(f"{number}.jpg" for number in range(10)))
    images = {number: f"{number}.jpg" for number in range(10)}
    foreign.coco(
        folder / "annotations/instances.json", images, {k: [1 + k % 2] for k in images}, {1: "cat", 2: "dog"}
    )


def _label_studio(folder: Path) -> None:
    foreign.pictures(folder, *(f"{number}.jpg" for number in range(10)))
    tasks = [
        {
            "id": number,
            "data": {"image": f"/data/upload/1/0a1b2c3d-{number}.jpg"},
            "annotations": [
                {"result": [{"type": "choices", "value": {"choices": ["cat" if number % 2 else "dog"]}}]}
            ],
        }
        for number in range(10)
    ]
    (folder / "export.json").write_text(json.dumps(tasks), encoding="utf-8")


def _imagefolder(folder: Path) -> None:
    foreign.pictures(folder / "train", *(f"{number}.jpg" for number in range(10)))
    rows = [{"file_name": f"{number}.jpg", "label": "cat" if number % 2 else "dog"} for number in range(10)]
    (folder / "train/metadata.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8"
    )


def _folders(folder: Path) -> None:
    foreign.pictures(folder, *(f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(5)))


@pytest.mark.parametrize(
    ("source", "make", "section"),
    [
        ("yolo", _yolo, {"data": "my data/data.yaml"}),
        ("coco", _coco, {"train": "my data/annotations/instances.json", "train_images": "my data/photos"}),
        ("label_studio", _label_studio, {"export": "my data/export.json", "images": "my data"}),
        ("imagefolder", _imagefolder, {"images": "my data"}),
        ("folders", _folders, {"images": "my data"}),
    ],
)
def test_data_of_other_tools_are_recognised(
    init: Init,
    here: Path,
    source: str,
    make: Callable[[Path], None],
    section: dict[str, Any],
    written: Configuration,
) -> None:
    make(here / "my data")
    lines = init("mine", "--images", "my data")
    assert lines[0].startswith(f"10 images in my data, {SOURCES[source].title}: ")
    dataset = written("mine")["dataset"]
    assert dataset["source"] == source and dataset[source] == section
    assert sorted(dataset["classes"]) == ["cat", "dog"]
    assert ("split" in dataset) == (source != "yolo")
    assert any(line.startswith("Divided by dataset.split") for line in lines) == (source != "yolo")
    assert init("my data", "--force")[0] == lines[0]  # the folder names the run
    assert written("my-data")["dataset"] == dataset


def test_a_class_of_no_image_is_left_out_and_told(init: Init, here: Path) -> None:
    _yolo(here / "data")
    assert "In no image: never." in init("mine", "--images", "data")


@pytest.mark.parametrize(
    ("table", "section"),
    [
        ("id,Rust,Scab,age\n{rows}", {"image": "id"}),
        ("file_name,label,age\n{named}", {"image": "file_name", "labels": "label", "separator": " "}),
    ],
)
def test_a_table_with_other_columns_is_recognised(
    init: Init, here: Path, table: str, section: dict[str, Any], written: Configuration
) -> None:
    foreign.pictures(here / "photos", *(f"{number}.jpg" for number in range(12)))
    rows = "".join(f"{k},{k % 2},{int(k % 3 == 0)},{k * 5}\n" for k in range(12))
    cells = ("Rust", "Scab", "Rust Scab", "")
    named = "".join(f"{k}.jpg,{cells[k % 4]},{k * 5}\n" for k in range(12))
    (here / "t.csv").write_text(table.format(rows=rows, named=named), encoding="utf-8")
    assert init("mine", "--images", "photos", "--labels", "t.csv")[0].startswith(
        "12 images in t.csv, a table with"
    )
    dataset = written("mine")["dataset"]
    assert dataset["columns"] == {"table": "t.csv", "images": "photos"} | section
    assert sorted(dataset["classes"]) == ["Rust", "Scab"]


@pytest.mark.parametrize(
    ("make", "file", "source"),
    [
        (_coco, "annotations/instances.json", "coco"),
        (_label_studio, "export.json", "label_studio"),
        (_yolo, "data.yaml", "yolo"),
    ],
)
def test_labels_may_be_the_file_of_another_tool(
    init: Init, here: Path, make: Callable[[Path], None], file: str, source: str, written: Configuration
) -> None:
    make(here / "d")
    images = next(path.parent for path in sorted((here / "d").rglob("*.jpg"))).relative_to(here)
    lines = init("mine", "--images", images, "--labels", f"d/{file}")
    assert lines[0].startswith(f"10 images in d/{file}, {SOURCES[source].title}: ")
    assert written("mine")["dataset"]["source"] == source


def test_folders_beside_each_other_are_no_classes_unless_given(init: Init, here: Path) -> None:
    _folders(here)
    with pytest.raises(InputError, match="no table of labels is here"):
        init("mine")
    lines = init("mine", "--images", ".")
    assert lines[0].startswith("10 images in ., a folder for each class")
    assert any("if they are none, give a table of labels by --labels" in line for line in lines)
