"""Scores of a detector's boxes against numbers worked out by hand, and the floor of random boxes."""

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.boxes import box_source
from weakseg.evaluation.detection import detection_line, random_boxes, read_results, score_detector

CLASSES = ("cat", "dog", "owl")
TRUE = {1: [(1, [10, 10, 40, 20]), (2, [60, 30, 30, 40])], 2: [(1, [20, 5, 50, 60])]}
"""Image → class, and left, top, width and height; the third image has none, and no mask tells of the fourth."""


@pytest.fixture
def index(tmp_path: Path) -> Index:
    records = []
    for number in (1, 2, 3, 4):
        mask = np.zeros((80, 100), np.uint8)
        for label, (left, top, width, height) in TRUE.get(number, []):
            mask[top : top + height, left : left + width] = label
        if number == 3:
            mask[:3, :3] = 1  # a crumb, 0.1 % of the image
        Image.fromarray(mask).save(tmp_path / f"{number}.png")
        path = tmp_path / f"{number}.png"
        records.append(Record(str(number), path, "val", CLASSES, path if number < 4 else None))
    return Index(tuple(records), CLASSES, (0, 1, 2, 3))


def results(tmp_path: Path, *items: tuple[int, int, list[float], float]) -> list[Path]:
    """Files of boxes: image, class, box and score; one file per item, as shards are."""
    paths = []
    for number, (image, label, box, score) in enumerate(items):
        paths.append(tmp_path / f"shard-{number}.json")
        row = {"image_id": image, "category_id": label, "bbox": box, "score": score}
        paths[-1].write_text(json.dumps([row]), encoding="utf-8")
    return paths


def perfect() -> list[tuple[int, int, list[float], float]]:
    return [
        (image, label, [float(side) for side in box], 0.9)
        for image, boxes in TRUE.items()
        for label, box in boxes
    ]


def test_small_regions_count_as_far_down_as_boxes_are_made_of_them(index: Index, tmp_path: Path) -> None:
    crumb = (3, 1, [0.0, 0.0, 3.0, 3.0], 0.9)
    files = results(tmp_path, *perfect(), crumb)
    assert score_detector(index, "val", files, "masks")["true_boxes"] == 3
    found = score_detector(index, "val", files, "masks", least=0.001)
    assert (found["true_boxes"], found["map"]) == (4, 1.0)


def test_perfect_boxes_have_a_precision_of_one(index: Index, tmp_path: Path) -> None:
    found = score_detector(index, "val", results(tmp_path, *perfect()), "masks")
    assert (found["images"], found["unscored"], found["boxes"], found["true_boxes"]) == (3, 1, 3, 3)
    assert found["map"] == found["map50"] == found["map75"] == pytest.approx(1)
    assert found["per_class"] == {"cat": pytest.approx(1), "dog": pytest.approx(1), "owl": None}
    assert found["random"]["map"] < 0.2
    assert detection_line(found).startswith(
        "detector: mAP 1.0000 (1.0000 at an overlap of 0.5), random boxes 0."
    )


def test_shifted_boxes_by_hand(index: Index, tmp_path: Path) -> None:
    """The dog is moved by 8 of 40 pixels: it overlaps by 32 / 48, right at 0.50 to 0.65, 4 of 10 overlaps."""
    given = [perfect()[0], (1, 2, [60, 38, 30, 40], 0.9), perfect()[2]]
    found = score_detector(index, "val", results(tmp_path, *given), "masks")
    assert found["per_class"]["dog"] == pytest.approx(0.4)
    assert found["map"] == pytest.approx((1 + 0.4) / 2)
    assert found["map50"] == pytest.approx(1)
    assert found["map75"] == pytest.approx(0.5)


def test_a_surer_wrong_box_by_hand(index: Index, tmp_path: Path) -> None:
    """Before the only right dog stands a wrong one: precision 1/2 at every recall. A missed cat: 51 of 101 recalls."""
    given = [perfect()[0], perfect()[1], (3, 2, [0, 0, 50, 50], 0.95)]
    found = score_detector(index, "val", results(tmp_path, *given), "masks")
    assert found["per_class"]["dog"] == pytest.approx(0.5)
    assert found["per_class"]["cat"] == pytest.approx(51 / 101)


def test_another_class_is_wrong_and_nothing_found_is_zero(index: Index, tmp_path: Path) -> None:
    given = [(image, 3 if label == 2 else label, box, score) for image, label, box, score in perfect()]
    found = score_detector(index, "val", results(tmp_path, *given), "masks")
    assert found["per_class"] == {"cat": pytest.approx(1), "dog": 0, "owl": None}
    nothing = score_detector(index, "val", [], "masks")
    assert (nothing["map"], nothing["boxes"]) == (0, 0)


def test_without_truth_there_is_no_score(index: Index, tmp_path: Path) -> None:
    (tmp_path / "xml").mkdir()
    found = score_detector(index, "val", results(tmp_path, *perfect()), str(tmp_path / "xml"))
    assert (found["images"], found["unscored"], found["map"], found["random"]["map50"]) == (0, 4, None, None)
    assert "mAP –" in detection_line(found)


def test_truth_from_a_table_counts_its_images_alone(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("id,class,left,top,right,bottom\n2,cat,20,5,70,65\n")
    found = score_detector(index, "val", results(tmp_path, *perfect()), str(path))
    assert (found["images"], found["true_boxes"], found["map"]) == (1, 1, pytest.approx(1))


def test_crumbs_of_a_mask_are_no_objects(index: Index) -> None:
    assert box_source(index, "masks")(index.records[2]) == {"cat": [(0, 0, 3, 3)]}
    assert box_source(index, "masks", least=0.005)(index.records[2]) == {}


def test_random_boxes_lie_in_the_image_and_come_from_the_seed() -> None:
    found, again = (random_boxes(np.random.default_rng(3), (50, 200), 500, 4) for _ in range(2))
    assert np.array_equal(found.boxes, again.boxes)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.boxes >= 0).all()
    assert found.boxes[:, [0, 2]].max() > 190
    assert (found.boxes <= [200, 50, 200, 50]).all()
    assert set(found.labels) == {1, 2, 3, 4}
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]).mean(axis=0) / 2
    assert np.abs(centres - [100, 25]).max() < 8
    assert len(random_boxes(np.random.default_rng(0), (5, 5), 0, 4).labels) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[", "cannot be read"),
        ('{"annotations": []}', "cannot be read"),
        ('[{"image_id": 1}]', "cannot be read"),
        (
            '[{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]',
            "image 9 and class 1; 1…4 and 1…3",
        ),
        ('[{"image_id": 1, "category_id": 0, "bbox": [0, 0, 1, 1], "score": 1}]', "image 1 and class 0"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "boxes.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_results([tmp_path / "boxes.json"], images=4, classes=3)


def test_without_the_extra_it_says_what_to_install(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def lacking(name: str, *more: Any) -> Any:
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(InputError, match=r"pip install -e '\.\[detector\]' in weakseg's checkout"):
        score_detector(index, "val", [], "masks")


def test_the_command(index: Index, tmp_path: Path) -> None:
    write_index(tmp_path / "dataset", index)
    (tmp_path / "evaluation.json").write_text("{}", encoding="utf-8")
    files = results(tmp_path, *perfect())
    arguments = ["evaluate", "detector", "--config", tmp_path / "evaluation.json", "--split", "val"]
    arguments += [
        "--index",
        tmp_path / "dataset" / "index.csv",
        "--classes",
        tmp_path / "dataset" / "classes.csv",
    ]
    arguments += ["--boxes", *files, "--out", tmp_path / "detector.json"]
    done = CliRunner().invoke(weakseg, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "on 3 val images with 3 true boxes" in done.output
    assert json.loads((tmp_path / "detector.json").read_text(encoding="utf-8"))["map"] == 1.0
