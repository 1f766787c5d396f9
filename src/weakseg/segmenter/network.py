"""What every segmenter offers, and the table of their names."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor, nn

from weakseg.backbones.start import Start
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.deeplab_v2 import DeepLabV2
from weakseg.segmenter.deeplab_v3 import DeepLabV3
from weakseg.segmenter.deformable import deformable
from weakseg.segmenter.fcn import Fcn8s, Fcn16s, Fcn32s
from weakseg.segmenter.largefov import LargeFov
from weakseg.segmenter.loss import PixelLoss
from weakseg.segmenter.lraspp import LrAspp
from weakseg.segmenter.parts import PixelClassifier
from weakseg.segmenter.vgg_aspp import VggAspp
from weakseg.storage.weights import Weights, load_weights, restore
from weakseg.training.parameters import ParameterGroup


class Segmenter(Protocol):
    """A network that scores every class at every position.

    `stride` is the pixels of the image per cell of its scores, `aligned` says where the cells lie (`grid`).
    """

    stride: int
    aligned: str

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `labels` N×H×W (255 not decided)."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """N×(C+1)×h×w float32."""
        ...


NETWORKS: dict[str, Callable[..., PixelClassifier]] = {
    "largefov": LargeFov,
    "vgg_aspp": VggAspp,
    "fcn32s": Fcn32s,
    "fcn16s": Fcn16s,
    "fcn8s": Fcn8s,
    "deeplab_v2": DeepLabV2,
    "deformable": deformable,
    "deeplab_v3": DeepLabV3,
    "lraspp": LrAspp,
}
"""Method name → what makes it of `(architecture, classes, **options)`."""


def build(
    method: str,
    architecture: str,
    classes: int,
    options: dict[str, Any],
    initial: Start = None,
    frozen_stages: int = 0,
    pixel_loss: PixelLoss | None = None,
) -> nn.Module:
    """An untrained segmenter, its backbone's first stages frozen.

    Args:
        method: a name of `NETWORKS`.
        architecture: name of the backbone.
        classes: number of classes C, without background.
        options: the method's section of the configuration.
        initial: published weights, or the state of a trained backbone.
        frozen_stages: stages that keep their weights.
        pixel_loss: what it minimises, if not plain cross entropy.
    """
    network: Any = NETWORKS[method](architecture, classes, **options)
    if isinstance(initial, InitialWeights):
        network.load(initial)
    elif initial is not None:
        # What only the segmenter's backbone has, the offsets of deformable convolutions, starts from zero.
        network.backbone.load_state_dict(network.backbone.state_dict() | dict(initial))
    network.backbone.freeze(frozen_stages)
    if pixel_loss is not None:
        network.pixel_loss = pixel_loss
    return cast(nn.Module, network)


def load(path: Path, classes: Sequence[str]) -> nn.Module:
    """A trained segmenter.

    Raises:
        InputError: not segmenter weights, of another version, or trained for other classes.
    """
    return from_weights(path, load_weights(path, "segmenter", classes))


def from_weights(path: Path, weights: Weights) -> nn.Module:
    """The segmenter that a weights file holds.

    Raises:
        InputError: weights of another version.
    """

    def untrained(settings: dict[str, Any]) -> nn.Module:
        method, architecture = settings["method"], settings["backbone"]["architecture"]
        return build(method, architecture, len(weights.classes), settings[method])

    return restore(path, weights, untrained)
