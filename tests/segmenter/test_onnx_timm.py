"""Segmenters on models of timm as ONNX: torch's logits at other sizes, or one sentence."""

from pathlib import Path
from typing import Any

import pytest
from test_onnx_methods import finished

import weakseg
from weakseg.errors import InputError
from weakseg.segmenter.export.onnx_export import TOLERANCE, export_onnx
from weakseg.segmenter.export.onnx_model import read_onnx
from weakseg.storage.run import Run
from weakseg.storage.weights import load_weights, save_weights

pytestmark = pytest.mark.slow
NARROW = {"width": 16, "low_width": 8}
WRITTEN = ("mobilenetv4_conv_small_035", "vit_tiny_patch16_224")
"""Of the twelve kinds of tests/backbones/test_timm.py; each takes half a minute."""
REFUSED: dict[str, str] = {}


def on_timm(folder: Path, model: str) -> Path:
    """A run with an untrained DeepLab v3+ on the model, whose scores are large enough to differ."""
    run = finished(folder, "deeplab_v3_plus", f"timm/{model}", NARROW)
    file = run / "segmenter" / "weights.pt"
    weights = load_weights(file, "segmenter")
    weights.state["score.weight"] *= 1000
    save_weights(file, weights)
    return run


@pytest.mark.parametrize("model", WRITTEN)
def test_the_file_agrees_with_torch(model: str, tmp_path: Path) -> None:
    run = on_timm(tmp_path / "run", model)
    assert export_onnx(Run(run), tmp_path / "model.onnx") <= TOLERANCE
    scorer, _, _ = read_onnx(tmp_path / "model.onnx")
    network: Any = weakseg.load(run).model._scorer
    assert (scorer.stride, scorer.aligned) == (network.stride, network.aligned)


@pytest.mark.parametrize("model", sorted(REFUSED))
def test_what_torch_cannot_write_is_one_sentence(model: str, tmp_path: Path) -> None:
    run = on_timm(tmp_path / "run", model)
    with pytest.raises(InputError, match=REFUSED[model]) as caught:
        export_onnx(Run(run), tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()
