"""PASCAL VOC layout: image-level labels from annotations, splits from lists, masks for scoring."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexed import index_voc
from weakseg.dataset.check import refuse_bad_images
from weakseg.dataset.index import Index
from weakseg.dataset.sources.voc import CLASSES
from weakseg.errors import InputError
from weakseg.storage.labels import write_labels

OBJECTS = {
    "2007_000001": [("dog", 0), ("person", 1)],
    "2007_000002": [("person", 0), ("aeroplane", 0), ("person", 1)],
    "2007_000003": [("tvmonitor", 0)],
    "2007_000004": [("cat", 1)],
    "2008_000005": [("dog", 0)],
    "2008_000006": [("cat", 0)],
}
LISTS = {
    "train": ["2007_000001", "2007_000002", "2007_000003", "2007_000004"],
    "val": ["2008_000005", "2008_000006"],
}


def annotation(objects: list[tuple[str, int]]) -> str:
    items = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><part><name>head</name></part></object>"
        for name, difficult in objects
    )
    return f"<annotation><folder>VOC2012</folder>{items}</annotation>"


def write_list(root: Path, name: str, ids: list[str]) -> None:
    (root / "ImageSets" / "Segmentation" / f"{name}.txt").write_text("".join(f"{item}\n" for item in ids))


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Six images in VOC's layout, 20×16 pixels, without SBD."""
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Segmentation", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
    for name, objects in OBJECTS.items():
        Image.new("RGB", (20, 16), (90, 120, 30)).save(root / "JPEGImages" / f"{name}.jpg")
        (root / "Annotations" / f"{name}.xml").write_text(annotation(objects))
        mask = np.zeros((16, 20), np.uint8)
        mask[4:8] = CLASSES.index(objects[0][0]) + 1
        mask[8] = 255
        write_labels(root / "SegmentationClass" / f"{name}.png", mask)
    for name, ids in LISTS.items():
        write_list(root, name, ids)
    return root


def index(
    root: Path,
    *classes: str,
    train: str = "train",
    val: str = "val",
    skip: bool = True,
    unlabelled: str = "negative",
) -> Index:
    found = index_voc(root, classes or CLASSES, train, val, skip_difficult=skip, unlabelled=unlabelled)
    refuse_bad_images(found, "stop", root / "bad_images.csv")
    return found


def refuses(root: Path, *parts: str, classes: tuple[str, ...] = (), train: str = "train") -> None:
    with pytest.raises(InputError) as caught:
        index(root, *classes, train=train)
    assert ("\n" in str(caught.value)) == ("cannot be used" in str(caught.value))
    for part in parts:
        assert part in str(caught.value)


def test_labels_splits_and_masks(voc: Path) -> None:
    found = index(voc)
    assert [record.id for record in found.split("train")] == LISTS["train"][:3]
    assert [record.id for record in found.split("val")] == LISTS["val"]
    assert [record.labels for record in found.records] == [
        ("dog",),
        ("aeroplane", "person"),
        ("tvmonitor",),
        ("dog",),
        ("cat",),
    ]
    assert found.classes == CLASSES
    assert found.mask_values == tuple(range(21))
    assert found.records[0].image == voc / "JPEGImages" / "2007_000001.jpg"
    mask = found.read_mask(found.records[2])
    assert mask.shape == (16, 20)
    assert np.unique(mask).tolist() == [0, 20, 255]


def test_difficult_objects_count_when_asked(voc: Path) -> None:
    found = index(voc, skip=False)
    assert found.records[0].labels == ("dog", "person")
    assert [record.id for record in found.split("train")] == LISTS[
        "train"
    ]  # 2007_000004 shows a difficult cat


def test_images_of_other_classes_are_negatives_and_difficult_ones_of_these_are_left_out(voc: Path) -> None:
    found = index(voc, "person")  # of which 2007_000001 shows a difficult one
    assert [(record.id, record.labels) for record in found.split("train")] == [
        ("2007_000002", ("person",)),
        ("2007_000003", ()),
        ("2007_000004", ()),
    ]
    assert found.notes[1] == (
        "training images whose objects of the classes are all marked difficult, left out: 1"
    )


def test_class_subset_leaves_out_other_training_images_if_asked_but_scores_all_validation_images(
    voc: Path,
) -> None:
    found = index(voc, "person", "dog", unlabelled="leave_out")
    assert [record.id for record in found.split("train")] == ["2007_000001", "2007_000002"]
    assert [record.labels for record in found.split("val")] == [("dog",), ()]
    assert found.mask_values == (0, 15, 12)
    assert np.unique(found.read_mask(found.split("val")[0])).tolist() == [0, 2, 255]
    assert np.unique(found.read_mask(found.split("val")[1])).tolist() == [0, 255]  # cat is not scored


def test_training_masks_are_optional_validation_masks_are_not(voc: Path) -> None:
    (voc / "SegmentationClass" / "2007_000002.png").unlink()
    assert [record.id for record in index(voc).records if record.mask is None] == ["2007_000002"]
    (voc / "SegmentationClass" / "2008_000006.png").unlink()
    refuses(voc, "SegmentationClass/2008_000006.png is missing", "every validation image")


@pytest.mark.parametrize("spelling", ["train_aug", "trainaug"])
def test_train_aug_takes_its_masks_from_sbd(voc: Path, spelling: str) -> None:
    write_list(voc, spelling, LISTS["train"])
    (voc / "SegmentationClassAug").mkdir()
    grey = np.full((16, 20), 12, np.uint8)
    Image.fromarray(grey).save(voc / "SegmentationClassAug" / "2007_000001.png")  # SBD's are often grey
    found = index(voc, train="train_aug")
    assert found.records[0].mask == voc / "SegmentationClassAug" / "2007_000001.png"
    assert found.records[1].mask is None
    assert found.split("val")[0].mask == voc / "SegmentationClass" / "2008_000005.png"
    assert np.unique(found.read_mask(found.records[0])).tolist() == [12]


def test_train_aug_says_what_to_put_where(voc: Path) -> None:
    refuses(voc, str(voc / "SegmentationClassAug"), "put SBD's masks there", train="train_aug")
    (voc / "SegmentationClassAug").mkdir()
    refuses(voc, "put train_aug.txt or trainaug.txt", "ImageSets/Segmentation", train="train_aug")


@pytest.mark.parametrize("split", ["train_aug", "train"])
def test_no_validation_image_is_trained_on(voc: Path, split: str) -> None:
    (voc / "SegmentationClassAug").mkdir()
    write_list(voc, split, [*LISTS["train"], "2008_000006"])
    refuses(voc, f"1 ids of {voc}", f"{split}.txt", "'2008_000006'", "val.txt", train=split)


@pytest.mark.parametrize("folder", ["JPEGImages", "Annotations", "ImageSets", "SegmentationClass"])
def test_missing_folder(voc: Path, folder: str) -> None:
    (voc / folder).rename(voc / "elsewhere")
    refuses(voc, f"has no {folder}/", "dataset.voc.root", "dataset.voc.download")


def test_missing_list(voc: Path) -> None:
    refuses(voc, "the list of the split trainval is missing", "trainval.txt", train="trainval")


@pytest.mark.parametrize(
    "line", ["/JPEGImages/2007_000001.jpg /SegmentationClassAug/2007_000001.png", "../x", "2007_000001 1"]
)
def test_list_of_more_than_ids(voc: Path, line: str) -> None:
    write_list(voc, "train", [line])
    refuses(voc, repr(line), "one bare image id")


def test_id_twice_in_a_list(voc: Path) -> None:
    write_list(voc, "train", ["2007_000001", "2007_000002", "2007_000001"])
    refuses(voc, "'2007_000001' occurs twice")


def test_empty_list(voc: Path) -> None:
    write_list(voc, "train", [])
    refuses(voc, "no image is in the split 'train'")


def test_unknown_class_of_the_config(voc: Path) -> None:
    refuses(voc, "'hores', which is not a VOC class", "did you mean 'horse'?", classes=("hores",))


def test_class_that_no_training_image_shows(voc: Path) -> None:
    with pytest.raises(InputError, match="no image is in the split 'train'"):
        index(voc, "sofa", unlabelled="leave_out")


def test_unknown_object_name(voc: Path) -> None:
    (voc / "Annotations" / "2007_000002.xml").write_text(annotation([("persn", 0)]))
    refuses(voc, "2007_000002.xml", "'persn'", "did you mean 'person'?")


def test_missing_annotation(voc: Path) -> None:
    (voc / "Annotations" / "2007_000002.xml").unlink()
    refuses(voc, "2007_000002.xml is missing")


@pytest.mark.parametrize("content", [b"<annotation><object>", b"", b"\xff\xfe<", b"<a>\0</a>"])
def test_damaged_annotation(voc: Path, content: bytes) -> None:
    (voc / "Annotations" / "2007_000002.xml").write_bytes(content)
    refuses(voc, "2007_000002.xml cannot be read as XML")


def test_annotation_without_object(voc: Path) -> None:
    (voc / "Annotations" / "2007_000002.xml").write_text(annotation([]))
    refuses(voc, "2007_000002.xml has no object")


def test_entities_are_refused_before_they_swell(voc: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "dog"><!ENTITY y "&x;&x;">]>' + annotation([("&y;", 0)])
    path = voc / "Annotations" / "2007_000002.xml"
    path.write_text(bomb)
    refuses(voc, "2007_000002.xml has a DOCTYPE")
    path.write_bytes(('<?xml version="1.0" encoding="utf-16"?>' + bomb).encode("utf-16"))
    refuses(voc, "2007_000002.xml cannot be read as XML")


def test_missing_image(voc: Path) -> None:
    (voc / "JPEGImages" / "2007_000002.jpg").unlink()
    refuses(voc, "2007_000002.jpg is missing")


def test_mask_index_that_is_no_voc_class(voc: Path) -> None:
    write_labels(voc / "SegmentationClass" / "2007_000002.png", np.full((16, 20), 21, np.uint8))
    refuses(voc, "2007_000002.png holds the index 21", "0…20 or 255")


# ------------------------------------------------------------------------------- what masks and annotations say


def test_masks_are_counted_and_difficult_objects_are_no_contradiction(voc: Path) -> None:
    """In 2007_000001 a difficult person, in 2007_000002 no aeroplane: one line for the second alone."""
    mask = np.zeros((16, 20), np.uint8)
    mask[4:8], mask[9:12] = CLASSES.index("dog") + 1, CLASSES.index("person") + 1
    write_labels(voc / "SegmentationClass" / "2007_000001.png", mask)
    (voc / "SegmentationClass" / "2007_000003.png").unlink()
    assert index(voc).notes == (
        "4 of 5 masks found (train 2 of 3, val 2 of 2); without one, and not scored: 2007_000003",
        "training images whose objects of the classes are all marked difficult, left out: 1",
        "1 of 4 masks do not show what the labels say: 1 show no pixel of a class that their labels name "
        "(2007_000002: aeroplane)",
    )


def test_masks_of_other_names_are_one_sentence(voc: Path) -> None:
    for path in [*(voc / "SegmentationClass").iterdir()]:
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    refuses(
        voc,
        "SegmentationClass/2008_000005.png is missing, as are those of 2008_000006",
        "SegmentationClass holds 6 files: 2007_000001_mask.png, ",
    )


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({0: 0, 1: 255}, "5 of 5 masks hold only 0 and 255 (2007_000001"),
        ({0: 255, 1: 255}, "5 of 5 masks hold only 255 (2007_000001"),
        (
            {0: 0, 1: 9},
            "5 of 5 masks show none of the classes that their labels name (2007_000001: labelled dog",
        ),
    ],
)
def test_masks_that_cannot_be_right(voc: Path, values: dict[int, int], part: str) -> None:
    for path in (voc / "SegmentationClass").iterdir():
        mask = np.full((16, 20), values[0], np.uint8)
        mask[4:8] = values[1]
        write_labels(path, mask)
    refuses(voc, part, "0 background, 1 aeroplane, 2 bicycle", "write the masks so.")
