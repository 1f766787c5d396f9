"""Convolutional networks under the rooms' networks: features, initial weights, normalisation."""

from weakseg.backbones.alexnet import AlexNet
from weakseg.backbones.inception import Inception
from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.resnet import ResNet
from weakseg.backbones.start import Start, read_start
from weakseg.backbones.vgg import LAYOUTS, Vgg
from weakseg.backbones.weights import InitialWeights, read_initial_weights

__all__ = [
    "LAYOUTS",
    "AlexNet",
    "Inception",
    "InitialWeights",
    "MobileNet",
    "ResNet",
    "Start",
    "Vgg",
    "backbone",
    "read_initial_weights",
    "read_start",
]


def backbone(architecture: str, stride: int, *, pool: bool = True, dilation: int = 1) -> Vgg | Inception:
    """The backbone of an attention network.

    Args:
        architecture: `inception_v3` or a name of `LAYOUTS`.
        stride: output stride, 8 or 16.
        pool: VGG at stride 8: keep the fourth pool, with stride 1.
        dilation: VGG at stride 8: of the fifth stage.
    """
    if architecture == "inception_v3":
        return Inception(stride)
    if stride == 16:
        return Vgg(architecture, pool_strides=(2, 2, 2, 2, 0))
    return Vgg(architecture, pool_strides=(2, 2, 2, 1 if pool else 0, 0), last_dilation=dilation)
