"""The montage: which images, which panels, which colours."""

from pathlib import Path

import numpy as np
from PIL import Image

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.evaluation.score import Score
from weakseg.report.figures.montage import (
    CAPTION,
    CELL,
    EMPTY,
    GAP,
    HEAD,
    MARGIN,
    TITLES,
    draw_montage,
    evenly,
)
from weakseg.report.figures.sources import Sources
from weakseg.report.summary import worst
from weakseg.storage.drawing import BACKGROUND_COLOUR, UNDECIDED_COLOUR, fit, overlay_heat, overlay_labels
from weakseg.storage.labels import voc_palette, write_labels


def records(count: int) -> list[Record]:
    return [Record(str(number), Path(f"{number}.png"), "val", ("cat",), None) for number in range(count)]


def test_samples_are_evenly_spaced() -> None:
    assert [record.id for record in evenly(records(11), 3)] == ["0", "5", "10"]
    assert [record.id for record in evenly(records(2), 6)] == ["0", "1"]
    assert evenly(records(3), 0) == evenly([], 3) == []


def test_worst_come_first_and_unscored_images_never() -> None:
    scores = {"0": 0.9, "1": None, "2": 0.1, "3": 0.5}
    score = Score("segmenter-crf", "val", 4, 0, 0.5, 0.5, 0.5, 0.0, {"cat": 0.5}, per_image=scores)
    index = Index(tuple(records(4)), ("cat",), (0, 1))
    assert [record.id for record in worst(index, score, 2)] == ["2", "3"]
    assert worst(index, None, 2) == []


def cell(picture: np.ndarray, column: int) -> np.ndarray:
    """The panel of the first row, square images."""
    top, left = HEAD + CAPTION, MARGIN + column * (CELL + GAP)
    return picture[top : top + CELL, left : left + CELL]


def test_panels_show_their_files_and_stay_empty_without(tmp_path: Path) -> None:
    grey = np.full((50, 50, 3), 100, np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    labels = np.zeros((50, 50), np.uint8)
    labels[:, 25:] = 1
    labels[:10] = 255
    write_labels(tmp_path / "fused/a.png", labels)
    record = Record("a", tmp_path / "a.png", "val", ("cat",), None)
    sources = Sources(fused=tmp_path / "fused", refined=tmp_path / "not there")
    draw_montage(Index((record,), ("cat",), (0, 1)), [record], sources, tmp_path / "out.png", "")
    with Image.open(tmp_path / "out.png") as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape[1] == 2 * MARGIN + len(TITLES) * (CELL + GAP) - GAP
    assert (cell(picture, TITLES.index("image")) == 100).all()
    for title in ("attention", "saliency", "refined proxy", "prediction", "truth"):
        assert (cell(picture, TITLES.index(title)) == EMPTY).all(), title
    fused = cell(picture, TITLES.index("fused proxy")).astype(int)
    red = 0.25 * 100 + 0.75 * voc_palette()[1].astype(int)
    assert np.abs(fused[150, 160] - red).max() <= 1
    assert np.abs(fused[150, 50] - (0.45 * 100 + 0.55 * np.array(BACKGROUND_COLOUR))).max() <= 1
    assert np.abs(fused[10, 50] - (0.15 * 100 + 0.85 * np.array(UNDECIDED_COLOUR))).max() <= 1


def test_regions_are_outlined_inside() -> None:
    labels = np.zeros((6, 6), np.uint8)
    labels[1:5, 1:5] = 7  # VOC's car: the grey that a grey photograph hides
    laid = overlay_labels(np.full((6, 6, 3), 128, np.uint8), labels)
    black = (laid == 0).all(axis=2)
    assert black.sum() == 12
    assert not black[2:4, 2:4].any()
    assert not black[0].any()


def test_heat_grows_with_attention() -> None:
    values = np.array([[0.0, 0.5, 1.0]])
    brightness = overlay_heat(np.full((30, 90, 3), 60, np.uint8), values).sum(axis=2)
    assert brightness[15, 5] < brightness[15, 45] < brightness[15, 85]


def test_fit_keeps_the_shape() -> None:
    assert fit(np.zeros((100, 50, 3), np.uint8), 20, 20).shape == (20, 10, 3)
    assert fit(np.zeros((10, 40, 3), np.uint8), 80, 80).shape == (20, 80, 3)
