"""Corrections from other tools: what is taken, what changes nothing, and what people decided."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exchange_files import GOOD, SIZE, Exported, coco, write_json
from weakseg.errors import InputError
from weakseg.formats import READ
from weakseg.storage.labels import read_classes, voc_palette, write_labels
from weakseg.storage.review import decided, read_review

TRAIN = [f"train/{number}" for number in range(5)]


def undecided(exported: Exported) -> None:
    """Undecided pixels in every refined proxy, some of them at a class."""
    for name in TRAIN:
        labels = exported.refined(name)
        labels[:, 12:16] = 255
        write_labels(exported.run / "proxy" / "refined" / f"{name}.png", labels)


def repaint(exported: Exported, path: Path, name: str) -> None:
    """A square of dog in the PNG of an unpacked CVAT export, as a person would paint it."""
    file = path / "SegmentationClass" / f"{name}.png"
    with Image.open(file) as image:
        pixels = np.array(image.convert("RGB"))
    pixels[10:20, 10:20] = voc_palette()[2]
    Image.fromarray(pixels).save(file)


def unpacked(path: Path) -> Path:
    import shutil

    folder = path.with_suffix("")
    shutil.unpack_archive(path, folder)
    return folder


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("tolerance", [0, 0.4])
def test_an_unchanged_export_changes_no_byte(exported: Exported, form: str, tolerance: float) -> None:
    undecided(exported)
    suffix = {"coco": ".json", "cvat": ".zip"}.get(form, "")
    path = exported.export(form, f"out{suffix}", "--tolerance", tolerance)
    for _ in range(2):
        said = exported.take(path, form)
        assert said == f"corrected label maps in {exported.run}/review: 0 new, 0 changed, 5 unchanged\n"
        assert not (exported.run / "review").exists()


@pytest.mark.parametrize("form", READ)
def test_a_correction_is_taken_once(exported: Exported, form: str) -> None:
    undecided(exported)
    labels = exported.refined(GOOD)
    labels[3:14, 2:12] = 2
    write_labels(exported.run / "review" / "corrected" / f"{GOOD}.png", labels, ["cat", "dog"])
    suffix = {"coco": ".json", "cvat": ".zip"}.get(form, "")
    path = exported.export(form, f"out{suffix}", "--tolerance", 0)
    (exported.run / "review" / "corrected" / f"{GOOD}.png").unlink()
    said = exported.take(path, form)
    assert said.splitlines()[-1].endswith("1 new, 0 changed, 4 unchanged")
    assert said.startswith(f"{GOOD}  new  ")
    assert exported.corrected().keys() == {GOOD}
    assert np.array_equal(exported.corrected()[GOOD], labels)
    assert read_classes(exported.run / "review" / "corrected" / f"{GOOD}.png") == ["cat", "dog"]
    before = exported.state()
    assert exported.take(path, form).endswith("0 new, 0 changed, 5 unchanged\n")
    assert exported.state() == before


def test_cvat_and_back_as_a_person_would(exported: Exported) -> None:
    undecided(exported)
    folder = unpacked(exported.export("cvat", "task.zip"))
    repaint(exported, folder, "train/2")
    said = exported.take(folder, "cvat")
    assert said.splitlines()[-1].endswith("1 new, 0 changed, 4 unchanged")
    expected = exported.refined("train/2")
    expected[10:20, 10:20] = 2
    assert np.array_equal(exported.corrected()["train/2"], expected)
    repaint(exported, folder, "train/1")
    with Image.open(folder / "SegmentationClass" / "train" / "2.png") as image:
        pixels = np.array(image)
    pixels[:] = 0
    Image.fromarray(pixels).save(folder / "SegmentationClass" / "train" / "2.png")
    said = exported.take(folder, "cvat")
    assert said.splitlines()[-1].endswith("1 new, 1 changed, 3 unchanged")
    assert "train/2  changed" in said
    assert "no class is left" in said


def test_undecided_pixels_that_nobody_painted_stay_or_become_background(exported: Exported) -> None:
    undecided(exported)
    path = exported.export("coco", "out.json")
    said = exported.take(path, "coco", "--undecided", "background")
    assert said.splitlines()[-1].endswith("5 new, 0 changed, 0 unchanged")
    for name in TRAIN:
        labels = exported.refined(name)
        assert np.array_equal(exported.corrected()[name], np.where(labels == 255, 0, labels))


def test_remarks_about_what_looks_odd(exported: Exported) -> None:
    content = coco()
    content["annotations"][0]["category_id"] = 2
    content["annotations"][1] |= {"segmentation": [[30, 5, 50, 5, 50, 15, 30, 15]]}
    content["images"][1]["file_name"] = "val/6.jpg"
    said = exported.take(write_json(exported.root / "c.json", content), "coco")
    one, other, last = said.splitlines()
    assert one.startswith("train/0  new")
    assert "of the pixels; shows dog, which its labels do not name" in one
    assert other.startswith("val/6    new")
    assert other.endswith(
        "not a training image: changes no training; 1 polygons reach beyond the image and were cut off"
    )
    assert last.endswith("2 new, 0 changed, 0 unchanged")
    assert (exported.corrected()["val/6"][5:15, 30:] == 1).all()


def test_only_corrected_training_images_train_again(exported: Exported) -> None:
    review, index = exported.run / "review", exported.run / "dataset" / "index.csv"
    content = coco()
    content["images"][0]["file_name"] = "val/5.png"
    content["images"][1]["file_name"] = "val/6.png"
    exported.take(write_json(exported.root / "c.json", content), "coco")
    assert decided(review, index) == ""
    exported.take(write_json(exported.root / "c.json", coco()), "coco")
    before = decided(review, index)
    assert before
    exported.take(exported.root / "c.json", "coco")
    assert decided(review, index) == before


def test_names_without_folders_or_with_others_find_their_images(exported: Exported) -> None:
    content = coco(images_file_name="6.tif")
    content["images"][0]["file_name"] = "upload\\train\\0.jpeg"
    exported.take(write_json(exported.root / "c.json", content), "coco")
    assert exported.corrected().keys() == {"train/0", "val/6"}
    content["images"][0]["file_name"] = "val/0.png"
    with pytest.raises(
        InputError, match=r"'val/0\.png' is not an image of the run \(8 images, such as 'train/0'\)"
    ):
        exported.take(write_json(exported.root / "c.json", content), "coco")


def test_a_link_that_leads_out_is_not_followed(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (exported.run / "review" / "corrected").mkdir(parents=True)
    (exported.run / "review" / "corrected" / "train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        exported.take(write_json(exported.root / "c.json", coco()), "coco")
    assert not list((tmp_path / "elsewhere").iterdir())


# ---------------------------------------------------------------------------------------------- decisions


def test_lists_of_accepted_and_rejected_images(exported: Exported) -> None:
    folder = exported.run / "review"
    exported.root.mkdir()
    names = exported.root / "names.csv"
    names.write_text("image,who\ntrain/1.jpg,me\n2.png,me\n\n", encoding="utf-8")
    assert exported.take(names, "list", "--as", "rejected") == f"rejected: 2 new, 0 as before, in {folder}\n"
    assert read_review(folder).rejected == {"train/1", "train/2"}
    names.write_text("train/2\ntrain/3\n", encoding="utf-8")
    exported.take(names, "list", "--as", "accepted")
    assert read_review(folder).accepted == {"train/2", "train/3"}
    assert read_review(folder).rejected == {"train/1"}
    before = exported.state()
    assert exported.take(names, "list", "--as", "accepted") == f"accepted: 0 new, 2 as before, in {folder}\n"
    assert exported.state() == before
    said = exported.invoke("review", "list", exported.run).output
    assert said.splitlines()[-1] == "2 accepted, 1 rejected, 0 flagged, 0 corrected"
    assert "rejected  train/1" in said


def test_the_images_of_an_export_are_accepted(exported: Exported) -> None:
    path = exported.export("cvat", "task.zip")
    assert exported.take(path, "cvat", "--as", "accepted").startswith("accepted: 5 new")
    assert read_review(exported.run / "review").accepted == {*TRAIN}
    assert exported.corrected() == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"train/1\ncow\n", r"nothing was taken of .*'cow' is not an image of the run.*1 of its 2 images"),
        (b"", "names no image"),
        (b"id\n", "names no image"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_taken_changes_nothing(
    exported: Exported, content: bytes | None, said: str
) -> None:
    exported.root.mkdir()
    if content is not None:
        (exported.root / "names.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        exported.take(exported.root / "names.csv", "list", "--as", "rejected")
    assert not (exported.run / "review").exists()


def test_labelmes_flags_are_decisions(exported: Exported) -> None:
    folder = exported.export("labelme", "out")
    flags = {name: json.loads((folder / f"{name}.json").read_text())["flags"] for name in TRAIN}
    assert {*map(str, flags.values())} == {"{'accepted': False, 'rejected': False, 'flagged': False}"}
    for name, flag in ((TRAIN[0], "accepted"), (TRAIN[1], "rejected"), (TRAIN[2], "flagged")):
        content = json.loads((folder / f"{name}.json").read_text())
        content["flags"][flag] = True
        (folder / f"{name}.json").write_text(json.dumps(content))
    assert exported.take(folder, "labelme").endswith("5 unchanged; decisions about 3 changed\n")
    found = read_review(exported.run / "review")
    assert (found.accepted, found.rejected, found.flagged) == ({TRAIN[0]}, {TRAIN[1]}, {TRAIN[2]})
    before = exported.state()
    again = exported.export("labelme", "again")
    assert json.loads((again / f"{TRAIN[1]}.json").read_text())["flags"]["rejected"] is True
    assert exported.take(again, "labelme").endswith("5 unchanged\n")
    assert exported.state() == before


def test_labelmes_other_shapes(exported: Exported) -> None:
    shapes = [
        {"label": "cat", "shape_type": "rectangle", "points": [[2, 3], [10, 9]]},
        {"label": "dog", "shape_type": "rectangle", "points": [[20, 3], [30, 3], [30, 9], [20, 9]]},
        {"label": "__ignore__", "shape_type": "circle", "points": [[20, 20], [25, 20]]},
        {"label": "_background_", "shape_type": "polygon", "points": [[4, 5], [6, 5], [6, 7], [4, 7]]},
    ]
    content = {"shapes": shapes, "imageHeight": 30, "imageWidth": 40}
    exported.take(write_json(exported.root / "l" / f"{GOOD}.json", content).parents[1], "labelme")
    expected = np.zeros(SIZE, np.uint8)
    expected[3:9, 2:10], expected[3:9, 20:30], expected[5:7, 4:6] = 1, 2, 0
    found = exported.corrected()[GOOD]
    assert np.array_equal(np.where(found == 255, 0, found), expected)
    rows, columns = np.nonzero(found == 255)
    assert abs((found == 255).sum() - np.pi * 25) < 4
    assert abs(rows.mean() + 0.5 - 20) < 0.01
    assert abs(columns.mean() + 0.5 - 20) < 0.01
