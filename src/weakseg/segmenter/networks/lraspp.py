"""LR-ASPP (Howard et al., ICCV 2019): torchvision's own head on MobileNetV3, for computers without a GPU."""

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class LrAsppSettings(SegmenterMethod):
    """LR-ASPP (Howard et al., 2019) with torchvision's head."""

    name = "lraspp"
    made_by = "LrAspp"
    backbones = ("mobilenet_v3_large",)

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the head."""


from torch import Tensor

from weakseg.backbones.mobilenet import MobileNet
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups

INSIDE = 128  # channels, as in torchvision


class LrAspp(PixelClassifier):
    """Scores of the last features at stride 16, scaled by the whole image's mean, plus those of details at stride 8.

    Args:
        architecture: `mobilenet_v3_large`.
        classes: number of classes C, without background.
        settings: of the method.
    """

    stride = 8

    def __init__(self, architecture: str, classes: int, settings: LrAsppSettings) -> None:
        from torchvision.models.segmentation.lraspp import LRASPPHead

        super().__init__()
        self.backbone: MobileNet = MobileNet()
        low, high = self.backbone.low_channels, self.backbone.channels
        self.head = LRASPPHead(low, high, classes + 1, INSIDE)
        self.new_layers_rate = settings.new_layers_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at stride 8; h = (H − 1) / 8 + 1 for H = 8k + 1."""
        stages = self.backbone.stage_features(images)
        scores: Tensor = self.head({"low": stages[self.backbone.low], "high": stages[-1]}).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those of the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
