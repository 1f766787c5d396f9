"""Predicting with an exported segmenter: onnxruntime alone, none of the network's code."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from weakseg.errors import InputError
from weakseg.segmenter.prediction.settings import PredictionConfig, read_prediction
from weakseg.storage.onnx_file import open_onnx

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = "weakseg-segmenter-1"
INPUT, OUTPUT = "images", "logits"


class OnnxScorer:
    """A `Scorer` over an open session."""

    def __init__(self, session: "InferenceSession", stride: int, aligned: str) -> None:
        self._session, self.stride, self.aligned = session, stride, aligned

    def logits(self, images: Tensor) -> Tensor:
        """RGB N×3×H×W, whole numbers in 0…255 → class scores N×(C+1)×h×w float32."""
        pixels = np.ascontiguousarray(images.cpu().numpy().astype(np.uint8))
        (scores,) = self._session.run([OUTPUT], {INPUT: pixels})
        return torch.from_numpy(np.asarray(scores)).to(images.device)


def read_onnx(path: Path) -> tuple[OnnxScorer, list[str], PredictionConfig]:
    """A model that `weakseg export` wrote: the scorer, its classes with background first, its settings.

    Raises:
        InputError: missing, no ONNX model, or not one of weakseg's.
    """
    session = open_onnx(path)
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} is an ONNX model without weakseg's metadata (format {FORMAT}); a file written by "
            "`weakseg export` was expected: export the run again."
        )
    try:
        stride, classes = int(metadata["stride"]), [str(name) for name in json.loads(metadata["classes"])]
        aligned, values = metadata["aligned"], dict(json.loads(metadata["prediction"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the metadata of {path} is damaged ({error}); export the run again.") from None
    return OnnxScorer(session, stride, aligned), classes, read_prediction(values, str(path))
