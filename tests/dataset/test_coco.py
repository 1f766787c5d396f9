"""COCO's format: labels as pycocotools tells them, COCO's own folders, and JSON that contradicts itself."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from foreign import coco, listing, pictures, told
from weakseg.errors import InputError

CATEGORIES = {1: "cat", 3: "dog", 90: "tooth brush"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve images in `photos`; image 5 shows nothing."""
    pictures(tmp_path / "photos", *(f"{k}.jpg" for k in range(12)))
    shows = {k: [1, 1, 3][: 1 + k % 3] for k in range(12) if k != 5}
    coco(tmp_path / "all.json", {k: f"{k}.jpg" for k in range(12)}, shows, CATEGORIES)
    return tmp_path


def section(data: Path, **more: Any) -> dict[str, Any]:
    return {"train": str(data / "all.json"), "train_images": str(data / "photos")} | more


def test_labels_are_the_categories_of_the_objects(data: Path) -> None:
    found = listing(data, "coco", section(data))
    assert found.index.classes == ("cat", "dog", "tooth brush")  # in the file's order
    shown = {image: labels for image, (_, labels) in told(found).items()}
    assert shown == {str(k): () if k == 5 else ("cat", "dog") if k % 3 == 2 else ("cat",) for k in range(12)}
    assert len(found.index.split("val")) == 1
    assert listing(data, "coco", section(data), classes=["dog"]).index.mask_values == (0, 2)


def test_labels_are_those_of_pycocotools(tmp_path: Path) -> None:
    """The reader of the format's authors, on a hundred generated images with crowds."""
    tools = pytest.importorskip("pycocotools.coco")
    rng = random.Random(0)
    categories = {rng.randrange(1, 10**9): f"class {k}" for k in range(20)}
    images = {rng.randrange(10**12): f"train2017/{k:012}.jpg" for k in range(100)}
    shows = {key: rng.choices([*categories], k=rng.randrange(6)) for key in images}
    held = coco(tmp_path / "a.json", images, shows, categories)
    for item in held["annotations"]:
        item["iscrowd"] = int(rng.random() < 0.3)
    (tmp_path / "a.json").write_text(json.dumps(held), encoding="utf-8")
    pictures(tmp_path, *images.values())
    theirs = tools.COCO(str(tmp_path / "a.json"))
    for crowd in (True, False):
        values = {"train": str(tmp_path / "a.json"), "train_images": str(tmp_path), "crowd": crowd}
        found = told(listing(tmp_path, "coco", values))
        assert len(found) == 100
        for key, name in images.items():
            ids = theirs.getAnnIds(imgIds=[key], iscrowd=None if crowd else False)
            wanted = {theirs.cats[item["category_id"]]["name"] for item in theirs.loadAnns(ids)}
            assert set(found[name.removesuffix(".jpg")][1]) == wanted


@pytest.mark.parametrize("year", [2014, 2017])
def test_coco_itself(tmp_path: Path, year: int) -> None:
    for split, count in (("train", 6), ("val", 3)):
        names = [f"COCO_{split}{year}_{k:012}.jpg" for k in range(count)]
        pictures(tmp_path / f"{split}{year}", *names)
        shows = {k: [1, 3][k % 2 :] for k in range(count)}
        coco(
            tmp_path / f"annotations/instances_{split}{year}.json", dict(enumerate(names)), shows, CATEGORIES
        )
    found = listing(tmp_path, "coco", {"root": str(tmp_path), "year": year})
    assert [len(found.index.split(name)) for name in ("train", "val")] == [6, 3]
    assert told(found)[f"train{year}/COCO_train{year}_000000000001"] == ("train", ("dog",))
    assert found.index.records[0].image.is_file()


def test_two_files_in_one_folder(data: Path) -> None:
    coco(data / "val.json", {7: "7.jpg"}, {7: [3]}, CATEGORIES)
    coco(data / "train.json", {1: "1.jpg", 2: "2.jpg"}, {1: [1]}, CATEGORIES)
    values = section(data, train=str(data / "train.json"), val=str(data / "val.json"))
    found = listing(data, "coco", values)
    assert told(found) == {"1": ("train", ("cat",)), "2": ("train", ()), "7": ("val", ("dog",))}
    assert any("9 images in" in note and "not named by" in note for note in found.index.notes)
    coco(data / "val.json", {7: "1.jpg"}, {7: [3]}, CATEGORIES)
    with pytest.raises(InputError, match="'1' occurs twice"):
        listing(data, "coco", values)


def test_file_names_with_a_folder_that_is_not_there(data: Path) -> None:
    """Label Studio writes images/1.jpg, CVAT 1.jpg."""
    coco(data / "all.json", {k: f"images/{k}.jpg" for k in range(12)}, {k: [1] for k in range(8)}, CATEGORIES)
    assert set(told(listing(data, "coco", section(data)))) == {str(k) for k in range(12)}


def test_ids_may_be_text(data: Path) -> None:
    images = {f"id-{k}": f"{k}.jpg" for k in range(12)}
    coco(data / "all.json", images, {"id-0": ["c"], "id-1": ["d"]}, {"c": "cat", "d": "dog"})
    assert told(listing(data, "coco", section(data)))["1"][1] == ("dog",)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"train": None}, "needs coco.root, the folder of COCO itself, or coco.train"),
        ({"root": "x"}, "needs coco.root, the folder of COCO itself, or coco.train"),
        ({"train": None, "root": "x"}, "coco.root has its own files; leave out"),
        ({"year": 2015}, "2014 or 2017"),
    ],
)
def test_one_way_to_name_the_files(data: Path, values: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError, match=part):
        listing(data, "coco", section(data, **values))


def test_a_missing_image_is_told_as_in_a_table(data: Path) -> None:
    (data / "photos/3.jpg").unlink()
    with pytest.raises(
        InputError, match=r"1 of 12 images cannot be used:\n.*image '3\.jpg' was not found in"
    ):
        listing(data, "coco", section(data))
    assert len(listing(data, "coco", section(data), bad_images="skip").index.records) == 11
    with pytest.raises(InputError, match=r"none of the 12 images of .*all\.json was found in"):
        (data / "other").mkdir()
        listing(data, "coco", section(data, train_images=str(data / "other")))
