"""Boxes on their way into a training crop, against numbers worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.detector.boxes import Boxed, read_boxes
from weakseg.detector.samples import BoxedImages, boxes_in_view
from weakseg.errors import InputError
from weakseg.proxy.boxes import coco
from weakseg.training.augment import Crops, View
from weakseg.training.settings import TrainingConfig

PLAIN = Crops(TrainingConfig(crop=64, scales=(1.0, 1.0), flip=False), (1, 2, 3))


def boxed(*boxes: list[float], size: tuple[int, int] = (40, 60)) -> Boxed:
    return Boxed(size, np.array(boxes, np.float32).reshape(-1, 4), np.arange(1, len(boxes) + 1))


def test_boxes_are_scaled_moved_and_mirrored() -> None:
    given = boxed([10, 20, 30, 40])
    seen, kept = boxes_in_view(given, View((120, 80), (-4, 8), False), 100)
    assert seen.tolist() == [[24, 32, 64, 72]]
    assert kept.tolist() == [True]
    mirrored, _ = boxes_in_view(given, View((120, 80), (-4, 8), True), 100)
    assert mirrored.tolist() == [[36, 32, 76, 72]]


def test_a_cut_box_stays_while_a_quarter_is_seen() -> None:
    given = boxed([0, 0, 20, 40], [28, 0, 60, 40], [10, 10, 20, 20])
    seen, kept = boxes_in_view(given, View((60, 40), (14, 0), False), 24)  # columns 14 to 38, rows 0 to 24
    assert kept.tolist() == [False, False, True]  # 6·24 of 20·40, 10·24 of 32·40, and 6 of 10 columns
    assert seen.tolist() == [[0, 10, 6, 20]]
    seen, kept = boxes_in_view(given, View((60, 40), (14, 0), False), 40)
    assert kept.tolist() == [True, True, True]
    assert seen[1].tolist() == [14, 0, 40, 40]


def test_a_box_below_a_pixel_is_left_out() -> None:
    assert not boxes_in_view(boxed([10, 10, 30, 12]), View((15, 10), (0, 0), False), 32)[1].any()


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Three images of 60×40: in the first the two boxes are red and green; in the others there is nothing."""
    found = []
    for name in ("a", "b", "c"):
        pixels = np.zeros((40, 60, 3), np.uint8)
        if name == "a":
            pixels[4:14, 6:26, 0] = 255
            pixels[20:40, 40:60, 1] = 255
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        found.append(Record(name, tmp_path / f"{name}.png", "train", ("cat",), None))
    return found


BOXES = {"a": boxed([6, 4, 26, 14], [40, 20, 60, 40]), "b": boxed(), "c": boxed([0, 0, 60, 40])}


@pytest.mark.parametrize("seed", range(6))
def test_the_crops_pixels_and_boxes_agree(records: list[Record], seed: int) -> None:
    samples = BoxedImages(records, BOXES, Crops(TrainingConfig(crop=64, scales=(0.5, 1.5)), (1, 2, 3)))
    given = samples.sample(0, np.random.default_rng(seed))
    assert given["image"].shape == (3, 64, 64)
    for box, label in zip(given["boxes"].numpy(), given["labels"].tolist(), strict=True):
        if label:
            rows, columns = np.nonzero(given["image"][label - 1].numpy() > 127)
            pixels = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box, pixels, atol=1)


def test_images_without_boxes_are_left_out_and_the_rest_is_padded(records: list[Record]) -> None:
    samples = BoxedImages(records, BOXES, PLAIN)
    assert [samples.name(item) for item in range(len(samples))] == ["a", "c"]
    a, c = (samples.sample(item, np.random.default_rng(0)) for item in (0, 1))
    assert a["labels"].tolist() == [1, 2]
    assert c["labels"].tolist() == [1, 0]
    assert c["boxes"][1].tolist() == [0, 0, 0, 0]
    assert a["boxes"].shape == c["boxes"].shape == (2, 4)
    assert {name: str(value.dtype) for name, value in a.items()} == {
        "image": "torch.uint8",
        "boxes": "torch.float32",
        "labels": "torch.int64",
    }


def test_images_whose_labels_name_no_class_are_background_as_a_whole(records: list[Record]) -> None:
    records[1] = replace(records[1], labels=())
    samples = BoxedImages(records, BOXES, PLAIN)
    assert [samples.name(item) for item in range(len(samples))] == ["a", "b", "c"]
    assert samples.sample(1, np.random.default_rng(0))["labels"].tolist() == [0, 0]
    with pytest.raises(InputError, match="no training image has a box"):
        BoxedImages(records[1:2], BOXES, PLAIN)


def test_no_boxes_at_all_is_refused(records: list[Record]) -> None:
    with pytest.raises(InputError, match=r"no training image has a box; .* lower detector\.least_region"):
        BoxedImages(records, {"a": boxed(), "other": BOXES["a"]}, PLAIN)


def test_boxes_of_another_size_are_refused(records: list[Record]) -> None:
    samples = BoxedImages(records, {"a": boxed([1, 1, 9, 9], size=(60, 40))}, PLAIN)
    with pytest.raises(InputError, match="are of 40×60 pixels, the image has 60×40"):
        samples.sample(0, np.random.default_rng(0))


def write(path: Path, change: dict[str, Any] | None = None) -> Path:
    regions = [(2, (3, 2, 9, 6), 32), (1, (20, 10, 10, 8), 80)]
    content = coco(["cat", "dog"], [("x/a", "a.jpg", (20, 30), regions), ("b", "b.jpg", (4, 5), [])])
    path.write_text(json.dumps(content | (change or {})), encoding="utf-8")
    return path


def test_what_proxy_boxes_writes_is_read(tmp_path: Path) -> None:
    found = read_boxes(write(tmp_path / "boxes.json"), ["cat", "dog"])
    assert set(found) == {"x/a", "b"}
    assert found["x/a"].boxes.tolist() == [[3, 2, 12, 8], [20, 10, 30, 18]]
    assert found["x/a"].labels.tolist() == [2, 1]
    assert (found["b"].size, found["b"].boxes.shape, found["b"].labels.dtype) == ((4, 5), (0, 4), np.int64)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": [{"id": 1}]}, "is not the JSON of 'weakseg proxy boxes'"),
        ({"images": []}, "is not the JSON of 'weakseg proxy boxes'"),
        ({"categories": [{"id": 1, "name": "cat"}]}, "is not the JSON of 'weakseg proxy boxes'"),
        (
            {"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "cow"}]},
            r"classes \['cat', 'cow'\], the index has \['cat', 'dog'\]",
        ),
    ],
)
def test_boxes_that_are_wrong(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_boxes(write(tmp_path / "boxes.json", change), ["cat", "dog"])


def test_boxes_that_are_missing_or_no_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_boxes(tmp_path / "none.json", ["cat"])
    (tmp_path / "boxes.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError, match="run that command again"):
        read_boxes(tmp_path / "boxes.json", ["cat"])
