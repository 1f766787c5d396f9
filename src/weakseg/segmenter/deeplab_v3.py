"""DeepLab v3 (Chen et al., 2017): torchvision's own head on our backbones."""

from torch import Tensor

from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.resnet import TORCHVISION_8, ResNet
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups


class DeepLabV3(PixelClassifier):
    """Stride 16 on MobileNetV3 and 8 on ResNets, as in torchvision; scores before its enlargement.

    Its head normalises the mean of each image over the batch: a process that sees one image of it cannot train.

    Args:
        architecture: `mobilenet_v3_large`, `resnet50` or `resnet101`.
        classes: number of classes C, without background.
        new_layers_rate: learning-rate multiplier of the head.
    """

    least_share = 2

    def __init__(self, architecture: str, classes: int, new_layers_rate: float = 1.0) -> None:
        from torchvision.models.segmentation.deeplabv3 import DeepLabHead

        super().__init__()
        mobile = architecture == "mobilenet_v3_large"
        self.stride = 16 if mobile else 8
        self.backbone = MobileNet() if mobile else ResNet(architecture, self.stride, TORCHVISION_8)
        self.head = DeepLabHead(self.backbone.channels, classes + 1)
        self.new_layers_rate = new_layers_rate

    def load(self, initial: InitialWeights) -> None:
        """Take the backbone's weights."""
        self.backbone.load(initial)

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32; h = (H − 1) / stride + 1 for H = stride · k + 1."""
        scores: Tensor = self.head(self.backbone(images)).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those of the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
