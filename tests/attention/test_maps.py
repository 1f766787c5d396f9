"""Maps of many images: bucketing, mirrored fusion, present classes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from weakseg.attention.maps import Attended, _resized, attention_maps
from weakseg.attention.network import enrol
from weakseg.attention.networks.attention_memory import GRID
from weakseg.attention.networks.cam import Cam, CamSettings
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.oaa import Oaa, OaaPlus, OaaPlusSettings, OaaSettings
from weakseg.attention.networks.seenet import SeeNet, SeeNetSettings
from weakseg.attention.settings import MapsConfig
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError


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
    network = SeeNet("vgg_small", 3, SeeNetSettings())
    return {item.id: item.maps for item in computed(network, index, **changes)}


def computed(network: Classifier, index: Index, **changes: object) -> Iterator[Attended]:
    options = {"size": 96, "batch_size": 2, "precision": "fp32"} | changes
    maps = MapsConfig.model_validate(options)
    return attention_maps(network, index, index.records, maps, torch.device("cpu"))


def test_every_image_has_its_present_classes(index: Index) -> None:
    maps = run(index)
    assert {image_id: set(named) for image_id, named in maps.items()} == {
        record.id: set(record.labels) for record in index.records
    }
    assert maps["0"]["b"].shape == (4, 6)  # stride 16
    assert maps["1"]["a"].shape == (6, 4)


def test_a_batch_that_does_not_fit_is_halved(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(index, batch_size=5)
    look = SeeNet.attention

    def fits_two(
        self: SeeNet, images: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if len(images) > 2:  # one and its mirrored copy
            torch.empty(2**50)
        return look(self, images, labels)

    monkeypatch.setattr(SeeNet, "attention", fits_two)
    halved = run(index, batch_size=5)
    for image_id, named in whole.items():
        for name, values in named.items():
            np.testing.assert_allclose(values, halved[image_id][name], atol=1e-5)
    monkeypatch.setattr(SeeNet, "attention", lambda *_: torch.empty(2**50))
    with pytest.raises(InputError, match=r"memory ran out on a single image: lower attention\.maps\.size"):
        run(index)


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


@pytest.mark.parametrize("source", ["network", "gradcam"])
def test_class_scores_are_the_mean_of_both_flips(index: Index, source: str) -> None:
    torch.manual_seed(0)
    network = Cam("vgg_small", 3, CamSettings())
    found = {item.id: item.class_scores for item in computed(network, index, source=source)}
    image = torch.from_numpy(np.asarray(Image.open(index.records[0].image)).copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = (network.class_scores(image) + network.class_scores(image.flip(3))) / 2
    np.testing.assert_allclose(found["0"], expected[0].numpy(), atol=1e-4)


def test_grad_cam_has_the_same_shapes_and_classes(index: Index) -> None:
    own, found = run(index), run(index, source="gradcam")
    assert {i: {n: v.shape for n, v in maps.items()} for i, maps in own.items()} == {
        i: {n: v.shape for n, v in maps.items()} for i, maps in found.items()
    }


def test_what_was_remembered_stands_for_the_map(index: Index) -> None:
    torch.manual_seed(0)
    network = Oaa("vgg_small", 3, OaaSettings())
    enrol(network, index)
    memory = network.memory
    slot = memory.slot("1", "c")
    memory.maps[slot], memory.state[slot] = 51, 2
    found = {item.id: item.maps for item in computed(network, index)}
    np.testing.assert_allclose(found["1"]["c"], np.full((GRID, GRID), 0.2), atol=1e-6)
    assert found["1"]["a"].shape == (12, 8)  # never seen: the network's own, stride 8


def test_cam_sums_raw_scores_over_sizes_and_mirrors_and_normalises_once(index: Index) -> None:
    torch.manual_seed(0)
    network = Cam("vgg_small", 3, CamSettings())
    found = {item.id: item.maps for item in computed(network, index, scales=[1.0, 2.0])}["0"]["b"]
    image = torch.from_numpy(np.asarray(Image.open(index.records[0].image)).copy()).permute(2, 0, 1)[None]
    total = torch.zeros(1, 1, 4, 6)
    for side in ((64, 96), (128, 192)):
        sized = interpolate(image.float(), side, mode="bilinear", antialias=True)
        with torch.no_grad():
            plain, mirrored = network.scores(sized)[:, 1:2], network.scores(sized.flip(3)).flip(3)[:, 1:2]
        raw = plain.clamp(min=0) + mirrored.clamp(min=0)
        total += interpolate(raw, (4, 6), mode="bilinear")
    np.testing.assert_allclose(found, (total / total.max())[0, 0].numpy(), atol=1e-5)
    assert found.max() == pytest.approx(1.0, abs=1e-5)


def test_seenet_takes_the_maximum_of_both_normalised_maps(index: Index) -> None:
    torch.manual_seed(0)
    network = SeeNet("vgg_small", 3, SeeNetSettings())
    found = {item.id: item.maps for item in computed(network, index)}["0"]["b"]
    image = torch.from_numpy(np.asarray(Image.open(index.records[0].image)).copy()).permute(2, 0, 1)[None]
    labels = torch.tensor([[0.0, 1.0, 0.0]])
    with torch.no_grad():
        plain, mirrored = (network.attention(view, labels)[0][0, 1] for view in (image, image.flip(3)))
    np.testing.assert_allclose(found, torch.maximum(plain, mirrored.flip(1)).numpy(), atol=1e-5)


def test_read_out_reaches_the_integral_attention(index: Index) -> None:
    torch.manual_seed(0)
    network = OaaPlus("vgg_small", 3, OaaPlusSettings())
    network.head[-1].bias.data -= 5.0  # type: ignore[union-attr, operator]
    relu, sigmoid = (
        {item.id: item.maps for item in computed(network, index, read_out=way)}["0"]["b"]
        for way in ("relu", "sigmoid")
    )
    assert relu.max() == 0
    assert sigmoid.max() == pytest.approx(1.0, abs=1e-5)


def test_images_are_enlarged_smoothly_and_shrunk_by_means() -> None:
    """OpenCV's INTER_AREA repeats pixels where it enlarges, and aliases where it enlarges one side alone."""
    step = np.zeros((4, 4, 3), np.uint8)
    step[:, 2:] = 200
    assert len(np.unique(_resized(step, (16, 16)))) > 3
    stripes = np.zeros((20, 320, 3), np.uint8)
    stripes[:, ::2] = 200
    mixed = _resized(stripes, (32, 64))  # higher, narrower
    assert np.abs(mixed.astype(int) - 100).max() <= 20
    both = _resized(stripes, (10, 64))
    assert np.array_equal(both, cv2.resize(stripes, (64, 10), interpolation=cv2.INTER_AREA))


def test_maps_of_the_network_itself_need_no_captum() -> None:
    code = "import sys, weakseg.attention.maps; print('captum' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
