"""Training images without any of the classes: what the segmenter learns from them, and how often."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.segmenter.relabel import relabel
from weakseg.segmenter.samples import LabelledPixels
from weakseg.training.augment import Crops
from weakseg.training.sampling import PositionedSamples
from weakseg.training.settings import TrainingConfig

CROPS = Crops(TrainingConfig(crop=32, scales=(1.0, 1.0)), (0, 0, 0))


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Ten images of 32×32, of which the last two show a crack."""
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")
    labels = [()] * 8 + [("crack",)] * 2
    return [Record(str(n), tmp_path / "x.png", "train", names, None) for n, names in enumerate(labels)]


def labels_of(record: Record) -> np.ndarray:
    return np.full((32, 32), 1 if record.labels else 0, np.uint8)


def shown(records: list[Record], share: float | None, batches: int = 10) -> np.ndarray:
    """Number of negatives in each batch of four."""
    samples = PositionedSamples(LabelledPixels(records, labels_of, CROPS, share), 0, 4)
    targets = [bool((samples[position]["labels"] == 0).all()) for position in range(4 * batches)]
    return np.array(targets).reshape(batches, 4).sum(axis=1)


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.25, 1), (0.0, 0)])
def test_their_share_of_a_batch_is_as_set(records: list[Record], share: float, count: int) -> None:
    assert shown(records, share).tolist() == [count] * 10


def test_they_come_as_often_as_they_are_without_a_share(records: list[Record]) -> None:
    assert shown(records, None).sum() == 32  # of 40; four epochs of ten images


@pytest.mark.parametrize("chosen", [slice(0, 8), slice(8, 10)])
def test_a_share_needs_images_of_both_kinds(records: list[Record], chosen: slice) -> None:
    assert {*shown(records[chosen], 0.5).tolist()} == ({4} if chosen.start == 0 else {0})


def test_they_do_not_hide_that_nothing_else_is_decided(records: list[Record]) -> None:
    def read(record: Record) -> np.ndarray:
        return np.full((32, 32), 255 if record.labels else 0, np.uint8)

    with pytest.raises(InputError, match="not one pixel of the 2 label maps is decided"):
        LabelledPixels(records, read, CROPS)


def test_they_stay_background_in_the_next_round() -> None:
    scores = np.log(np.stack([np.full((2, 2), 0.01), np.full((2, 2), 0.99)]))
    image = np.zeros((16, 16, 3), np.uint8)
    assert not relabel(image, scores, [], stride=8, crf=None, confidence=0.9).any()
