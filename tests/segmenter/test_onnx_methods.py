"""Exporting the other segmenters: torch's logits at other sizes, or one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import weakseg
from weakseg.errors import InputError
from weakseg.segmenter.export.onnx_export import TOLERANCE, export_onnx
from weakseg.segmenter.export.onnx_model import read_onnx
from weakseg.segmenter.network import make
from weakseg.segmenter.networks import NETWORKS
from weakseg.storage.run import Run
from weakseg.storage.weights import Weights, load_weights, save_weights

WRITTEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "fcn8s": ("fcn8s", "vgg_small", {}),
    "fcn-alexnet": ("fcn32s", "alexnet", {"width": 16}),
    "vgg_aspp": ("vgg_aspp", "vgg_small", {}),
    "deeplab_v3": ("deeplab_v3", "mobilenet_v3_large", {}),
    "smp-deeplabv3plus": ("smp/deeplabv3plus", "timm/test_resnet", {}),
    "smp-dpt": ("smp/dpt", "timm/vit_tiny_patch16_224", {}),
    "smp-pan": ("smp/pan", "timm/test_resnet", {}),
    "smp-unet": ("smp/unet", "timm/test_resnet", {}),
    "deeplab_v2": ("deeplab_v2", "resnet50", {}),
    "fcn8s-timm": ("fcn8s", "timm/test_resnet", {}),
    "largefov-vit": ("largefov", "timm/test_vit", {}),
}
OF_TIMM = ("tf_efficientnet_lite0", "mobilenetv4_conv_small_035", "vit_tiny_patch16_224", "pvt_v2_b0")
"""Of the kinds of tests/backbones/test_timm.py; each takes half a minute."""


def finished(folder: Path, method: str, architecture: str, options: dict[str, Any]) -> Path:
    """A run whose segmenter is untrained."""
    (folder / "configs").mkdir(parents=True)
    predict = {"scales": [1.0], "flip": False, "precision": "fp32", "longest": None}
    for stage, values in (("segmenter-predict", predict), ("segmenter-refine", {"crf": {"preset": "irn"}})):
        (folder / "configs" / f"{stage}.json").write_text(json.dumps(values), encoding="utf-8")
    torch.manual_seed(0)
    network: Any = make(NETWORKS[method](**options), architecture, 2)
    for parameter in network.parameters():
        if parameter.ndim == 4 and not parameter.any() and parameter.shape[0] == 3:
            torch.nn.init.normal_(
                parameter, std=0.1
            )  # scores that start at zero would agree whatever they are
    state = network.state_dict()
    settings = {"method": method, "backbone": {"architecture": architecture}, method: options}
    save_weights(folder / "segmenter" / "weights.pt", Weights("segmenter", state, settings, ["a", "b"]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_file_agrees_and_says_where_its_cells_lie(name: str, tmp_path: Path) -> None:
    run = finished(tmp_path / "run", *WRITTEN[name])
    assert export_onnx(Run(run), tmp_path / "model.onnx") <= TOLERANCE
    scorer, classes, _ = read_onnx(tmp_path / "model.onnx")
    network: Any = weakseg.load(run).model._scorer
    assert (scorer.stride, scorer.aligned) == (network.stride, network.aligned)
    assert classes == ["background", "a", "b"]


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_TIMM)
def test_the_file_on_a_model_of_timm_agrees(model: str, tmp_path: Path) -> None:
    run = finished(tmp_path / "run", "deeplab_v3_plus", f"timm/{model}", {"width": 16, "low_width": 8})
    file = run / "segmenter" / "weights.pt"
    weights = load_weights(file, "segmenter")
    weights.state["score.weight"] *= 1000  # untrained scores are so small that all would agree
    save_weights(file, weights)
    assert export_onnx(Run(run), tmp_path / "model.onnx") <= TOLERANCE
    scorer, _, _ = read_onnx(tmp_path / "model.onnx")
    network: Any = weakseg.load(run).model._scorer
    assert (scorer.stride, scorer.aligned) == (network.stride, network.aligned)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "architecture"), [("deformable", "resnet50"), ("smp/pspnet", "timm/test_resnet")]
)
def test_what_torch_cannot_write_is_one_sentence(method: str, architecture: str, tmp_path: Path) -> None:
    """PSPNet's pools to a number of cells read past the end where an image has fewer."""
    run = finished(tmp_path / "run", method, architecture, {})
    with pytest.raises(InputError, match=rf"cannot write a {method} segmenter") as caught:
        export_onnx(Run(run), tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()
