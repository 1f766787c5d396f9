"""The backbones under heads that stand on any features; where their cells lie over the image."""

from weakseg.backbones import BACKBONES, timm_stages
from weakseg.backbones.base import Dilations
from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.resnet import TORCHVISION, ResNet
from weakseg.backbones.timm_models import TimmBackbone
from weakseg.errors import InputError

Features = ResNet | MobileNet | TimmBackbone
"""Each has the `strides` of its stages, the `stride` of the last, and `aligned`, where their cells lie."""
DILATIONS: Dilations = ((2, 2), (4, 4))
"""Every block of layers 3 and 4 of a ResNet, the first included, as DeepLab v2 and deeplab-pytorch have it."""
PUBLISHED = 8
"""Pixels per cell of the features that DeepLab v1 and v2 publish."""
UNDILATED = 16
"""Of models that cannot be dilated: at 8 half of their stages would be left out."""


def build_features(
    architecture: str, stride: int, dilations: Dilations | None = None, *, exact: bool = False
) -> Features:
    """An untrained backbone.

    Args:
        architecture: `resnet50`, `resnet101`, `mobilenet_v3_large` or a model of timm.
        stride: pixels of the image per cell of the last features. MobileNetV3 has 16 where less is asked for, a model
            of timm its own where it cannot have this one.
        dilations: of a ResNet; `None` as torchvision has them.
        exact: refuse a model of timm that cannot have the stride.

    Raises:
        InputError: the model cannot have this stride, or no features can be taken from it.
    """
    if architecture == "mobilenet_v3_large":
        return MobileNet(max(stride, 16))
    if architecture.startswith("resnet"):
        return ResNet(architecture, stride, dilations or TORCHVISION[stride])
    make = BACKBONES[architecture].maker()
    made: TimmBackbone = make(architecture, stride) if exact else make.for_segmenter(architecture, stride)
    return made


def build_chosen(architecture: str, chosen: int | None, dilations: Dilations | None = None) -> Features:
    """An untrained backbone at a stride that a user chose; `None`: 8 as published, 16 if it cannot be dilated to it."""
    stride = chosen or (PUBLISHED if _dilatable(architecture) else UNDILATED)
    return build_features(architecture, stride, dilations, exact=chosen is not None)


def _dilatable(architecture: str) -> bool:
    """Whether all stages of a backbone are there at the published stride."""
    family, _, name = architecture.partition("/")
    if family != "timm":
        return True
    try:
        dilated = timm_stages.plan(name, PUBLISHED)
    except InputError:
        return False
    return len(dilated.stages) == len(timm_stages.plan(name, None).stages)


def scaled(rate: int, published: int, stride: int) -> int:
    """A dilation that covers as many pixels at a stride as `rate` does at the published one; at least 1."""
    return max(1, round(rate * published / stride))


def stage_at(backbone: Features, stride: int) -> int:
    """Number of the last stage of a stride.

    Raises:
        InputError: there is none.
    """
    found = [number for number, own in enumerate(backbone.strides) if own == stride]
    if not found:
        raise InputError(
            f"{backbone.architecture} has features of the strides {', '.join(map(str, backbone.strides))}, but this "
            f"segmenter needs some of stride {stride}; choose another model or segmenter."
        )
    return found[-1]
