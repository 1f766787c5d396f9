"""DeepLab v3 (Chen et al., 2017): torchvision's own head on our backbones."""

from typing import Any

from weakseg.segmenter.networks.declaration import StridedMethod
from weakseg.settings.section import Positive


class DeepLabV3Settings(StridedMethod):
    """DeepLab v3 (Chen et al., 2017) with torchvision's head."""

    name = "deeplab_v3"
    made_by = "DeepLabV3"
    backbones = ("mobilenet_v3_large", "resnet50", "resnet101", "timm/")

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the head."""

    def check(self, section: Any) -> None:
        """Refuse a share of one image: the head normalises the mean of each image over the batch."""
        super().check(section)
        if section.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {section.training.share}; deeplab_v3 normalises over its "
                "share of the batch and needs 2 or more"
            )


from torch import Tensor

from weakseg.backbones.timm_models import TimmBackbone
from weakseg.segmenter.networks.features import build_chosen, scaled
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups

RATES = (12, 24, 36)  # of torchvision's head, on features of stride 8 and, of MobileNetV3, 16


class DeepLabV3(PixelClassifier):
    """Stride 16 on MobileNetV3 and 8 on ResNets, as in torchvision; scores before its enlargement.

    On models of timm the dilations of the head are scaled with the stride: they cover as many pixels as on ResNets.

    Its head normalises the mean of each image over the batch: a process that sees one image of it cannot train.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    least_share = 2

    def __init__(self, architecture: str, classes: int, settings: DeepLabV3Settings) -> None:
        from torchvision.models.segmentation.deeplabv3 import DeepLabHead

        super().__init__()
        self.backbone = build_chosen(architecture, settings.output_stride)
        self.stride, self.aligned = self.backbone.stride, self.backbone.aligned
        free = isinstance(self.backbone, TimmBackbone)
        rates = [scaled(rate, 8, self.stride) if free else rate for rate in RATES]
        self.head = DeepLabHead(self.backbone.channels, classes + 1, rates)
        self.new_layers_rate = settings.new_layers_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32; h = (H − 1) / stride + 1 for H = stride · k + 1, or H / stride."""
        scores: Tensor = self.head(self.backbone(images)).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those of the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
