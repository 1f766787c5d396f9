"""What every attention network offers, and the table of their names."""

from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from weakseg.attention.acol import Acol
from weakseg.attention.cam import Cam
from weakseg.attention.memory import AttentionMemory
from weakseg.attention.oaa import Oaa, OaaPlus
from weakseg.attention.seenet import SeeNet
from weakseg.attention.spg import Spg
from weakseg.backbones.weights import InitialWeights
from weakseg.dataset.index import Index
from weakseg.storage.weights import load_weights, restore
from weakseg.training.parameters import ParameterGroup


class AttentionNetwork(Protocol):
    """A classifier with attention maps.

    One with an attribute `memory`, an `AttentionMemory`, is given `slots` and `view` in its batches.
    """

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `labels` N×C (1 where present)."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""
        ...

    def class_scores(self, images: Tensor) -> Tensor:
        """N×C; higher is surer, without knowing the labels."""
        ...

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Attention N×C×h×w in [0, 1], exactly zero for absent classes, and the class scores of the same pass."""
        ...

    sums_scales: ClassVar[bool]
    """Whether `evidence` of several sizes and of the mirrored image is summed, and the sum normalised."""

    def evidence(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores N×C×h×w before they are normalised, zero for absent classes, and the class scores."""
        ...


NETWORKS: dict[str, type[nn.Module]] = {
    "seenet": SeeNet,
    "spg": Spg,
    "oaa": Oaa,
    "oaa_plus": OaaPlus,
    "acol": Acol,
    "cam": Cam,
}
"""Method name → class, built as `cls(architecture, classes, stride=…, new_layers_rate=…, **options)`."""


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


def memory_of(network: nn.Module) -> AttentionMemory | None:
    """The network's memory, if it has one."""
    memory = getattr(network, "memory", None)
    return memory if isinstance(memory, AttentionMemory) else None


def enrol(network: nn.Module, index: Index) -> AttentionMemory | None:
    """Give the network's memory, if it has one, a slot for each class of each training image."""
    memory = memory_of(network)
    if memory is not None:
        memory.enrol([(record.id, record.labels) for record in index.split("train")])
    return memory


def load(path: Path, index: Index) -> nn.Module:
    """A trained attention network.

    Raises:
        InputError: not attention weights, of another version, or trained for other classes.
    """
    weights = load_weights(path, "attention", index.classes)

    def untrained(settings: dict[str, Any]) -> nn.Module:
        architecture, options = settings["backbone"]["architecture"], settings["options"]
        network = build(settings["method"], architecture, len(index.classes), options)
        enrol(network, index)
        return network

    return restore(path, weights, untrained)
