"""Bad images among good ones: all are listed with their reasons; the indexing stops, or goes on without them."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from indexed import index_table
from weakseg.cli import weakseg
from weakseg.dataset.index import read_index
from weakseg.errors import InputError
from weakseg.storage.labels import write_labels


def run(data: Path, **dataset: Any) -> Result:
    """`weakseg dataset index`, into `data/out`."""
    table = {"images": str(data / "images"), "labels": str(data / "labels.csv"), "masks": str(data / "masks")}
    settings = {"source": "table", "classes": ["bird", "cat", "dog"], "table": table} | dataset
    (data / "dataset.json").write_text(json.dumps(settings))
    arguments = ["dataset", "index", "--config", str(data / "dataset.json"), "--out", str(data / "out")]
    return CliRunner().invoke(weakseg, arguments)


def listed(data: Path) -> dict[str, str]:
    with (data / "out" / "bad_images.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture
def three_bad(table_data: Path) -> Path:
    """Of a…f: a is cut short, c is missing, d's mask has another size."""
    image = table_data / "images" / "a.jpg"
    image.write_bytes(image.read_bytes()[:-300])
    (table_data / "images" / "c.jpg").unlink()
    write_labels(table_data / "masks" / "d.png", np.zeros((3, 3), np.uint8))
    return table_data


REASONS = {"a": "a.jpg cannot be decoded", "c.jpg": "'c.jpg' was not found", "d": "d.png is 3×3 pixels"}


def test_stop_lists_all_and_leaves_no_index(three_bad: Path) -> None:
    result = run(three_bad)
    assert isinstance(result.exception, InputError)
    first, *lines, last = str(result.exception).splitlines()
    assert first == "3 of 6 images cannot be used:"
    assert last.startswith("Mend them, drop their rows, or set dataset.bad_images to skip")
    assert len(lines) == 3
    for name, reason in REASONS.items():
        assert any(reason in line for line in lines)
        assert reason in listed(three_bad)[name]
    assert not (three_bad / "out" / "index.csv").exists()


def test_skip_leaves_them_out_and_counts_them(three_bad: Path) -> None:
    result = run(three_bad, bad_images="skip")
    assert result.exit_code == 0, result.output
    out = three_bad / "out"
    index = read_index(out / "index.csv", out / "classes.csv")
    assert [(record.id, record.mask is None) for record in index.records] == [
        ("b", False),
        ("d", True),  # its mask alone is bad: it is trained on and not scored
        ("e", False),
        ("f", False),
    ]
    assert {name: reason in listed(three_bad)[name] for name, reason in REASONS.items()} == dict.fromkeys(
        REASONS, True
    )
    first, second, classes, masks, *rest = result.output.splitlines()
    assert first.startswith("indexed 2 train, 2 val, 0 saliency images of 3 classes")
    assert second == f"left out 3 images or masks that cannot be used: {out / 'bad_images.csv'} says why"
    assert classes == "images of each class, train/val: bird 1/1, cat 0/1, dog 1/1"
    assert masks == "5 of 5 masks found"
    assert rest == ["class 'cat' is in no training image: nothing can learn it"]


@pytest.mark.parametrize("choice", ["stop", "skip"])
def test_of_good_images_only_counts_are_said_and_an_old_list_goes(table_data: Path, choice: str) -> None:
    (table_data / "out").mkdir()
    (table_data / "out" / "bad_images.csv").write_text("id,reason\n")
    result = run(table_data, bad_images=choice)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1:] == [
        "images of each class, train/val: bird 2/1, cat 2/1, dog 1/1",
        "6 of 6 masks found",
    ]
    assert sorted(path.name for path in (table_data / "out").iterdir()) == [
        *("classes.csv", "files.csv", "index.csv", "made_from.json", "pictures.csv")
    ]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("b.jpg,dog,train", "b.jpg,dgo,train", "unknown class 'dgo'"),
        ("b.jpg,dog,train", "../b.jpg,dog,train", "leads out of the data folder"),
        ("b.jpg,dog,train", "a.jpg,dog,train", "occurs twice"),
    ],
)
def test_a_mistake_in_the_table_is_never_skipped(table_data: Path, old: str, new: str, part: str) -> None:
    text = (table_data / "labels.csv").read_text()
    (table_data / "labels.csv").write_text(text.replace(old, new))
    result = run(table_data, bad_images="skip")
    assert isinstance(result.exception, InputError)
    assert part in str(result.exception)


def test_skipping_all_images_of_a_split_stops(table_data: Path) -> None:
    for name in "ef":
        (table_data / "images" / f"{name}.jpg").write_bytes(b"")
    result = run(table_data, bad_images="skip")
    assert "no image is in the split 'val'" in str(result.exception)
    assert set(listed(table_data)) == {"e", "f"}


def test_one_bad_image_among_thousands(table_data: Path) -> None:
    images, names = table_data / "images", [f"many/{number:05}" for number in range(2000)]
    (images / "many").mkdir()
    Image.new("RGB", (2, 2)).save(images / "one.png")
    for name in names:
        os.link(images / "one.png", images / f"{name}.png")
    (images / f"{names[1234]}.png").unlink()
    (images / f"{names[1234]}.png").write_text("no image")
    with (table_data / "labels.csv").open("a") as file:
        file.writelines(f"{name},cat,train\n" for name in names)
    found = index_table(images, table_data / "labels.csv", None, ["bird", "cat", "dog"])
    assert [item.id for item in found.bad] == [names[1234]]
    assert len(found.records) == 2005


def test_a_wrong_folder_does_not_flood_the_screen(table_data: Path) -> None:
    with (table_data / "labels.csv").open("a") as file:
        file.writelines(f"none-{number},cat,train\n" for number in range(500))
    lines = str(run(table_data).exception).splitlines()
    assert lines[0].startswith("500 of 506 images cannot be used")
    assert len(lines) == 3
    assert lines[1] == (
        f"  500 images (none-0, none-1, none-2 and 497 more) are not in {table_data / 'images'}, which holds 6 files: "
        "a.jpg, b.jpg, c.jpg and 3 more: add the files or drop their rows."
    )
    assert len(listed(table_data)) == 500


@pytest.mark.parametrize(
    ("first", "second"),
    [("A.jpg", "a.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg"), ("x/Straße.png", "x/STRASSE.png")],
)
def test_ids_that_not_every_disk_tells_apart(table_data: Path, first: str, second: str) -> None:
    for name in (first, second):
        (table_data / "images" / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(table_data / "images" / name)
    (table_data / "labels.csv").write_text(
        f"image,labels,split\n{first},cat,train\n{second},cat,val\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match="differ only in capitals or in how accents are written"):
        index_table(table_data / "images", table_data / "labels.csv", None, ["cat"])


@pytest.mark.parametrize("name", ["n" * 231, "ü" * 116, "a/" * 500 + "b", "n" * 100_000])
def test_ids_too_long_for_their_results(table_data: Path, name: str) -> None:
    (table_data / "labels.csv").write_text(f"image,labels,split\n{name},cat,train\n", encoding="utf-8")
    with pytest.raises(InputError, match="is too long; at most 230 bytes between slashes") as caught:
        index_table(table_data / "images", table_data / "labels.csv", None, ["cat"])
    assert len(str(caught.value)) < 400


def test_the_longest_id_has_results(tmp_path: Path) -> None:
    write_labels(tmp_path / f"{'n' * 230}.png", np.zeros((2, 2), np.uint8))
    assert len([*tmp_path.iterdir()]) == 1
