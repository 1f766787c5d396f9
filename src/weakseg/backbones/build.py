"""Backbones as the rooms ask for them."""

from weakseg.backbones.inception import Inception
from weakseg.backbones.resnet import UNDILATED, Dilations, ResNet
from weakseg.backbones.vgg import Vgg


def backbone(
    architecture: str,
    stride: int,
    *,
    pool: bool = True,
    dilation: int = 1,
    pool_kernel: int = 2,
    last_pool: bool = False,
) -> Vgg | Inception:
    """The backbone of an attention network.

    Args:
        architecture: `inception_v3` or a name of `LAYOUTS`.
        stride: output stride, 8 or 16.
        pool: VGG at stride 8: keep the fourth pool, with stride 1.
        dilation: VGG at stride 8: of the fifth stage.
        pool_kernel: VGG: of the pools with stride 2; 3 has padding 1.
        last_pool: VGG: a pool of stride 1 after the fifth stage.
    """
    if architecture == "inception_v3":
        return Inception(stride)
    fourth, fifth = (2 if stride == 16 else 1 if pool else 0), (1 if last_pool else 0)
    return Vgg(
        architecture,
        pool_strides=(2, 2, 2, fourth, fifth),
        pool_kernel=pool_kernel,
        last_dilation=dilation if stride == 8 else 1,
    )


def staged(
    architecture: str, stride: int, dilations: Dilations = UNDILATED, *, frozen_normalization: bool = False
) -> Vgg | ResNet:
    """The backbone of a saliency network, whose `stage_features` have strides 4, 8, 16 and 32 from the second on.

    Args:
        architecture: `vgg16`, `resnet50` or `resnet101`.
        stride: 8, 16 or 32: no stage is coarser; of a VGG the last one is dilated at stride 8.
        dilations: of a ResNet.
        frozen_normalization: of a ResNet; a VGG16 has none.
    """
    if architecture == "vgg16":
        pools = (2, 2, 2, 2 if stride > 8 else 0, 2 if stride > 16 else 0)
        return Vgg(architecture, pools, last_dilation=2 if stride == 8 else 1)
    return ResNet(architecture, stride, dilations, frozen_normalization=frozen_normalization)
