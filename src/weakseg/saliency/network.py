"""What every saliency network offers, and the table of their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError
from weakseg.saliency.rcrnet import RcrNet
from weakseg.saliency.rcrnet_video import RcrNetVideo
from weakseg.saliency.small import SmallSaliency
from weakseg.saliency.srm import Srm
from weakseg.storage.weights import Weights, load_weights, restore
from weakseg.training.parameters import ParameterGroup


class SaliencyNetwork(Protocol):
    """A network that says which pixels stand out; its `backbone` holds the normalisation.

    One with `clip_saliency(N×T×3×H×W) -> N×T×1×H×W` is given clips, in training and over a video.
    """

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `mask` N×H×W (0, 1 or 255)."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""
        ...

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]."""
        ...


NETWORKS: dict[str, type[nn.Module]] = {
    "small": SmallSaliency,
    "rcrnet": RcrNet,
    "rcrnet_video": RcrNetVideo,
    "srm": Srm,
}
"""Method name → class, built as `cls(**options)`."""


def build(
    method: str,
    options: Mapping[str, Any],
    initial: InitialWeights | None = None,
    frozen_stages: int = 0,
    start: Weights | None = None,
) -> nn.Module:
    """An untrained network.

    Args:
        method: a name of `NETWORKS`.
        options: its keyword arguments.
        initial: of the backbone, or of both of SRM's.
        frozen_stages: of the backbone, or of both of SRM's.
        start: a trained network of the same method, or the `rcrnet` under a video model; wins over `initial`.
    """
    network = NETWORKS[method](**options)
    for name in ("backbone", "second"):
        backbone = getattr(network, name, None)
        if isinstance(backbone, Backbone):
            if initial is not None:
                backbone.load(initial)
            backbone.freeze(frozen_stages)
    if start is not None:
        part: Any = network if method_of(start) == method else network.image_model
        part.load_state_dict(start.state)
    return network


def load(path: Path) -> nn.Module:
    """A trained saliency network, in evaluation mode.

    Raises:
        InputError: not saliency weights, or of another version.
    """
    weights = load_weights(path, "saliency")
    method = method_of(weights)
    return restore(path, weights, lambda settings: NETWORKS[method](**settings.get("options", {}))).eval()


def method_of(weights: Weights) -> str:
    """The method of saliency weights; files from before there were several are of the small network."""
    return str(weights.settings.get("method", "small"))


def load_start(path: Path, method: str, options: Mapping[str, Any]) -> Weights:
    """Weights of a trained network that a training of `method` can start from.

    Raises:
        InputError: they are of another method, architecture, stride, activation or number of stages.
    """
    weights = load_weights(path, "saliency")
    made = method_of(weights)
    found = {"method": made, **weights.settings.get("options", {})}
    expected = {"method": "rcrnet" if method == "rcrnet_video" and made == "rcrnet" else method, **options}
    for name in ("method", "architecture", "stride", "activation", "stages"):
        if found.get(name) != expected.get(name):
            raise InputError(
                f"saliency.{method}.start is {path}, whose {name} is {found.get(name)}; {expected.get(name)} was "
                "expected: give weights that fit, or set this method's values to theirs."
            )
    return weights
