"""Writing a trained segmenter as an ONNX model that says what it is, checked against torch."""

import json
import logging
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weakseg.errors import InputError
from weakseg.segmenter.export.onnx_model import FORMAT, INPUT, OUTPUT, OnnxScorer
from weakseg.segmenter.network import from_weights
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.segmenter.prediction.settings import LONGEST, PredictionConfig, settings_of
from weakseg.storage.atomic import atomic_path
from weakseg.storage.onnx_file import open_onnx
from weakseg.storage.run import Run
from weakseg.storage.weights import file_sha256, load_weights

TOLERANCE = 1e-3
"""Largest difference of a logit between onnxruntime and torch, both in fp32, times the largest logit if above 1."""
OPSET = 18  # what the exporter writes by itself; onnxruntime 1.19, the oldest that weakseg allows, reads it
SHAPES = ((1, 65, 97), (3, 40, 57), (2, 1, 130))
"""Batches, heights and widths of the check; the first one is traced."""


class _Logits(nn.Module):
    """The logits as a `forward`, which the exporter traces."""

    def __init__(self, network: PixelClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """RGB `uint8` N×3×H×W → N×(C+1)×h×w."""
        return self.network.logits(images)


def export_onnx(run: Run, path: Path) -> float:
    """Write a run's segmenter to `path`, atomically, once onnxruntime and torch agree on several sizes.

    The model takes `images`, RGB `uint8` N×3×H×W, and gives `logits` N×(C+1)×h×w float32; N, H and W are free.

    Returns:
        The largest difference of a logit found.

    Raises:
        InputError: the run is not trained, the extra `onnx` is not installed, or the two disagree.
    """
    weights_file = run.trained("segmenter")
    weights = load_weights(weights_file, "segmenter")
    settings = settings_of(run)
    network = from_weights(weights_file, weights).eval()
    method = weights.settings["method"]
    program = _traced(network, method)
    program.model.producer_name = "weakseg"
    program.model.metadata_props.update(
        {
            "sha256 of weights.pt": file_sha256(weights_file),
            "classes": json.dumps(["background", *weights.classes], ensure_ascii=False),
        }
        | _described(network, settings)
    )
    with atomic_path(path) as temporary:
        program.save(temporary)
        return _checked(network, method, temporary, path)


def _traced(network: PixelClassifier, method: str) -> Any:
    """The exporter's program, its batch, height and width free."""
    try:
        import onnxscript  # noqa: F401  # torch imports it late and names no extra
    except ImportError:
        raise InputError(
            "weakseg export needs the packages onnx and onnxscript, which are not installed; run "
            "pip install -e '.[onnx]' in weakseg's checkout."
        ) from None
    batch, height, width = SHAPES[0]
    example = torch.zeros(
        2 * batch, 3, height, width, dtype=torch.uint8
    )  # a batch of 1 would be taken as fixed
    free = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own parts to each other
        try:
            return torch.onnx.export(
                _Logits(network).eval(),
                (example,),
                dynamo=True,
                dynamic_shapes={"images": free},
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise _impossible(method, _reason(error)) from error


def _impossible(method: str, reason: str) -> InputError:
    return InputError(
        f"torch {torch.__version__} cannot write a {method} segmenter as ONNX ({reason}), so "
        "nothing was written; predict with --run instead, or train another segmenter.method to export."
    )


def _reason(error: BaseException) -> str:
    """The first words of the innermost error: the exporter wraps it in pages, and sizes may be long formulas."""
    while error.__cause__ is not None:
        error = error.__cause__
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return textwrap.shorten(line, 120, placeholder=" …")


def _described(network: PixelClassifier, settings: PredictionConfig) -> dict[str, str]:
    """The metadata that predicting needs, and what a reader of the file wants to know."""
    backbone = network.backbone
    values = settings.values() | {"precision": "fp32", "longest": settings.longest or LONGEST}
    return {
        "format": FORMAT,
        "stride": str(network.stride),
        "aligned": network.aligned,
        "input": "images: RGB uint8 N×3×H×W; normalisation is inside the model",
        "mean": json.dumps(backbone.mean.flatten().tolist()),
        "std": json.dumps(backbone.std.flatten().tolist()),
        "prediction": json.dumps(values),
    }


def _checked(network: PixelClassifier, method: str, file: Path, path: Path) -> float:
    """The largest difference between the two on random images.

    Raises:
        InputError: onnxruntime cannot load the file or run it, or the two differ.
    """
    try:
        session = open_onnx(file)
    except InputError as error:  # deformable convolutions come with operator set 19 only
        raise _impossible(method, f"onnxruntime cannot load it with operator set {OPSET}") from error
    scorer = OnnxScorer(session, network.stride, network.aligned)
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for batch, height, width in SHAPES:
        images = torch.randint(0, 256, (batch, 3, height, width), generator=generator, dtype=torch.uint8)
        with torch.inference_mode():
            expected = network.logits(images).numpy()
        try:
            found = scorer.logits(images).numpy()
        except Exception as error:  # onnxruntime's own exception types are not public
            raise _impossible(method, f"onnxruntime cannot run it on {height}×{width}") from error
        worst = max(worst, difference(expected, found))
    if not worst <= TOLERANCE:
        raise InputError(
            f"the logits of {path} differ from torch's by {worst:.2g}, more than {TOLERANCE}, so it was not "
            "written; try another version of torch or onnxruntime."
        )
    return worst


def difference(expected: np.ndarray, found: np.ndarray) -> float:
    """Largest absolute difference, relative to the largest value where that is above 1."""
    return float(np.abs(expected - found).max() / max(1.0, float(np.abs(expected).max())))
