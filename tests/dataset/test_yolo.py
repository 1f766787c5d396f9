"""YOLO's layout: data.yaml in all its spellings, text files of boxes and polygons, and images without one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from foreign import listing, pictures, told, yolo
from weakseg.dataset.sources.yolo import label_file
from weakseg.errors import InputError

BOX = "{} 0.5 0.5 0.2 0.2\n"
CAT, DOG = BOX.format(0), BOX.format(1)
POLYGON = "1 0.1 0.1 0.5 0.1 0.5 0.5\n"
SHOWS = {
    "train/a": CAT + DOG,
    "train/b": POLYGON,
    "train/deep/c": CAT + CAT,
    "train/empty": "",
    "train/missing": None,
    "val/d": DOG,
}
EXPECTED = {
    "images/train/a": ("train", ("cat", "dog")),
    "images/train/b": ("train", ("dog",)),
    "images/train/deep/c": ("train", ("cat",)),
    "images/train/empty": ("train", ()),
    "images/train/missing": ("train", ()),
    "images/val/d": ("val", ("dog",)),
}


@pytest.mark.parametrize("names", [("cat", "dog"), {0: "cat", 1: "dog"}, {"1": "dog", "0": "cat"}])
def test_labels_are_the_classes_of_the_lines(tmp_path: Path, names: Any) -> None:
    found = listing(tmp_path, "yolo", {"data": str(yolo(tmp_path / "d", SHOWS, names))})
    assert told(found) == EXPECTED
    assert found.index.classes == ("cat", "dog")
    assert (
        "labels: 1 image without a text file and 1 image with an empty one, which show none of the classes"
        in found.index.notes
    )


@pytest.mark.parametrize(
    "more",
    [
        {"path": "."},
        {"path": "{root}"},
        {"train": ["images/train"], "val": ["images/val/"]},
        {"train": "./images/train"},
        {"train": "../images/train", "val": "../images/val"},  # as Roboflow writes them
        {"val": None, "valid": "images/val"},
        {"nc": 2, "test": "images/nowhere"},
        {"path": "nowhere"},
    ],
)
def test_the_spellings_of_data_yaml(tmp_path: Path, more: dict[str, Any]) -> None:
    root = tmp_path / "d"
    path = yolo(
        root,
        SHOWS,
        **{key: value.format(root=root) if key == "path" else value for key, value in more.items()},
    )
    assert told(listing(tmp_path, "yolo", {"data": str(path)})) == EXPECTED


def test_lists_of_images(tmp_path: Path) -> None:
    root = tmp_path / "d"
    path = yolo(root, SHOWS, train="train.txt", val="val.txt")
    (root / "train.txt").write_text(
        f"./images/train/a.jpg\nimages/train/b.jpg\n{root}/images/train/empty.jpg\n", encoding="utf-8"
    )
    (root / "val.txt").write_text("images/val/d.jpg\n", encoding="utf-8")
    found = listing(tmp_path, "yolo", {"data": str(path)})
    wanted = ("images/train/a", "images/train/b", "images/train/empty", "images/val/d")
    assert told(found) == {name: EXPECTED[name] for name in wanted}
    assert any("2 images in" in note and "not named by" in note for note in found.index.notes)


def test_images_elsewhere_and_split_folders_first(tmp_path: Path) -> None:
    """Roboflow's layout: train/images and train/labels."""
    root = tmp_path / "d"
    pictures(root, "train/images/a.jpg", "train/images/b.jpg", "valid/images/c.jpg")
    for name, text in {"train/labels/a": CAT, "valid/labels/c": DOG}.items():
        (root / f"{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.txt").write_text(text, encoding="utf-8")
    held = {"names": ["cat", "dog"], "train": "../train/images", "val": "../valid/images"}
    (root / "data.yaml").write_text(yaml.safe_dump(held), encoding="utf-8")
    assert told(listing(tmp_path, "yolo", {"data": str(root / "data.yaml")})) == {
        "train/images/a": ("train", ("cat",)),
        "train/images/b": ("train", ()),
        "valid/images/c": ("val", ("dog",)),
    }


def test_without_val_the_images_are_divided(tmp_path: Path) -> None:
    shows = {f"train/{k}": CAT if k % 2 else DOG for k in range(20)}
    path = yolo(tmp_path / "d", shows, val=None)
    found = listing(tmp_path, "yolo", {"data": str(path)}, split={"val": 0.2})
    assert len(found.index.split("val")) == 4


def test_the_same_folder_as_train_and_val_is_refused(tmp_path: Path) -> None:
    path = yolo(tmp_path / "d", SHOWS, val="images/train")
    with pytest.raises(InputError, match="occurs twice"):
        listing(tmp_path, "yolo", {"data": str(path)})


def test_chosen_classes_leave_the_others_out(tmp_path: Path) -> None:
    path = yolo(tmp_path / "d", SHOWS)
    found = listing(tmp_path, "yolo", {"data": str(path)}, classes=["dog"])
    assert told(found)["images/train/a"][1] == ("dog",) and told(found)["images/train/deep/c"][1] == ()
    with pytest.raises(
        InputError, match=r"dataset\.classes has 'dgo', which is not a class of .*; did you mean 'dog'"
    ):
        listing(tmp_path, "yolo", {"data": str(path)}, classes=["dgo"])


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/d/images/a.jpg", "/d/labels/a.txt"),
        ("images/train/a.b.png", "labels/train/a.b.txt"),
        ("/images/x/images/y/a.jpg", "/images/x/labels/y/a.txt"),
        ("/d/photos/a.jpg", "/d/photos/a.txt"),
        ("d/myimages/a.jpg", "d/myimages/a.txt"),
    ],
)
def test_the_text_file_of_an_image(image: str, label: str) -> None:
    assert label_file(image) == label


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("2 0.5 0.5 0.1 0.1\n", "has the class 2; .* names 0 to 1: correct one of them"),
        ("-1 0.5 0.5 0.1 0.1\n", "has the class -1"),
        ("cat 0.5 0.5 0.1 0.1\n", "line 1 is 'cat 0.5 0.5 0.1 0.1'; a class number and a box"),
        ("0 0.5\n", "line 1 is '0 0.5'"),
        ("0.5 0.5 0.5 0.1 0.1\n", "line 1 is"),
        (CAT + "0,0.5,0.5,0.1,0.1\n", "line 2 is"),
        ("\x00\x01\x02", "line 1 is"),
    ],
)
def test_wrong_lines_are_refused(tmp_path: Path, lines: str, part: str) -> None:
    path = yolo(tmp_path / "d", SHOWS | {"train/b": lines})
    with pytest.raises(InputError, match=part):
        listing(tmp_path, "yolo", {"data": str(path)})


def test_a_fault_of_many_files_is_one_sentence(tmp_path: Path) -> None:
    shows: dict[str, str | None] = {f"train/{k}": BOX.format(7) for k in range(9)} | {"val/d": DOG}
    with pytest.raises(InputError) as caught:
        listing(tmp_path, "yolo", {"data": str(yolo(tmp_path / "d", shows))})
    assert "The same of 8 others: 1.jpg, 2.jpg, 3.jpg and 5 more." in str(caught.value)


def test_no_text_file_at_all_is_refused(tmp_path: Path) -> None:
    path = yolo(tmp_path / "d", dict.fromkeys(SHOWS))
    with pytest.raises(
        InputError, match=r"none of the 6 images of .* has a text file of labels; .*labels/train/a\.txt"
    ):
        listing(tmp_path, "yolo", {"data": str(path)})
