"""LR-ASPP (Howard et al., ICCV 2019): torchvision's own head, for computers without a GPU; published on MobileNetV3."""

from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class LrAsppSettings(SegmenterMethod):
    """LR-ASPP (Howard et al., 2019) with torchvision's head."""

    name = "lraspp"
    made_by = "LrAspp"
    backbones = ("mobilenet_v3_large", "resnet50", "resnet101", "timm/")
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "features of stride 8 beside coarser ones"

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the head."""


from torch import Tensor

from weakseg.segmenter.networks.features import build_features, stage_at
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE, COARSE = 8, 16  # of the details, which the scores have, and of the last features
INSIDE = 128  # channels, as in torchvision


class LrAspp(PixelClassifier):
    """Scores of the last features at stride 16, scaled by the whole image's mean, plus those of details at stride 8.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    stride = STRIDE

    def __init__(self, architecture: str, classes: int, settings: LrAsppSettings) -> None:
        from torchvision.models.segmentation.lraspp import LRASPPHead

        super().__init__()
        self.backbone = build_features(architecture, COARSE)
        self.aligned = self.backbone.aligned
        self.low = stage_at(self.backbone, STRIDE)
        self.head = LRASPPHead(self.backbone.widths[self.low], self.backbone.channels, classes + 1, INSIDE)
        self.new_layers_rate = settings.new_layers_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at stride 8; h = (H − 1) / 8 + 1 for H = 8k + 1, or H / 8."""
        stages = self.backbone.stage_features(images)
        scores: Tensor = self.head({"low": stages[self.low], "high": stages[-1]}).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those of the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
