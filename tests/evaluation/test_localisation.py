"""Boxes from maps and from the truth, and the localisation scores, against numbers worked out by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.boxes import box_source
from weakseg.evaluation.localisation import Case, boxes_at, largest_region, localise, overlap

XML = """<annotation><object><name>cat</name><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>7.0</xmax><ymax>5</ymax></bndbox>
</object><object><name>sofa</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def index(tmp_path: Path) -> Index:
    mask = np.zeros((10, 12), np.uint8)
    mask[1:5, 2:7] = 1
    mask[5, 7] = 1  # touches by a corner: the same region
    mask[8:, 0:3] = 1
    mask[0, 11] = 2
    Image.fromarray(mask).save(tmp_path / "mask.png")
    record = Record("a", tmp_path / "a.jpg", "train", ("cat", "dog"), tmp_path / "mask.png")
    return Index((record,), ("cat", "dog"), (0, 1, 2))


def test_boxes_from_masks(index: Index) -> None:
    boxes = box_source(index, "masks")(index.records[0])
    assert boxes == {"cat": [(2, 1, 8, 6), (0, 8, 3, 10)], "dog": [(11, 0, 12, 1)]}


def test_boxes_from_annotations(index: Index, tmp_path: Path) -> None:
    (tmp_path / "xml").mkdir()
    source = box_source(index, str(tmp_path / "xml"))
    assert source(index.records[0]) is None
    (tmp_path / "xml" / "a.xml").write_text(XML)
    assert source(index.records[0]) == {"cat": [(2, 1, 7, 5)]}  # VOC counts from 1, both ends included
    swelling = '<!DOCTYPE a [<!ENTITY b "bbbb">]>'
    for text in (XML.replace("<xmin>3", "<xmin>three"), XML.replace("<xmin>3", "<xmin>inf"), swelling + XML):
        (tmp_path / "xml" / "a.xml").write_text(text)
        with pytest.raises(InputError, match="cannot be read"):
            source(index.records[0])


def test_boxes_from_a_table(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("id,class,left,top,right,bottom\na,cat,2,1,7,5\na,cat,0,8,3,10\n")
    assert box_source(index, str(path))(index.records[0]) == {"cat": [(2, 1, 7, 5), (0, 8, 3, 10)]}
    for row, sentence in (
        ("a,sofa,2,1,7,5", "line 2 names the class 'sofa'"),
        ("a,cat,7,1,2,5", "without area"),
        ("a,cat,x,1,2,5", "is not a number"),
        ("a,cat,inf,1,2,5", "is not a number"),
    ):
        path.write_text(f"id,class,left,top,right,bottom\n{row}\n")
        with pytest.raises(InputError, match=sentence):
            box_source(index, str(path))
    path.write_text("id,box\n")
    with pytest.raises(InputError, match="columns id, box"):
        box_source(index, str(path))
    with pytest.raises(InputError, match="'boxes'"):
        box_source(index, "boxes")


def test_largest_region_by_hand() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[0, 0:5] = 1  # five pixels, wide
    mask[4:6, 5:8] = 1  # six pixels
    mask[6, 4] = 1  # and a seventh at its corner
    assert largest_region(mask) == (4, 4, 8, 7)
    assert largest_region(np.zeros((8, 8), np.uint8)) == (0, 0, 0, 0)


def test_largest_region_against_contours() -> None:
    """wsolevaluation takes the contour of the largest area; on solid blobs both find the same box."""
    random = np.random.default_rng(0)
    for _ in range(50):
        mask = np.zeros((60, 80), np.uint8)
        for _ in range(3):
            y, x, h, w = (int(v) for v in random.integers([0, 0, 6, 6], [40, 60, 20, 20]))
            mask[y : y + h, x : x + w] = 1
        contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        areas = sorted(((cv2.contourArea(c), cv2.boundingRect(c)) for c in contours), reverse=True)
        if len(areas) > 1 and areas[0][0] < 1.3 * areas[1][0]:
            continue  # contours measure between pixel centres: near ties may fall otherwise
        x, y, w, h = areas[0][1]
        assert largest_region(mask) == (x, y, x + w, y + h)


def test_overlap_by_hand() -> None:
    assert overlap((0, 0, 4, 2), (2, 0, 6, 2)) == pytest.approx(4 / 12)
    assert overlap((0, 0, 4, 2), (4, 0, 6, 2)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_box_of_a_map_is_in_the_images_pixels() -> None:
    values = np.zeros((448, 896), np.float32)
    values[112:224, 448:672] = 0.8
    (box,) = boxes_at(values, (448, 896), [0.5])
    assert np.abs(np.array(box) - (448, 112, 672, 224)).max() <= 4  # thresholded at a quarter of the size
    assert boxes_at(values, (448, 896), [0.99])[0] == box  # shares of the map's own maximum


def test_boxes_of_many_thresholds_are_those_of_each_alone() -> None:
    generator = np.random.default_rng(0)
    thresholds = [0.05 * number for number in range(20)]
    for side in (5, 9):
        values = generator.random((side, side), np.float32)
        alone = [boxes_at(values, (60, 80), [threshold])[0] for threshold in thresholds]
        assert boxes_at(values, (60, 80), thresholds) == alone
    assert boxes_at(np.zeros((4, 4), np.float32), (60, 80), [0.0, 0.5]) == [(0, 0, 0, 0)] * 2


def case(width: int, ranking: list[str] | None, wanted: str = "cat") -> Case:
    """A map that is 1 on 10 columns of 100 and 0.5 on `width` columns; the object has 40."""
    values = np.zeros((100, 100), np.float32)
    values[:, :width], values[:, :10] = 0.5, 1.0
    return Case((100, 100), {wanted: values}, {wanted: [(0, 0, 40, 100)]}, ranking)


def test_scores_by_hand() -> None:
    names = ["cat", "dog", "a", "b", "c", "d"]
    cases = [
        case(40, names),  # below 0.5 the box is exact, above it a quarter
        case(32, ["dog", "cat", *names[2:]]),  # 0.8
        case(20, names),  # 0.5
        case(16, [*names[1:], "cat"]),  # 0.4, and the class is sixth
    ]
    found = localise("train", cases)
    assert found.cases == 4
    assert found.threshold == 0.0
    assert found.gt_known == 0.75
    assert found.max_box_acc == {"0.3": 1.0, "0.5": 0.75, "0.7": 0.5}
    assert found.mean_max_box_acc == pytest.approx(0.75)
    assert found.top1_error == 0.5  # the first and third are right in both
    assert found.top5_error == 0.25


def test_best_threshold_is_found() -> None:
    values = np.full((100, 100), 0.3, np.float32)
    values[:, :40] = 1.0
    found = localise("train", [Case((100, 100), {"cat": values}, {"cat": [(0, 0, 40, 100)]}, None)])
    assert found.threshold == pytest.approx(0.3)  # strictly above 0.3: the object alone
    assert found.gt_known == 1.0
    assert found.top1_error is None


def test_an_image_without_boxes_of_its_class_is_no_case() -> None:
    found = localise("val", [Case((10, 10), {"cat": np.ones((2, 2), np.float32)}, {}, None)])
    assert (found.cases, found.gt_known) == (0, None)
