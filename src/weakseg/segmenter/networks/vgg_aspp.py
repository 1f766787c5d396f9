"""DeepLab-ASPP on VGG16 (Chen et al., PAMI 2018, section 4.1.2, DeepLab-ASPP-L): four LargeFOV heads side by side."""

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class VggAsppSettings(SegmenterMethod):
    """DeepLab-ASPP on VGG16 (Chen et al., 2018): four dilations side by side."""

    name = "vgg_aspp"
    made_by = "VggAspp"
    backbones = ("vgg16", "vgg_small")

    new_dense_rate: Positive = 1.0
    """As in largefov, for all four branches."""


import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.vgg import Vgg
from weakseg.segmenter.networks.parts import (
    DENSE_STD,
    DROPOUT,
    SCORE_STD,
    DenseClassifier,
    initialize,
)

RATES = (6, 12, 18, 24)  # ASPP-L, table 3


class VggAspp(DenseClassifier):
    """Backbone as LargeFOV's without the average pool; fc6, fc7 and scores per dilation, the scores summed.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    stride = 8

    def __init__(self, architecture: str, classes: int, settings: VggAsppSettings) -> None:
        super().__init__()
        self.backbone: Vgg = Vgg(architecture, pool_strides=(2, 2, 2, 1, 1), pool_kernel=3, last_dilation=2)
        width = self.backbone.layout.head
        std = None if self.backbone.layout.batch_norm else DENSE_STD
        inside = self.backbone.channels
        self.fc6: nn.ModuleList = nn.ModuleList(
            initialize(nn.Conv2d(inside, width, 3, padding=rate, dilation=rate), std) for rate in RATES
        )
        self.fc7: nn.ModuleList = nn.ModuleList(initialize(nn.Conv2d(width, width, 1), std) for _ in RATES)
        self.score: nn.ModuleList = nn.ModuleList(
            initialize(nn.Conv2d(width, classes + 1, 1), SCORE_STD) for _ in RATES
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.dense_rate = settings.new_dense_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at stride 8; h = (H − 1) / 8 + 1 for H = 8k + 1."""
        features = self.backbone(images)
        branches: list[Tensor] = []
        for fc6, fc7, score in zip(self.fc6, self.fc7, self.score, strict=True):
            hidden = self.dropout(functional.relu(fc6(features)))
            hidden = self.dropout(functional.relu(fc7(hidden)))
            branches.append(score(hidden).float())
        return branches[0] + branches[1] + branches[2] + branches[3]
