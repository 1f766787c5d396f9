"""Saliency from an ONNX file, a folder, and the small network."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.small import SmallSaliency
from weakseg.saliency.sources import finish, folder_source, network_source, onnx_source, prepare
from weakseg.storage.weights import Weights, save_weights

SHARED = Path(__file__).resolve().parents[3] / "shared/data"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:15, 10:20] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return Record("x", tmp_path / "x.png", "train", ("cat",), None)


@pytest.fixture
def red_model(tmp_path: Path) -> Path:
    """An ONNX network that returns its red channel."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "Constant", [], ["zero"], value=helper.make_tensor("v", TensorProto.INT64, [1], [0])
            ),
            helper.make_node("Gather", ["image", "zero"], ["map"], axis=1),
        ],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, 32, 32])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "red.onnx")
    return tmp_path / "red.onnx"


def test_onnx_model_gives_its_first_output(record: Record, red_model: Path) -> None:
    plain = onnx_source(red_model, "plain", 32)(record)
    assert plain.shape == (32, 32)
    assert plain.max() == pytest.approx(200 / 255)
    assert onnx_source(red_model, "u2net", 32)(record).max() == 1


def test_u2net_preset_by_hand() -> None:
    image = np.full((4, 4, 3), (50, 100, 200), np.uint8)
    prepared = prepare(image, "u2net", 4)
    expected = [(0.25 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (1.0 - 0.406) / 0.225]  # by the maximum, 200
    np.testing.assert_allclose(prepared[0, :, 0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(finish(np.array([[2.0, 3.0, 6.0]]), "u2net"), [[0, 0.25, 1]], atol=1e-6)


def test_imagenet_preset_by_hand() -> None:
    prepared = prepare(np.full((4, 4, 3), 255, np.uint8), "imagenet", 4)
    np.testing.assert_allclose(
        prepared[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-5
    )
    assert finish(np.array([[-1.0, 0.5, 2.0]]), "imagenet").tolist() == [[0, 0.5, 1]]


def test_black_image_and_flat_output_are_no_division_by_zero() -> None:
    assert np.isfinite(prepare(np.zeros((4, 4, 3), np.uint8), "u2net", 4)).all()
    assert (finish(np.full((2, 2), 3.0), "u2net") == 0).all()


def test_wrong_model_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        onnx_source(tmp_path / "none.onnx", "plain", 32)
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(InputError, match="ONNX model was expected"):
        onnx_source(tmp_path / "text.onnx", "plain", 32)


def test_folder_of_maps(tmp_path: Path, record: Record) -> None:
    source = folder_source(tmp_path / "maps")
    with pytest.raises(InputError, match="one grey PNG per image"):
        source(record)
    (tmp_path / "maps").mkdir()
    Image.fromarray(np.full((5, 6), 51, np.uint8)).save(tmp_path / "maps" / "x.png")
    np.testing.assert_allclose(source(record), np.full((5, 6), 0.2), atol=1e-6)


def test_small_network_from_its_weights(tmp_path: Path, record: Record) -> None:
    torch.manual_seed(0)
    network = SmallSaliency()
    save_weights(tmp_path / "weights.pt", Weights("saliency", network.state_dict(), {}, []))
    values = network_source(tmp_path / "weights.pt")(record)
    assert values.shape == (20, 30)
    assert 0 <= values.min() <= values.max() <= 1


def test_small_network_scores_only_decided_pixels() -> None:
    torch.manual_seed(0)
    network = SmallSaliency().eval()
    images = torch.randint(0, 256, (1, 3, 32, 32))
    mask = torch.full((1, 32, 32), 255, dtype=torch.uint8)
    mask[0, :4] = 1
    expected = -network.saliency(images)[0, 0, :4].log().mean()
    torch.testing.assert_close(network.losses({"image": images, "mask": mask})["loss_saliency"], expected)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real images and weights are not beside this checkout")
def test_u2netp_finds_the_horse() -> None:
    root = SHARED / "voc-animals"
    record = Record("2007_000392", root / "JPEGImages/2007_000392.jpg", "train", (), None)
    values = onnx_source(SHARED / "weights/u2netp.onnx", "u2net", 320)(record)
    truth = np.asarray(
        Image.open(root / "SegmentationClass/2007_000392.png").resize((320, 320), Image.Resampling.NEAREST)
    )
    assert values[truth == 13].mean() > 0.8
    assert values[truth == 0].mean() < 0.3
