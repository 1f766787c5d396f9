"""What the file of a backbone declares, above its import of torch."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from weakseg.backbones.timm_names import CONVOLUTIONAL
from weakseg.settings.methods import Method
from weakseg.weights.known import check_use


class Torchvision(NamedTuple):
    """A network of torchvision's whose modules and parameter names a backbone keeps: keyword arguments that build it
    with these parameters, and the normalisation that they expect, of `NORMALIZATIONS`."""

    built_with: Mapping[str, bool] = MappingProxyType({})
    normalization: str = "torchvision"


class Architecture(Method):
    """A backbone.

    Attributes:
        rooms: the rooms besides the segmenter whose networks can have it; each segmenter lists its backbones itself.
            For `attention` its class is an `AttentionBackbone`, for `saliency` a `SaliencyBackbone` of `base.py`.
        pyramid: a detector sees the features of several of its stages, not of the last alone.
        published: there are published weights.
        keeps_statistics: batch normalisation stays frozen unless told otherwise, where the network starts from weights.
        torchvision: where those weights are torchvision's, whole, and not VGG16's alone.
        pixel_bytes: bytes that a training step keeps of each pixel of its batch, whatever network stands on it.
        cores: that a training on a processor uses at most: 1 where a step is so short that its threads wait for each
            other, and for the process that loads images, longer than they compute.
        network_mb: weights, gradients and the optimiser's two copies, with the layers above it, in MB.
    """

    rooms: ClassVar[frozenset[str]] = frozenset()
    pyramid: ClassVar[bool] = False
    published: ClassVar[bool] = True
    keeps_statistics: ClassVar[bool] = False
    torchvision: ClassVar[Torchvision | None] = None
    pixel_bytes: ClassVar[int]
    cores: ClassVar[int] = 16
    network_mb: ClassVar[int] = 1500

    @classmethod
    def kind(cls) -> str:
        """What kind of network it is, a name of `timm_names`."""
        return CONVOLUTIONAL

    def check(self, section: Any) -> None:
        """Refuse weights that do not exist, or belong to another architecture."""
        if not self.published and section.weights not in ("none", "attention"):
            raise ValueError(
                f"weights is {section.weights}, but there are no published weights of {self.name}; set weights to none "
                "or, in the segmenter and the detector, to attention"
            )
        check_use(section.weights, self.name)
