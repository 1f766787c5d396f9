"""A run with an untrained segmenter that yet sees every class somewhere, and images to predict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from weakseg.cli import weakseg
from weakseg.segmenter.network import make
from weakseg.segmenter.networks import NETWORKS
from weakseg.storage.weights import Weights, save_weights

CLASSES = ["cat", "dog", "Größe", "bird"]
PREDICT = {"scales": [1.0, 0.75], "flip": True, "precision": "fp32", "longest": None}
REFINE = {"crf": {"preset": "irn"}}


def make_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours, RGB `uint8` H×W×3."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def run_command(*arguments: object) -> Result:
    """Run `weakseg`; what it raises is raised here too."""
    return CliRunner().invoke(weakseg, [str(argument) for argument in arguments], catch_exceptions=False)


def write_run(folder: Path, weights: bool = True, method: str = "largefov") -> Path:
    """A run folder as the workflow leaves it; every class wins somewhere."""
    for stage, values in (("segmenter-predict", PREDICT), ("segmenter-refine", REFINE)):
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        (folder / "configs" / f"{stage}.json").write_text(json.dumps(values), encoding="utf-8")
    if weights:
        torch.manual_seed(0)
        options = {} if method == "largefov" else {"width": 32}
        network: Any = make(NETWORKS[method](**options), "vgg_small", len(CLASSES)).eval()
        with torch.inference_mode():
            torch.nn.init.normal_(network.score.weight, std=0.01)
            logits = network.logits(torch.from_numpy(make_photo(97, 129)).permute(2, 0, 1)[None])
            mean, spread = logits.mean((0, 2, 3)), logits.std((0, 2, 3))
            network.score.weight *= (4 / spread)[:, None, None, None]
            network.score.bias -= mean  # zero before
            network.score.bias *= 4 / spread
        settings = {"method": method, "backbone": {"architecture": "vgg_small"}, method: options}
        save_weights(
            folder / "segmenter" / "weights.pt", Weights("segmenter", network.state_dict(), settings, CLASSES)
        )
    return folder


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("results") / "tiny")


@pytest.fixture(scope="session")
def exported(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    result = run_command("export", "--run", trained_run, "--format", "onnx", "--out", path)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def fcn_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose cells lie over the middle of their pixels, at stride 32."""
    return write_run(tmp_path_factory.mktemp("results") / "fcn", method="fcn32s")


@pytest.fixture
def photo() -> Callable[..., np.ndarray]:
    return make_photo


@pytest.fixture
def invoke() -> Callable[..., Result]:
    return run_command
