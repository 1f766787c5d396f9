"""What every attention network offers, and the table of their names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from weakseg.attention.seenet import SeeNet
from weakseg.backbones import InitialWeights
from weakseg.storage.weights import load_weights
from weakseg.training.parameters import ParameterGroup


class AttentionNetwork(Protocol):
    """A classifier with attention maps."""

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `labels` N×C (1 where present)."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""
        ...

    def attention(self, images: Tensor, labels: Tensor) -> Tensor:
        """Attention N×C×h×w in [0, 1], exactly zero for absent classes."""
        ...


NETWORKS: dict[str, type[nn.Module]] = {"seenet": SeeNet}
"""Method name → class, built as `cls(architecture, classes, **options)`."""


def build(
    method: str,
    architecture: str,
    classes: int,
    options: dict[str, Any],
    initial: InitialWeights | None = None,
    frozen_stages: int = 0,
) -> nn.Module:
    """An untrained attention network, its backbone initialised from `initial` if given, its first stages frozen."""
    network = NETWORKS[method](architecture, classes, **options)
    if initial is not None:
        network.backbone.load(initial)  # type: ignore[operator, union-attr]
    network.backbone.freeze(frozen_stages)  # type: ignore[operator, union-attr]
    return network


def load(path: Path, classes: Sequence[str]) -> nn.Module:
    """A trained attention network.

    Raises:
        InputError: not attention weights, or trained for other classes.
    """
    weights = load_weights(path, "attention", classes)
    method, backbone = weights.settings["method"], weights.settings["backbone"]
    network = build(method, backbone["architecture"], len(classes), weights.settings[method])
    network.load_state_dict(weights.state)
    return network
