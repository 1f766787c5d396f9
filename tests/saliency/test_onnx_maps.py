"""Saliency maps of ONNX networks: what fits is read, the rest is one sentence."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.maps import ImageMap, of_images
from weakseg.saliency.methods.onnx import OnnxSettings, Output, finish, onnx_maps, prepare
from weakseg.weights.cache import digest
from weakseg.weights.known import KNOWN

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
Model = Callable[..., Path]
Shape = Sequence[int | str]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """An ONNX network of the mean over its channels, or of other nodes from `image` to `map`."""

    def make(
        given: Shape = (1, 3, "h", "w"),
        result: Shape = (1, 1, "h", "w"),
        kind: int = TensorProto.FLOAT,
        nodes: list[Any] | None = None,
        more: list[Any] | None = None,
    ) -> Path:
        axis = 3 if given[-1] == 3 else 1
        mean = helper.make_node("ReduceMean", ["image"], ["map"], axes=[axis], keepdims=1)
        graph = helper.make_graph(
            nodes or [mean],
            "saliency",
            [helper.make_tensor_value_info("image", kind, given), *(more or [])],
            [helper.make_tensor_value_info("map", kind, result)],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(made, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return make


def maps_of(file: Path, preset: Literal["u2net", "plain"], size: int, output: Output = "preset") -> ImageMap:
    return onnx_maps(OnnxSettings(file=str(file), preset=preset, size=size, output=output))


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], **attributes)


def picture() -> np.ndarray:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:15, 10:20] = (200, 100, 60)
    return pixels


def test_model_gives_its_first_output(model: Model) -> None:
    values = maps_of(model(), "plain", 32)(picture())
    assert (values.shape, values.dtype) == ((32, 32), np.float32)
    assert values.max() == pytest.approx(120 / 255)
    assert maps_of(model(), "u2net", 32)(picture()).max() == 1


@pytest.mark.parametrize(
    ("given", "result", "kind"),
    [
        ((1, 3, "h", "w"), (1, 1, "h", "w"), TensorProto.FLOAT16),
        ((1, 3, "h", "w"), (1, 1, "h", "w"), TensorProto.DOUBLE),
        ((1, "h", "w", 3), (1, "h", "w", 1), TensorProto.FLOAT),
        ((1, 3, 32, 32), (1, 1, 32, 32), TensorProto.FLOAT),
        (("n", 3, "h", "w"), ("n", 1, "h", "w"), TensorProto.FLOAT),
    ],
)
def test_other_types_and_channels_last_are_read(model: Model, given: Shape, result: Shape, kind: int) -> None:
    expected = maps_of(model(), "plain", 32)(picture())
    found = maps_of(model(given, result, kind), "plain", 32)(picture())
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"given": (1, 3, 64, 64), "result": (1, 1, 64, 64)},
            "takes images of 64 pixels a side, and saliency.onnx.size is 32: set saliency.onnx.size: 64",
        ),
        ({"given": (1, 3, 32, 48), "result": (1, 1, 32, 48)}, "takes images of 32×48 pixels; square ones"),
        (
            {"kind": TensorProto.UINT8, "nodes": [node("Identity", ["image"], "map")]},
            "takes image: tensor(uint8)",
        ),
        ({"given": (1, 1, "h", "w")}, "takes image: tensor(float) 1×1×?×?; 1×3×32×32"),
        ({"given": (8, 3, "h", "w")}, "takes image: tensor(float) 8×3×?×?; 1×3×32×32"),
        (
            {"more": [helper.make_tensor_value_info("size", TensorProto.FLOAT, [2])]},
            "has 2 inputs (image: tensor(float) 1×3×?×?, size: tensor(float) 2); one",
        ),
        (
            {"result": (1, 3, "h", "w"), "nodes": [node("Identity", ["image"], "map")]},
            "is map: tensor(float) 1×3×?×?; a single map",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_when_it_is_opened(
    model: Model, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        maps_of(model(**changes), "plain", 32)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_than_one_map_is_refused_where_the_model_does_not_say(model: Model) -> None:
    path = model((1, "c", "h", "w"), (1, "c", "h", "w"), nodes=[node("Identity", ["image"], "map")])
    several = maps_of(path, "plain", 32)
    with pytest.raises(InputError, match=r"is 1×3×32×32; a single map"):
        several(picture())


def test_a_model_that_cannot_be_run_is_one_sentence(model: Model) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 40, 40])
    nodes = [node("Constant", [], "shape", value=shape), node("Reshape", ["image", "shape"], "map")]
    with pytest.raises(
        InputError, match=r"cannot be run on 32×32 pixels .* set saliency\.onnx\.size"
    ) as caught:
        maps_of(model(nodes=nodes), "plain", 32)(picture())
    assert "\n" not in str(caught.value)


def test_nan_names_the_image(model: Model, tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", ["image"], "mean", axes=[1], keepdims=1),
        node("Sub", ["mean", "mean"], "zero"),
        node("Div", ["zero", "zero"], "map"),
    ]
    Image.fromarray(picture()).save(tmp_path / "cat.png")
    source = of_images(maps_of(model(nodes=nodes), "u2net", 32))
    with pytest.raises(InputError, match=r"^image 'cat': saliency model .* gives NaN or infinite values"):
        source(Record("cat", tmp_path / "cat.png", "train", (), None))


def test_logits_are_not_cut_to_black(model: Model) -> None:
    nodes = [node("ReduceMean", ["image"], "mean", axes=[1], keepdims=1), node("Neg", ["mean"], "map")]
    with pytest.raises(InputError, match=r"from -0\.471 to -?0, .* set saliency\.onnx\.output to logits"):
        maps_of(model(nodes=nodes), "plain", 32)(picture())
    found = maps_of(model(nodes=nodes), "plain", 32, "logits")(picture())
    np.testing.assert_allclose(found.min(), 1 / (1 + np.exp(120 / 255)), rtol=1e-5)
    assert maps_of(model(nodes=nodes), "plain", 32, "minmax")(picture()).max() == 1


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
    assert finish(np.array([[-1e-4, 0.5, 1.0]]), "imagenet").tolist() == [[0, 0.5, 1]]


def test_the_input_is_antialiased_where_one_side_grows_and_the_other_shrinks() -> None:
    """Stripes of one pixel along the side that shrinks: OpenCV's area interpolation gives them back as noise."""
    stripes = np.zeros((16, 250, 3), np.uint8)
    stripes[:, ::2] = 255
    prepared = prepare(stripes, "plain", 32)[0, 0]
    assert np.abs(prepared[:, 2:-2] - 0.5).max() < 0.05
    ramp = np.repeat(np.linspace(0, 255, 16).astype(np.uint8)[:, None, None], 3, axis=2).repeat(64, axis=1)
    steps = np.diff(prepare(ramp, "plain", 64)[0, 0, 4:-4, 10])
    assert steps.max() < 2.5 * steps.mean()  # enlarged bilinearly, not in blocks of four


def test_black_image_and_flat_output_are_no_division_by_zero() -> None:
    assert np.isfinite(prepare(np.zeros((4, 4, 3), np.uint8), "u2net", 4)).all()
    assert (finish(np.full((2, 2), 3.0), "u2net") == 0).all()


def test_wrong_model_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        maps_of(tmp_path / "none.onnx", "plain", 32)
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(InputError, match="ONNX model was expected"):
        maps_of(tmp_path / "text.onnx", "plain", 32)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real images and weights are not beside this checkout")
def test_u2netp_finds_the_horse() -> None:
    root = SHARED / "voc-animals"
    record = Record("2007_000392", root / "JPEGImages/2007_000392.jpg", "train", (), None)
    values = OnnxSettings(file=str(SHARED / "weights/u2netp.onnx")).source(False, print)(record)
    truth = np.asarray(
        Image.open(root / "SegmentationClass/2007_000392.png").resize((320, 320), Image.Resampling.NEAREST)
    )
    assert values[truth == 13].mean() > 0.8
    assert values[truth == 0].mean() < 0.3


def test_isnet_is_given_centred_values_and_its_maps_are_stretched() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[0] = 255
    assert np.unique(prepare(image, "isnet", 4)).tolist() == [-0.5, 0.5]
    assert finish(np.array([[0.2, 0.4]], np.float32), "isnet").tolist() == [[0.0, 1.0]]


def test_weights_by_name_bring_their_size(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path))
    file = tmp_path / "weights" / "small.onnx"
    file.parent.mkdir()
    model().rename(file)
    known = replace(KNOWN["u2netp"], name="small", file="small.onnx", sha256=digest(file), side=48)
    monkeypatch.setitem(KNOWN, "small", known)
    values = onnx_maps(OnnxSettings(file="small"))(picture())
    assert (values.shape, values.max()) == ((48, 48), 1.0)
    with file.open("ab") as end:
        end.write(b"x")
    with pytest.raises(InputError, match=r"small\.onnx is damaged"):
        onnx_maps(OnnxSettings(file="small"))
