"""Maps of many images: bucketing, mirrored fusion, present classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from weakseg.attention.maps import attention_maps
from weakseg.attention.seenet import SeeNet
from weakseg.dataset.index import Index, Record


@pytest.fixture
def index(tmp_path: Path) -> Index:
    random = np.random.default_rng(0)
    records = []
    for number, (height, width) in enumerate([(64, 96), (96, 64), (64, 96), (80, 96), (64, 96)]):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        labels = ("a", "c") if number % 2 else ("b",)
        records.append(Record(str(number), path, "train", labels, None))
    return Index(tuple(records), ("a", "b", "c"), (0, 1, 2, 3))


def run(index: Index, **changes: object) -> dict[str, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    options = {"size": 96, "scales": [1.0], "flip": True, "batch_size": 2, "precision": "fp32"} | changes
    network = SeeNet("vgg_small", classes=3)
    return dict(attention_maps(network, index, index.records, device=torch.device("cpu"), **options))  # type: ignore[arg-type]


def test_every_image_has_its_present_classes(index: Index) -> None:
    maps = run(index)
    assert {image_id: set(named) for image_id, named in maps.items()} == {
        record.id: set(record.labels) for record in index.records
    }
    assert maps["0"]["b"].shape == (4, 6)  # stride 16
    assert maps["1"]["a"].shape == (6, 4)


def test_batches_do_not_matter(index: Index) -> None:
    one, many = run(index, batch_size=1), run(index, batch_size=5)
    for image_id, named in one.items():
        for name, values in named.items():
            np.testing.assert_allclose(values, many[image_id][name], atol=1e-5)


def test_mirrored_image_has_the_mirrored_map(index: Index, tmp_path: Path) -> None:
    expected = run(index)
    for record in index.records:
        Image.fromarray(np.asarray(Image.open(record.image))[:, ::-1]).save(record.image)
    for image_id, named in run(index).items():
        for name, values in named.items():
            np.testing.assert_allclose(values[:, ::-1], expected[image_id][name], atol=1e-5)


def test_several_scales_keep_resolution_and_range(index: Index) -> None:
    maps = run(index, scales=[1.0, 0.5, 1.5])
    assert maps["0"]["b"].shape == (4, 6)
    assert maps["0"]["b"].max() == pytest.approx(1.0, abs=1e-5)
    assert not np.allclose(maps["0"]["b"], run(index)["0"]["b"])
