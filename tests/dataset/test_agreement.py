"""Masks that do not say what the labels say: counted, told in one line, or refused where they cannot be right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import read_index
from weakseg.errors import InputError

NAMES = ("cat", "dog")


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Six images 64×48, cats and dogs in turn, the last two for validation; masks with a block of 1 or 2."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    rows = ["image,labels,split"]
    for number in range(6):
        Image.new("RGB", (64, 48)).save(tmp_path / "images" / f"im{number:02}.jpg")
        mask = np.zeros((48, 64), np.uint8)
        mask[10:34, 6:40] = number % 2 + 1
        Image.fromarray(mask).save(tmp_path / "masks" / f"im{number:02}.png")
        rows.append(f"im{number:02}.jpg,{NAMES[number % 2]},{'train' if number < 4 else 'val'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def run(data: Path, **changes: Any) -> Result:
    """`weakseg dataset index` of the table."""
    table = {"images": str(data / "images"), "labels": str(data / "labels.csv"), "masks": str(data / "masks")}
    settings: dict[str, Any] = {"source": "table", "classes": [*NAMES], "table": table}
    settings["table"] |= changes.pop("table", {})
    (data / "dataset.json").write_text(json.dumps(settings | changes))
    return CliRunner().invoke(
        weakseg, ["dataset", "index", "--config", str(data / "dataset.json"), "--out", str(data / "out")]
    )


def change(data: Path, alter: Callable[[np.ndarray], np.ndarray], names: str = "*.png") -> None:
    """Replace the values of masks."""
    for path in (data / "masks").glob(names):
        Image.fromarray(alter(np.array(Image.open(path), int)).astype(np.uint8)).save(path)


def rename(data: Path, new: Callable[[Path], str]) -> None:
    for path in [*(data / "masks").iterdir()]:
        path.rename(path.with_name(new(path)))


def as_tiff(data: Path) -> None:
    for path in [*(data / "masks").iterdir()]:
        Image.open(path).save(path.with_suffix(".tif"))
        path.unlink()


def refused(result: Result, *parts: str) -> str:
    assert isinstance(result.exception, InputError), result.output
    text = str(result.exception)
    assert "\n" not in text
    assert text[-1] in ".?"
    assert [part for part in parts if part not in text] == [], text
    return text


HALVED = (32, 24)

CANNOT_BE_RIGHT: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "binary_0_255": (
        lambda data: change(data, lambda mask: 255 * (mask > 0)),
        (
            "6 of 6 masks hold only 0 and 255 (im00",
            "they tell objects from background, not which class",
            "0 background, 1 cat, 2 dog",
            "set dataset.table.masks to null",
        ),
    ),
    "order_swapped": (
        lambda data: change(data, np.array([0, 2, 1]).take),
        (
            "6 of 6 masks show none of the classes that their labels name (im00: labelled cat, holds 0, 2;",
            "they would agree if 0 meant background, 1 dog, 2 cat",
            "correct that order",
        ),
    ),
    "instance_ids": (
        lambda data: change(data, lambda mask: mask > 0),
        (
            "3 of 6 masks show none of the classes that their labels name (im01: labelled dog, holds 0, 1;",
            "they number objects, not classes",
        ),
    ),
    "first_class_is_0": (
        lambda data: change(data, lambda mask: (mask - 1) % 256),
        ("6 of 6 masks show none", "they would agree if 0 meant cat, 1 dog, 255 background"),
    ),
    "named_x_mask": (
        lambda data: rename(data, lambda path: f"{path.stem}_mask.png"),
        (
            "none of the 6 images has a mask in dataset.table.masks",
            "it holds 6 files: im00_mask.png, im01_mask.png, im02_mask.png and 3 more",
            "masks are PNGs named like the images, im00.png, and im00_mask.png is there: rename",
        ),
    ),
    "tif_masks": (
        as_tiff,
        (
            "it holds 6 files: im00.tif, im01.tif",
            "masks are PNGs named like the images, im00.png, and im00.tif is there: rename or convert",
        ),
    ),
    "empty_folder": (
        lambda data: [path.unlink() for path in (data / "masks").iterdir()],
        ("none of the 6 images has a mask", "it holds 0 files"),
    ),
    "all_255": (
        lambda data: change(data, lambda mask: 0 * mask + 255),
        ("6 of 6 masks hold only 255 (im00", "which is not scored"),
    ),
    "all_0": (
        lambda data: change(data, lambda mask: 0 * mask),
        ("6 of 6 masks show none of the classes", "im00: labelled cat, holds 0"),
    ),
    "grey_of_colours": (
        lambda data: change(data, np.array([0, 75, 113]).take),
        (
            "holds the index 75 (6 of 6 masks hold such values); 0…2 or 255 was expected",
            "agree with the labels if 0 meant background, 75 cat, 113 dog",
            "dataset.table.all_classes",
        ),
    ),
    "interpolated_edges_to_255": (
        lambda data: change(
            data,
            lambda mask: cv2.resize(
                cv2.resize(np.where(mask > 0, 255, 0).astype(np.uint8), HALVED),
                (64, 48),
                interpolation=cv2.INTER_LINEAR,
            ),
        ),
        ("these values are seams between others, as interpolation makes them", "nearest neighbour"),
    ),
}


@pytest.mark.parametrize("variant", CANNOT_BE_RIGHT)
def test_masks_that_cannot_be_right_are_refused(shapes: Path, variant: str) -> None:
    alter, parts = CANNOT_BE_RIGHT[variant]
    alter(shapes)
    refused(run(shapes), *parts)
    assert not (shapes / "out" / "index.csv").exists()


def test_a_misspelt_folder_is_refused_with_its_neighbour(shapes: Path) -> None:
    refused(
        run(shapes, table={"masks": str(shapes / "mask")}),
        f"dataset.table.masks is {shapes / 'mask'}, which does not exist",
        f"did you mean {shapes / 'masks'}?",
    )
    refused(run(shapes, table={"masks": str(shapes / "labels.csv")}), "labels.csv, which is not a folder")


def test_objects_numbered_beyond_the_classes(shapes: Path) -> None:
    def numbered(mask: np.ndarray) -> np.ndarray:
        mask = (mask > 0).astype(int)
        mask[40:44, 50:60], mask[40:44, 2:8] = 2, 3
        return mask

    change(shapes, numbered, "im0[0-3].png")
    change(shapes, lambda mask: mask > 0, "im0[45].png")
    refused(
        run(shapes), "holds the index 3 (4 of 6", "seem to number the objects of each image", "1 cat, 2 dog"
    )


SETS = (
    *((1, 2), (2,), (1, 3), (3,), (1, 2, 3), (2, 3), (1,), (2, 4), (4,)),
    *((1, 4), (3, 4), (2,), (2,), (1,), (1, 2), (2,), (1,)),
)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Seventeen images of one to three of four classes a, b, c, d, each a block of its mask."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    rows = ["image,labels,split"]
    for number, values in enumerate(SETS):
        Image.new("RGB", (40, 40)).save(tmp_path / "images" / f"{number}.jpg")
        mask = np.zeros((40, 40), np.uint8)
        for place, value in enumerate(values):
            mask[2 + 12 * place : 10 + 12 * place, 4:30] = value
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
        rows.append(
            f"{number},{'|'.join(' abcd'[value] for value in values)},{'val' if number > 8 else 'train'}"
        )
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ([0, 3, 1, 2, 4], "0 meant background, 1 b, 2 c, 3 a, 4 d"),
        ([4, 0, 1, 2, 3], "0 meant a, 1 b, 2 c, 3 d, 4 background"),
        ([255, 0, 1, 2, 3], "0 meant a, 1 b, 2 c, 3 d, 255 background"),
    ],
)
def test_other_numbers_are_refused_where_masks_show_several_classes(
    several: Path, values: list[int], meant: str
) -> None:
    change(several, np.array(values).take)
    refused(run(several, classes=[*"abcd"]), "of 17 masks ", f"they would agree if {meant}; ")


def test_other_numbers_are_seen_among_classes_that_are_not_chosen(several: Path) -> None:
    change(several, np.array([0, 3, 1, 2, 4]).take)
    text = (several / "labels.csv").read_text()
    (several / "labels.csv").write_text(text.replace("8,d,train\n", ""))
    result = run(several, classes=[*"abc"], table={"all_classes": [*"abcd"]})
    refused(result, "they would agree if 0 meant background, 1 b, 2 c, 3 a; ")


def test_two_rare_classes_that_are_swapped_are_told(several: Path) -> None:
    change(several, np.array([0, 1, 2, 4, 3]).take)
    lines = run(several, classes=[*"abcd"]).output.splitlines()
    assert lines[3].startswith("7 of 17 masks do not show what the labels say: 7 show no pixel")
    assert lines[3].endswith("; they would agree if 0 meant background, 1 a, 2 b, 3 d, 4 c")


def test_interpolated_masks_are_told(shapes: Path) -> None:
    change(shapes, lambda mask: cv2.resize(cv2.resize(mask.astype(np.uint8), HALVED), (64, 48)))
    lines = run(shapes).output.splitlines()
    assert lines[2] == "6 of 6 masks found"
    assert lines[3].startswith(
        "3 of 6 masks do not show what the labels say: 3 show a class that their labels do not name "
        "(im01: cat, im03: cat, im05: cat)"
    )
    assert "in 3 these are seams between other values, as interpolation makes them" in lines[3]
    assert len(lines) == 4


def test_a_few_contradictions_are_one_line(shapes: Path) -> None:
    change(shapes, lambda mask: 0 * mask, "im00.png")
    change(shapes, lambda mask: np.where(np.arange(64) < 12, 3 * (mask > 0) - mask, mask), "im03.png")
    lines = run(shapes).output.splitlines()
    assert lines[3:] == [
        "2 of 6 masks do not show what the labels say: 1 show no pixel of a class that their labels name "
        "(im00: cat), 1 show a class that their labels do not name (im03: cat)"
    ]


def test_of_one_class_masks_of_0_and_255_are_read(shapes: Path) -> None:
    (shapes / "labels.csv").write_text(
        "image,labels,split\n"
        + "".join(f"im{n:02}.jpg,cat,{'val' if n > 3 else 'train'}\n" for n in range(5))
    )
    change(shapes, lambda mask: 255 * (mask > 0))
    result = run(shapes, classes=["cat"])
    assert "5 of 5 masks hold only 0 and 255: 255 is read as cat" in result.output.splitlines()
    index = read_index(shapes / "out" / "index.csv", shapes / "out" / "classes.csv")
    mask = index.read_mask(index.records[0])
    assert np.array_equal(np.unique(mask), [0, 1])
    assert mask.sum() == 24 * 34


def test_of_one_class_255_beside_1_stays_undecided(shapes: Path) -> None:
    (shapes / "labels.csv").write_text("image,labels,split\nim00,cat,train\nim02,cat,val\n")
    change(shapes, lambda mask: np.where(np.arange(64) < 10, 255 * mask, mask), "im0[02].png")
    result = run(shapes, classes=["cat"])
    assert "is read as" not in result.output
    assert "0,background,0\n1,cat,1\n" in (shapes / "out" / "classes.csv").read_text()


def test_salient_masks_of_0_and_255_are_refused(shapes: Path) -> None:
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace("im02.jpg,cat,train", "im02.jpg,,saliency"))
    change(shapes, lambda mask: 255 * (mask > 0), "im02.png")
    refused(run(shapes), "1 of 1 masks of the split saliency hold only 0 and 255", "write 1")


def test_masks_found_are_counted_by_split(shapes: Path) -> None:
    for number in (0, 1, 2, 4):
        (shapes / "masks" / f"im{number:02}.png").unlink()
    assert run(shapes).output.splitlines()[2] == (
        "2 of 6 masks found (train 1 of 4, val 1 of 2); without one, and not scored: im00, im01, im02 and 1 more"
    )
    assert "no masks: nothing is scored" in run(shapes, table={"masks": None}).output.splitlines()


def test_masks_in_capitals_and_in_other_accents_are_found(shapes: Path) -> None:
    (shapes / "masks" / "im00.png").rename(shapes / "masks" / "im00.PNG")
    (shapes / "images" / "im01.jpg").rename(shapes / "images" / "K\u00e4fer.jpg")
    (shapes / "masks" / "im01.png").rename(shapes / "masks" / "Ka\u0308fer.png")
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace("im01", "K\u00e4fer"), encoding="utf-8")
    assert "6 of 6 masks found" in run(shapes).output


def test_a_mask_on_its_side_is_said_to_be_so(shapes: Path) -> None:
    change(shapes, np.transpose)
    result = run(shapes)
    first, line, last = str(result.exception).splitlines()  # one sentence for all six
    assert first.startswith("6 of 6 images cannot be used")
    assert "its sides are swapped, as where EXIF turns the image alone" in line
    assert line.endswith("The same of 5 others: im01, im02, im03 and 2 more.")
    assert last.startswith("Mend them, drop their rows, or set dataset.bad_images to skip")


def test_masks_in_colours_are_one_sentence_with_the_number_of_colours(shapes: Path) -> None:
    for path in (shapes / "masks").iterdir():
        colours = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)[np.array(Image.open(path))]
        Image.fromarray(colours).save(path)
    first, line, _ = str(run(shapes).exception).splitlines()
    assert first == "6 of 6 images cannot be used:"
    assert line.startswith(
        "  6 images (im00, im01, im02 and 3 more) have masks in colours (RGB, 2 colours in "
    )
    assert "one class index per pixel was expected: write the number of its class for each colour" in line
