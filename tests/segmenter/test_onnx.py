"""The exported model: torch's logits at any size, its metadata, and predicting without the network's code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import Result
from PIL import Image

import weakseg
from weakseg.errors import InputError
from weakseg.segmenter.export import onnx_export
from weakseg.segmenter.network import load
from weakseg.segmenter.networks.largefov import LargeFov
from weakseg.storage.labels import read_labels
from weakseg.storage.weights import file_sha256

pytestmark = pytest.mark.slow

Photo = Callable[..., np.ndarray]
Invoke = Callable[..., Result]
BOUND = 1e-4
"""Of every logit, absolute, for logits of about ten; what `weakseg export` accepts is ten times as much."""


@pytest.fixture
def network(trained_run: Path) -> LargeFov:
    loaded = load(trained_run / "segmenter/weights.pt", ["cat", "dog", "Größe", "bird"])
    assert isinstance(loaded, LargeFov)
    return loaded.eval()


@pytest.mark.parametrize(
    "shape", [(1, 65, 97), (2, 65, 97), (5, 33, 40), (1, 1, 1), (1, 203, 57), (3, 8, 250)]
)
def test_logits_are_torchs(exported: Path, network: LargeFov, shape: tuple[int, int, int]) -> None:
    batch, height, width = shape
    images = torch.randint(
        0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    with torch.inference_mode():
        expected = network.logits(images).numpy()
    (found,) = onnxruntime.InferenceSession(str(exported)).run(["logits"], {"images": images.numpy()})
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=BOUND)


def test_the_file_says_what_it_is(exported: Path, trained_run: Path, network: LargeFov) -> None:
    onnx.checker.check_model(onnx.load(exported), full_check=True)
    session = onnxruntime.InferenceSession(str(exported))
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == ["background", "cat", "dog", "Größe", "bird"]
    assert about["stride"] == "8"
    assert json.loads(about["mean"]) == network.backbone.mean.flatten().tolist()
    assert json.loads(about["std"]) == network.backbone.std.flatten().tolist()
    assert about["sha256 of weights.pt"] == file_sha256(trained_run / "segmenter/weights.pt")
    (images,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.type, images.shape[1]) == ("images", "tensor(uint8)", 3)
    assert all(isinstance(images.shape[axis], str) for axis in (0, 2, 3))  # named, so free
    assert (logits.name, logits.shape[1]) == ("logits", 5)


def test_labels_and_settings_are_the_runs(exported: Path, trained_run: Path, photo: Photo) -> None:
    ours, theirs = weakseg.load(trained_run, crf=True), weakseg.load(exported, crf=True)
    assert ours.settings == theirs.settings
    assert ours.classes == theirs.classes
    for size in ((60, 91), (64, 64)):
        image = photo(*size)
        assert (ours.predict(image) == theirs.predict(image)).mean() > 0.999


def test_predicting_needs_none_of_the_networks_code(exported: Path, photo: Photo, tmp_path: Path) -> None:
    Image.fromarray(photo(60, 91)).save(tmp_path / "a.png")
    command = ["predict", str(tmp_path / "a.png"), "--onnx", str(exported), "--out", str(tmp_path / "out")]
    code = (
        "import sys; from weakseg.cli import weakseg; weakseg(sys.argv[1:], standalone_mode=False);"
        "made = [('segmenter.networks.largefov', 'LargeFov'), ('backbones.vgg', 'Vgg')];"
        "print(*(name in vars(sys.modules[f'weakseg.{module}']) for module, name in made),"
        " 'weakseg.segmenter.network' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False False"
    labels = weakseg.load(exported).predict(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "out/a.png"), labels)


def test_a_precision_that_an_onnx_model_does_not_have_is_refused(exported: Path) -> None:
    with pytest.raises(
        InputError, match=r"precision bf16 was given .* an ONNX model always computes in fp32"
    ):
        weakseg.load(exported, precision="bf16")
    assert weakseg.load(exported, precision="fp32").settings.precision == "fp32"


def test_a_model_that_disagrees_is_not_written(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(InputError, match=r"differ from torch's by .* so it was not written"):
        invoke("export", "--run", trained_run, "--out", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_mistakes(trained_run: Path, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        invoke("export", "--run", trained_run, "--out", tmp_path / "model.pt")
    with pytest.raises(InputError, match="does not exist"):
        invoke("export", "--run", tmp_path / "none")
    with pytest.raises(InputError, match="is missing"):
        weakseg.load(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(InputError, match="ONNX model was expected"):
        weakseg.load(tmp_path / "text.onnx")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[onnx\]' in weakseg's checkout"):
        invoke("export", "--run", trained_run, "--out", tmp_path / "model.onnx")


def test_foreign_onnx_models(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    (stride,) = (item for item in model.metadata_props if item.key == "stride")
    stride.value = "eight"
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(InputError, match=r"metadata of .*damaged\.onnx is damaged"):
        weakseg.load(tmp_path / "damaged.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match="without weakseg's metadata"):
        weakseg.load(tmp_path / "foreign.onnx")
