"""A hundred label maps out and back, in every format."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from label_maps import CLASSES, class_iou, decided, label_map, wide_map
from weakseg.formats import FORMATS, READ
from weakseg.formats.regions import numbered, paint

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools

MAPS = {f"holiday {seed % 3}/{seed:03}": label_map(seed) for seed in range(100)}
WIDE = {f"{seed:03}": wide_map(seed) for seed in range(100)}
POLYGONS = [name for name, form in FORMATS.items() if not form.is_exact]
Make = Callable[[Mapping[str, np.ndarray]], Any]


def test_the_maps_hold_what_is_hard() -> None:
    found = [*MAPS.values()]
    assert {int(label) for labels in found for label in np.unique(labels)} == {0, 1, 2, 3, 4, 255}
    holes = [numbered(labels == 0)[0] for labels in found]  # parts of the background
    assert sum(count > 1 for count in holes) > 50
    assert max(numbered(labels == label)[0] for labels in found for label in (1, 2, 3)) > 100


@pytest.mark.parametrize("form", [name for name in READ if FORMATS[name].is_exact])
def test_rasters_come_back_pixel_for_pixel(exchange: Make, form: str) -> None:
    back = exchange(MAPS).back(form)
    assert back.keys() == MAPS.keys()
    for name, labels in MAPS.items():
        expected = labels if FORMATS[form].keeps_undecided else decided(labels)
        assert np.array_equal(back[name], expected), name


@pytest.mark.parametrize("form", [name for name in READ if name in POLYGONS])
def test_polygons_with_every_corner_come_back_pixel_for_pixel(exchange: Make, form: str) -> None:
    back = exchange(MAPS).back(form, tolerance=0)
    for name, labels in MAPS.items():
        assert np.array_equal(back[name], decided(labels)), name


@pytest.mark.parametrize("form", [name for name in READ if name in POLYGONS])
def test_simplified_polygons_keep_wide_regions_and_their_holes(exchange: Make, form: str) -> None:
    made = exchange(WIDE)
    back = made.back(form, tolerance=0.5)
    worst = min(min(class_iou(labels, back[name]).values()) for name, labels in WIDE.items())
    assert worst >= 0.99


@pytest.mark.parametrize("form", [name for name in READ if name in POLYGONS])
def test_half_a_pixel_moves_few_pixels_of_anything(exchange: Make, form: str) -> None:
    """Only a pixel whose centre lies on a line may change sides."""
    back = exchange(MAPS).back(form, tolerance=0.5)
    changed = sum(int((back[name] != decided(labels)).sum()) for name, labels in MAPS.items())
    assert changed / sum(labels.size for labels in MAPS.values()) < 0.005


def test_cocos_own_reader_sees_the_same(exchange: Make) -> None:
    made = exchange(MAPS)
    written = made.write("coco")
    coco = COCO(str(made.out("coco")))
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == CLASSES
    assert len(coco.anns) == written.regions
    for image in coco.loadImgs(coco.getImgIds()):
        labels = MAPS[image["file_name"].removesuffix(".png")]
        assert (image["height"], image["width"]) == labels.shape
        found = np.zeros(labels.shape, np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            mask = coco.annToMask(annotation).astype(bool)
            assert numbered(mask)[0] == 1
            assert annotation["area"] == mask.sum()
            rows, columns = np.nonzero(mask)
            left, top, width, height = annotation["bbox"]
            assert (columns.min(), rows.min()) == (left, top)
            assert (columns.max() + 1, rows.max() + 1) == (left + width, top + height)
            assert not found[mask].any()
            found[mask] = annotation["category_id"]
        assert np.array_equal(found, decided(labels))


def test_geojson_holds_every_region_with_its_holes(exchange: Make) -> None:
    made = exchange(MAPS)
    made.write("geojson", tolerance=0)
    for name, labels in MAPS.items():
        content = json.loads((made.out("geojson") / f"{name}.geojson").read_text(encoding="utf-8"))
        found = np.zeros(labels.shape, np.uint8)
        for feature in content["features"]:
            rings = [np.array(ring) for ring in feature["geometry"]["coordinates"]]
            assert all((ring[0] == ring[-1]).all() for ring in rings)
            label = feature["properties"]["label"]
            assert feature["properties"]["classification"]["name"] == CLASSES[label - 1]
            paint(found, [ring[:-1] for ring in rings], label)
        assert np.array_equal(found, decided(labels)), name


def test_label_studios_run_lengths_hold_every_pixel(exchange: Make) -> None:
    made = exchange(MAPS)
    made.write("label-studio")
    tasks = json.loads((made.out("label-studio") / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == len(MAPS)
    for task, (name, labels) in zip(tasks, MAPS.items(), strict=True):
        assert task["data"]["image"] == "/data/local-files/?d=" + name.replace(" ", "%20") + ".png"
        found = np.zeros(labels.shape, np.uint8)
        for result in task["predictions"][0]["result"]:
            assert (result["original_height"], result["original_width"]) == labels.shape
            pixels = _unpacked(result["value"]["rle"]).reshape(*labels.shape, 4)
            assert ((pixels == 0) | (pixels == 255)).all()
            assert (pixels == pixels[..., :1]).all()
            (class_name,) = result["value"]["brushlabels"]
            found[pixels[..., 0] == 255] = CLASSES.index(class_name) + 1
        assert np.array_equal(found, decided(labels)), name
    interface = (made.out("label-studio") / "interface.xml").read_text(encoding="utf-8")
    assert all(f'value="{name}"' in interface for name in CLASSES)


def _unpacked(content: list[int]) -> np.ndarray:
    """Values of rle-pack, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in content)
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    length, width = take(32), take(5) + 1
    lengths = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < length:
        repeated, count = take(1), take(lengths[take(2)]) + 1
        values += [take(width)] * count if repeated else [take(width) for _ in range(count)]
    assert len(values) == length
    return np.array(values, np.uint8)


def test_long_runs_are_cut_into_pieces() -> None:
    from weakseg.formats.label_studio import run_lengths

    for mask in (np.ones((300, 400), bool), np.zeros((1, 1), bool), np.eye(600, 5, dtype=bool)):
        found = _unpacked(run_lengths(mask).tolist()).reshape(*mask.shape, 4)
        assert np.array_equal(found[..., 3] == 255, mask)


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_lost_is_said(exchange: Make, form: str) -> None:
    made = exchange(MAPS)
    written = made.write(form)
    assert written.images == len(MAPS)
    undecided = [int((labels == 255).sum()) for labels in MAPS.values()]
    lines = written.lines()
    if FORMATS[form].keeps_undecided:
        assert lines == []
    else:
        counted = f"{sum(undecided):,} undecided pixels (they are background there)"
        assert lines == [f"lost: {counted}, in {np.count_nonzero(undecided)} images"]


@pytest.mark.parametrize("form", FORMATS)
def test_equal_label_maps_give_equal_files(exchange: Make, form: str) -> None:
    made = exchange({name: labels for name, labels in MAPS.items() if name < "holiday 0/020"})
    contents = []
    for _ in range(2):
        made.write(form)
        out = made.out(form)
        files = [out] if out.is_file() else sorted(file for file in out.rglob("*") if file.is_file())
        contents.append([(file.relative_to(out.parent), file.read_bytes()) for file in files])
        out.rename(out.with_name(f"earlier-{len(contents)}"))
    assert contents[0] == contents[1]
    assert contents[0]
