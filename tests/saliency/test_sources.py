"""Saliency maps of trained networks and of mirrored images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.maps import Flatness, of_images
from weakseg.saliency.methods.small import SmallSaliency, SmallSettings
from weakseg.saliency.methods.unsupervised import barrier_saliency
from weakseg.saliency.network import network_source
from weakseg.storage.weights import Weights, save_weights


@pytest.fixture
def record(tmp_path: Path) -> Record:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:15, 3:20] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return Record("x", tmp_path / "x.png", "train", ("cat",), None)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(
        tmp_path / "weights.pt",
        Weights("saliency", SmallSaliency(SmallSettings()).state_dict(), {"method": "small"}, []),
    )
    return tmp_path / "weights.pt"


def test_small_network_from_its_weights(weights: Path, record: Record) -> None:
    values = network_source(weights)(record)
    assert values.shape == (20, 30)
    assert 0 <= values.min() <= values.max() <= 1


def test_a_network_that_gives_nan_is_refused(weights: Path, record: Record) -> None:
    state = SmallSaliency(SmallSettings()).state_dict()
    state["head.3.bias"].fill_(torch.nan)
    save_weights(weights, Weights("saliency", state, {"method": "small"}, []))
    with pytest.raises(InputError, match="map of image 'x' holds NaN"):
        network_source(weights)(record)


def test_flip_averages_with_the_map_of_the_mirrored_image(weights: Path, record: Record) -> None:
    alone, both = network_source(weights)(record), network_source(weights, flip=True)(record)
    with Image.open(record.image) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(record.image)
    mirrored = network_source(weights)(record)
    np.testing.assert_allclose(both, (alone + mirrored[:, ::-1]) / 2, atol=1e-6)
    assert np.abs(alone - mirrored[:, ::-1]).max() > 1e-4


def test_flip_mirrors_the_map_back(record: Record) -> None:
    red = of_images(lambda image: image[..., 0].astype(np.float32) / 255, flip=True)
    with Image.open(record.image) as image:
        np.testing.assert_allclose(red(record), np.asarray(image, np.float32)[..., 0] / 255)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.0, 0.0), "is black everywhere"),
        ((1.0, 1.0), "is white everywhere"),
        ((0.0, 1.0), "is of one value everywhere"),
        ((0.001, 0.001), "is black everywhere"),  # as it will be stored
    ],
)
def test_maps_that_say_nothing_are_one_sentence(values: tuple[float, ...], said: str) -> None:
    flatness = Flatness()
    for value in values:
        flatness.see(np.full((2, 3), value, np.float32))
    sentence = flatness.sentence("1-of-2", "saliency.onnx")
    assert sentence is not None
    assert said in sentence
    assert "shard 1-of-2 (2 images)" in sentence
    assert sentence.endswith("look at saliency.onnx.")


def test_one_map_that_says_something_is_enough() -> None:
    flatness = Flatness()
    for values in (np.zeros((2, 2)), np.eye(2), np.zeros((2, 2))):
        flatness.see(values)
    assert flatness.sentence("1-of-1", "saliency.onnx") is None
    assert Flatness().sentence("1-of-1", "saliency.onnx") is None


def test_an_image_of_one_row_is_not_shrunk_but_doubled() -> None:
    row = np.linspace(0, 255, 40).astype(np.uint8)
    image = np.repeat(row[None, :, None], 3, axis=2)
    assert barrier_saliency(image).shape == (2, 40)


def test_small_network_scores_only_decided_pixels() -> None:
    torch.manual_seed(0)
    network = SmallSaliency(SmallSettings()).eval()
    images = torch.randint(0, 256, (1, 3, 32, 32))
    mask = torch.full((1, 32, 32), 255, dtype=torch.uint8)
    mask[0, :4] = 1
    expected = -network.saliency(images)[0, 0, :4].log().mean()
    torch.testing.assert_close(network.losses({"image": images, "mask": mask})["loss_saliency"], expected)
