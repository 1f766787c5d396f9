"""How often a segmenter sees the images whose label maps people drew."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from weakseg.config import Config
from weakseg.dataset.records import Record
from weakseg.segmenter.network import build
from weakseg.segmenter.samples import LabelledPixels
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.training.augment import Crops
from weakseg.training.checkpoint import load_checkpoint
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.sampling import PositionedSamples
from weakseg.training.settings import TrainingConfig

CROPS = Crops(TrainingConfig(crop=32, scales=(1.0, 1.0)), (0, 0, 0))


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Twelve images of 40×32: six of cats, six that show nothing."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)).save(path)
        found.append(Record(str(number), path, "train", ("cat",) * (number < 6), None))
    return found


def labels_of(record: Record) -> np.ndarray:
    labels = np.zeros((32, 40), np.uint8)
    labels[8:24, int(record.id) : 20] = len(record.labels)
    return labels


def shown(samples: LabelledPixels, ids: set[str], batches: int = 20) -> list[int]:
    """Number of the images in each batch of four."""
    names = PositionedSamples(samples, 0, 4).names(0, 4 * batches)
    return [sum(name in ids for name in names[4 * batch : 4 * batch + 4]) for batch in range(batches)]


@pytest.mark.parametrize(("share", "count"), [(0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4), (0.0, 0)])
def test_their_share_of_a_batch_is_as_set(records: list[Record], share: float, count: int) -> None:
    samples = LabelledPixels(records, labels_of, CROPS, None, {"0", "7"}, share)
    assert shown(samples, {"0", "7"}) == [count] * 20


def test_they_come_as_often_as_any_other_image_without_a_share(records: list[Record]) -> None:
    samples = LabelledPixels(records, labels_of, CROPS, None, {"0", "7"}, None)
    assert samples.portions == []
    assert sum(shown(samples, {"0", "7"}, 12)) == 8  # of four epochs


def test_corrected_images_and_other_negatives_have_their_shares(records: list[Record]) -> None:
    samples = LabelledPixels(records, labels_of, CROPS, 0.25, {"0", "7"}, 0.5)
    assert shown(samples, {"0", "7"}) == [2] * 20
    assert shown(samples, {"6", "8", "9", "10", "11"}) == [1] * 20
    assert shown(samples, {"1", "2", "3", "4", "5"}) == [1] * 20


@pytest.mark.parametrize("corrected", [set(), {str(number) for number in range(12)}])
def test_a_share_needs_images_of_both_kinds(records: list[Record], corrected: set[str]) -> None:
    samples = LabelledPixels(records, labels_of, CROPS, None, corrected, 0.5)
    assert samples.portions == []


def test_negatives_are_the_others_where_there_are_no_more(records: list[Record]) -> None:
    cats = {str(number) for number in range(6)}
    samples = LabelledPixels(records, labels_of, CROPS, 0.1, cats, 0.5)
    assert shown(samples, cats) == [2] * 20


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"corrected_share": 1.2}, "less than or equal to 1"),
        ({"corrected_share": True}, "should be a number"),
        ({"corrected_share": 0.6, "negatives": 0.5}, "more than a whole batch together"),
        ({"corrected_share": 0.5, "labels": "masks"}, "labels: masks, which corrections do not touch"),
    ],
)
def test_shares_that_cannot_be_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SegmenterConfig.model_validate(values)


def test_without_a_share_a_stage_is_told_nothing_new() -> None:
    """So finished runs are not trained again."""
    assert "corrected_share" not in Config().stages()["segmenter-train"]
    given = Config.model_validate({"segmenter": {"corrected_share": 0.5}}).stages()["segmenter-train"]
    assert json.loads(json.dumps(given))["corrected_share"] == 0.5
    assert SegmenterConfig(corrected_share=0.5).identity() != SegmenterConfig().identity()


class Cut(Exception):
    """The kill."""


def test_a_killed_training_goes_on_bit_for_bit(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = {"architecture": "vgg_small", "weights": "none"}
    training = {
        "iterations": 8,
        "batch_size": 4,
        "crop": 32,
        "checkpoint_every": 4,
        "workers": 0,
        "learning_rate": 0.01,
    }
    settings = SegmenterConfig.model_validate(
        {"backbone": backbone, "training": training, "corrected_share": 0.5, "negatives": 0.25}
    )
    read = LabelledPixels.sample

    def trained(name: str, kill_after: int | None = None) -> torch.nn.Module:
        seen: list[int] = []

        def sample(
            self: LabelledPixels, item: int, generator: np.random.Generator
        ) -> dict[str, torch.Tensor]:
            seen.append(item)
            if len(seen) == kill_after:
                raise Cut
            return read(self, item, generator)

        monkeypatch.setattr(LabelledPixels, "sample", sample)
        torch.manual_seed(0)
        network = build(settings, 1)
        crops = Crops(settings.training, (0, 0, 0))
        samples = LabelledPixels(
            records, labels_of, crops, settings.negatives, {"0", "7"}, settings.corrected_share
        )
        start = partial(
            fit, launch(settings.training), network, samples, tmp_path / name, "m", settings.training
        )
        if kill_after is not None:
            with pytest.raises(Cut):
                start()
            saved = load_checkpoint(tmp_path / name, "m")
            assert saved is not None
            assert saved["iteration"] == 4
        else:
            start()
        return network

    whole = trained("whole").state_dict()
    trained("killed", kill_after=25)  # in the seventh batch
    resumed = trained("killed").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
