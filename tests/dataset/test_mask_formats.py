"""Masks as other tools write them: what is drawn of them, when it is drawn again, and what is refused."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import foreign
from foreign import listing, picture
from weakseg.dataset.files import read_files, write_files
from weakseg.dataset.index import write_index, write_masks
from weakseg.dataset.indexing import CheckedData, check_data, plan
from weakseg.dataset.mask_formats import FORMATS
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.survey import Origin, write_origin
from weakseg.errors import InputError
from weakseg.settings.reading import parse
from weakseg.storage.labels import read_labels, write_labels

SIDE = 40


def settings(source: str, section: dict[str, Any], **masks: Any) -> DatasetConfig:
    name = masks.pop("format")
    values = {"format": name, name: masks} if masks else {"format": name}
    return parse(DatasetConfig, {"source": source, source: section, "masks": values}, "config.yaml")


def checked(folder: Path, chosen: DatasetConfig) -> CheckedData:
    return check_data(chosen, folder / "run")


def drawn(data: CheckedData) -> dict[str, np.ndarray]:
    return {
        record.id: data.index.read_mask(record) for record in data.index.records if record.mask is not None
    }


@pytest.fixture
def shapes(tmp_path: Path) -> dict[str, np.ndarray]:
    """Ten images in class folders, and the truth of each: a disc or a square, some pixels not scored."""
    truths = {}
    for number in range(10):
        name = f"{('disc', 'square')[number % 2]}/{number}"
        picture(tmp_path / f"images/{name}.jpg", (SIDE, SIDE))
        truth = np.zeros((SIDE, SIDE), np.uint8)
        if number % 2:
            truth[10:30, 5 : 20 + number] = 2
        else:
            cv2.circle(truth, (20, 20), 8 + number, 1, -1)
        truth[0, :5] = 255
        truths[name] = truth
    return truths


def saved(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def same(found: dict[str, np.ndarray], truths: dict[str, np.ndarray]) -> None:
    assert found.keys() == truths.keys()
    for name, truth in truths.items():
        np.testing.assert_array_equal(found[name], truth, err_msg=name)


@pytest.mark.parametrize("place", ["masks/{}.png", "masks/deep/../{}.png"])
def test_indices_are_taken_as_they_are(tmp_path: Path, shapes: dict[str, np.ndarray], place: str) -> None:
    for name, truth in shapes.items():
        write_labels(tmp_path / f"masks/{name}.png", truth)
    chosen = settings(
        "folders", {"images": str(tmp_path / "images")}, format="indices", folder=str(tmp_path / "masks")
    )
    data = checked(tmp_path, chosen)
    same(drawn(data), shapes)
    assert not (tmp_path / "run/masks").exists()
    assert "10 of 10 masks found" in data.index.notes


def test_indices_beside_each_other_and_in_another_order(
    tmp_path: Path, shapes: dict[str, np.ndarray]
) -> None:
    lookup = np.zeros(256, np.uint8)
    lookup[[0, 1, 2, 255]] = [0, 3, 1, 255]
    for name, truth in shapes.items():
        write_labels(tmp_path / f"masks/{name.partition('/')[2]}.png", lookup[truth])
    chosen = settings(
        "folders",
        {"images": str(tmp_path / "images")},
        format="indices",
        folder=str(tmp_path / "masks"),
        all_classes=["square", "other", "disc"],
    )
    same(drawn(checked(tmp_path, chosen)), shapes)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours(tmp_path: Path, shapes: dict[str, np.ndarray], mode: str) -> None:
    table = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 200, 30), 255: (255, 255, 255)}
    for name, truth in shapes.items():
        pixels = np.zeros((*truth.shape, 3), np.uint8)
        for label, colour in table.items():
            pixels[truth == label] = colour
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels).convert(mode if mode != "P" else "RGB")
        if mode == "P":
            image = Image.fromarray(truth, "P")
            image.putpalette([part for label in range(256) for part in table.get(label, (1, 2, 3))])
        image.save(tmp_path / f"masks/{name}.png")
    values: dict[str, Any] = {
        "format": "colours",
        "folder": str(tmp_path / "masks"),
        "table": {"disc": [128, 0, 0], "square": [0, 200, 30]},
    }
    section = {"images": str(tmp_path / "images")}
    with pytest.raises(
        InputError, match=r"has the colours \[255, 255, 255\], and .*table names disc, square alone"
    ):
        checked(tmp_path, settings("folders", section, **values))
    same(drawn(checked(tmp_path, settings("folders", section, **values, others="undecided"))), shapes)


@pytest.mark.parametrize(("divisor", "bits"), [(1000, 16), (100, 16), (None, 8)])
def test_instances(tmp_path: Path, shapes: dict[str, np.ndarray], divisor: int | None, bits: int) -> None:
    for number, (name, truth) in enumerate(shapes.items()):
        pixels = truth.astype(np.uint16)
        objects = (truth > 0) & (truth < 255)
        pixels[objects] = (20 + truth[objects].astype(np.uint16)) * (divisor or 0) + number % 7 + 1
        saved(tmp_path / f"masks/{name}.png", pixels if bits == 16 else pixels.astype(np.uint8))
    values: dict[str, Any] = {"format": "instances", "folder": str(tmp_path / "masks"), "divisor": divisor}
    if divisor:
        values["classes_by_number"] = {"21": "disc", "22": "square"}
    same(
        drawn(checked(tmp_path, settings("folders", {"images": str(tmp_path / "images")}, **values))), shapes
    )


def _corners(truth: np.ndarray, label: int) -> list[np.ndarray]:
    """Outlines of a label at the edges of its pixels, four times enlarged so that corners are exact."""
    large = np.kron((truth == label).astype(np.uint8), np.ones((4, 4), np.uint8))
    found, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(outline[:, 0] + 0.5) / 4 for outline in found]


def _iou(found: np.ndarray, truth: np.ndarray, label: int) -> float:
    a, b = found == label, truth == label
    return float((a & b).sum() / (a | b).sum())


def _yolo(folder: Path) -> dict[str, np.ndarray]:
    """Eight images with a polygon each, and two without."""
    truths, shows = {}, {}
    for number in range(10):
        truth = np.zeros((48, 64), np.uint8)
        if number < 8:
            cv2.ellipse(truth, (20 + number, 24), (12, 8 + number), 20, 0, 360, 1 + number % 2, -1)
        name = f"{'train' if number % 5 else 'val'}/{number}"
        lines = ""
        for label in (1, 2):
            for corners in _corners(truth, label):
                shares = (corners / (64, 48)).ravel()
                lines += f"{label - 1} {' '.join(f'{share:.6f}' for share in shares)}\n"
        shows[name] = lines if number != 9 else None
        truths[f"images/{name}"] = truth
    foreign.yolo(folder, shows)
    for name in truths:
        picture(folder / f"{name}.jpg", (64, 48))
    return truths


def test_polygons_of_yolo(tmp_path: Path) -> None:
    truths = _yolo(tmp_path / "d")
    data = checked(tmp_path, settings("yolo", {"data": str(tmp_path / "d/data.yaml")}, format="yolo"))
    found = drawn(data)
    assert found.keys() == truths.keys()
    for name, truth in truths.items():
        if truth.any():
            assert _iou(found[name], truth, int(truth.max())) > 0.98
        assert found[name].any() == truth.any()


def test_boxes_of_yolo_are_no_masks(tmp_path: Path) -> None:
    path = foreign.yolo(tmp_path / "d", {"train/a": "0 0.5 0.5 0.1 0.1\n", "val/b": "1 0.5 0.5 0.1 0.1\n"})
    with pytest.raises(InputError, match="line 1 is a box; a polygon of three or more corners was expected"):
        checked(tmp_path, settings("yolo", {"data": str(path)}, format="yolo"))


def _coco(folder: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Twelve images; polygons, run lengths and coded run lengths in turn."""
    tools = pytest.importorskip("pycocotools.mask")
    truths, annotations = {}, []
    for number in range(12):
        picture(folder / f"images/{number}.jpg", (SIDE, SIDE))
        truth = np.zeros((SIDE, SIDE), np.uint8)
        label = 1 + number % 2
        cv2.rectangle(truth, (3, 4), (20 + number, 30), label, -1)
        coded = tools.encode(np.asfortranarray((truth == label).astype(np.uint8)))
        flat = truth.T.ravel() == label
        edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
        counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
        kinds: list[Any] = [
            [[3, 4, 21 + number, 4, 21 + number, 31, 3, 31]],
            {"size": [SIDE, SIDE], "counts": counts if sum(counts) == flat.size else counts[:-1]},
            {"size": [SIDE, SIDE], "counts": coded["counts"].decode()},
        ]
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": label,
                "area": int((truth == label).sum()),
                "iscrowd": 0,
                "segmentation": kinds[number % 3],
            }
            | changes
        )
        truths[str(number)] = truth
    images = [{"id": k, "file_name": f"{k}.jpg", "width": SIDE, "height": SIDE} for k in range(12)]
    held = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (folder / "a.json").write_text(json.dumps(held), encoding="utf-8")
    return {"train": str(folder / "a.json"), "train_images": str(folder / "images")}, truths


def test_polygons_and_run_lengths_of_coco(tmp_path: Path) -> None:
    section, truths = _coco(tmp_path)
    same(drawn(checked(tmp_path, settings("coco", section, format="coco"))), truths)


@pytest.mark.parametrize(
    ("segmentation", "part"),
    [
        ({"size": [9, 9], "counts": [81]}, r"run lengths of the size \[9, 9\]"),
        ({"size": [SIDE, SIDE], "counts": [1, 2, 3]}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE], "counts": [-5, SIDE * SIDE + 5]}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE], "counts": [10**12]}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE], "counts": "zzzzzzzz"}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE], "counts": "0PT1"}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE], "counts": "0P"}, "run lengths that do not fill"),
        ({"size": [SIDE, SIDE]}, "run lengths that do not fill"),
        ([["a", "b"]], "a.json"),
        ("text", "no segmentation"),
    ],
)
def test_odd_segmentations_are_one_sentence(tmp_path: Path, segmentation: Any, part: str) -> None:
    section, _ = _coco(tmp_path, segmentation=segmentation)
    with pytest.raises(InputError, match=part) as caught:
        checked(tmp_path, settings("coco", section, format="coco"))
    assert "\n" not in str(caught.value)


def test_polygons_outside_of_the_image_are_cut(tmp_path: Path) -> None:
    section, _ = _coco(tmp_path, segmentation=[[-1000, -1000, 5000, -1000, 5000, 5000, -1000, 5000]])
    found = drawn(checked(tmp_path, settings("coco", section, format="coco")))
    assert all((labels > 0).all() for labels in found.values())


def test_masks_are_drawn_once_and_again_where_their_file_changed(tmp_path: Path) -> None:
    _yolo(tmp_path / "d")
    chosen = settings("yolo", {"data": str(tmp_path / "d/data.yaml")}, format="yolo")
    out = tmp_path / "run"
    keys = plan(chosen, out)
    assert not out.exists()  # planning draws nothing
    data = checked(tmp_path, chosen)
    write_origin(out, "data", Origin(keys.data, data.data, data.index.largest))
    write_index(out, data.index, data.found)
    write_origin(out, "masks", Origin(keys.masks, data.masks))
    write_files(out, data.index.records, data.found)
    write_masks(out / "masks.csv", data.index, data.found)
    assert plan(chosen, out) == keys
    times = {path: path.stat().st_mtime_ns for path in (out / "masks").rglob("*.png")}
    assert len(times) == 10
    checked(tmp_path, chosen)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    changed = tmp_path / "d/labels/train/1.txt"
    changed.write_text("1 0.1 0.1 0.9 0.1 0.9 0.9\n", encoding="utf-8")
    after = plan(chosen, out)
    assert after.data == keys.data and after.masks != keys.masks
    checked(tmp_path, chosen)
    redrawn = [path for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert [path.relative_to(out / "masks").as_posix() for path in redrawn] == ["images/train/1.png"]
    assert read_labels(redrawn[0]).max() == 2
    assert read_files(out).rows["images/train/1"].mask is not None


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"format": "colors"}, "colours"),
        ({"format": "colours", "colours": {"table": {"cat": [1, 2]}}}, "table"),
        ({"format": "colours", "colours": {"table": {"cat": [1, 2, 256]}}}, "256"),
        ({"format": "instances", "instances": {"divisor": 1}}, "divisor"),
        (
            {"format": "indices", "indices": {"folder": "nowhere"}},
            "dataset.masks.indices.folder is nowhere, which",
        ),
    ],
)
def test_wrong_values_are_refused(
    tmp_path: Path, shapes: dict[str, np.ndarray], values: dict[str, Any], part: str
) -> None:
    with pytest.raises(InputError, match=part):
        listing(tmp_path, "folders", {"images": str(tmp_path / "images")}, masks=values)


def test_a_source_with_masks_of_its_own_takes_no_others(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"masks\.format is 'indices', but source 'table' has masks of its own"
    ):
        listing(tmp_path, "table", {"images": "i"}, classes=["a"], masks={"format": "indices"})


def test_every_format_is_declared() -> None:
    assert [FORMATS[name].name for name in FORMATS] == [*FORMATS]
    assert all(callable(FORMATS[name].maker()) for name in FORMATS)
