"""What a room's backbone starts from: published weights, or those of this run's attention network."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from weakseg.backbones.weights import InitialWeights, read_initial_weights
from weakseg.errors import InputError
from weakseg.storage.weights import file_sha256, load_weights

Start = InitialWeights | Mapping[str, Tensor] | None
"""Published weights, the state of a trained backbone, or nothing."""


def read_start(
    room: str, architecture: str, weights: str, normalization: str, attention: Path | None
) -> tuple[Start, dict[str, str]]:
    """Initial weights of a backbone and where they come from.

    Args:
        room: whose configuration is named in what is said.
        architecture: of the backbone.
        weights: `attention`, or as `read_initial_weights` takes it.
        normalization: as `read_initial_weights` takes it.
        attention: the attention network's weights, for `attention`.

    Raises:
        InputError: `attention` without such weights or with another backbone's, or as `read_initial_weights`.
    """
    if weights != "attention":
        published = read_initial_weights(weights, normalization, architecture)
        return published, published.provenance if published else {"source": "none"}
    if attention is None:
        raise InputError(
            f"{room}.backbone.weights is 'attention' but no --attention weights were given; give the weights.pt of "
            "results/<run>/attention."
        )
    state = trained_backbone(attention, architecture, room)
    return state, {"source": "attention", "sha256": file_sha256(attention)}


def trained_backbone(path: Path, architecture: str, room: str) -> dict[str, Tensor]:
    """State of the backbone of a trained attention network.

    Raises:
        InputError: not attention weights, or of another architecture.
    """
    weights = load_weights(path, "attention")
    found = weights.settings["backbone"]["architecture"]
    if found != architecture:
        raise InputError(
            f"{room}.backbone.weights is 'attention', whose backbone is {found}, but "
            f"{room}.backbone.architecture is {architecture}; both must be the same: change one."
        )
    return {
        name.removeprefix("backbone."): value
        for name, value in weights.state.items()
        if name.startswith("backbone.")
    }
