"""DeepLab v3 (Chen et al., 2017): torchvision's own head on our backbones."""

from typing import Any

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class DeepLabV3Settings(SegmenterMethod):
    """DeepLab v3 (Chen et al., 2017) with torchvision's head."""

    name = "deeplab_v3"
    made_by = "DeepLabV3"
    backbones = ("mobilenet_v3_large", "resnet50", "resnet101")

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

from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.resnet import TORCHVISION_8, ResNet
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups


class DeepLabV3(PixelClassifier):
    """Stride 16 on MobileNetV3 and 8 on ResNets, as in torchvision; scores before its enlargement.

    Its head normalises the mean of each image over the batch: a process that sees one image of it cannot train.

    Args:
        architecture: `mobilenet_v3_large`, `resnet50` or `resnet101`.
        classes: number of classes C, without background.
        settings: of the method.
    """

    least_share = 2

    def __init__(self, architecture: str, classes: int, settings: DeepLabV3Settings) -> None:
        from torchvision.models.segmentation.deeplabv3 import DeepLabHead

        super().__init__()
        mobile = architecture == "mobilenet_v3_large"
        self.stride = 16 if mobile else 8
        self.backbone = MobileNet() if mobile else ResNet(architecture, self.stride, TORCHVISION_8)
        self.head = DeepLabHead(self.backbone.channels, classes + 1)
        self.new_layers_rate = settings.new_layers_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32; h = (H − 1) / stride + 1 for H = stride · k + 1."""
        scores: Tensor = self.head(self.backbone(images)).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those of the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
