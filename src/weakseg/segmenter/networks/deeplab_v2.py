"""DeepLab v2 (Chen et al., PAMI 2018): atrous spatial pyramid pooling on a dilated ResNet, or on any other features."""

from weakseg.segmenter.networks.declaration import StridedMethod


class DeepLabV2Settings(StridedMethod):
    """DeepLab v2 (Chen et al., 2018)."""

    name = "deeplab_v2"
    made_by = "DeepLabV2"
    backbones = ("resnet50", "resnet101", "inception_v3", "mobilenet_v3_large", "timm/")

    multi_scale: bool = False
    """Maximum of the scores at sizes 1, 0.75 and 0.5, in training and prediction; twice the time."""


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.grid import CORNERS, resize
from weakseg.backbones.inception import ALIGNED_PADDING, Inception
from weakseg.segmenter.networks.features import DILATIONS, Features, build_chosen, scaled
from weakseg.segmenter.networks.parts import SCORE_RATE, SCORE_STD, PixelClassifier, initialize
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE = 8
RATES = (6, 12, 18, 24)  # ASPP-L, section 4.1.2, of stride 8
SCALES = (1.0, 0.75, 0.5)  # "MSC", section 4.2.1; the first is the image itself


class DeepLabV2(PixelClassifier):
    """Backbone, of stride 8 as published, and on its features 3×3 score convolutions of four dilations, summed.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: with `multi_scale`, each size and the maximum have a loss of their own in training, which are added
            (the published prototxt).
    """

    stride = STRIDE

    def __init__(self, architecture: str, classes: int, settings: DeepLabV2Settings) -> None:
        super().__init__()
        self.backbone: Features | Inception
        if architecture == "inception_v3":
            self.backbone = Inception(self.stride)
        else:
            self.backbone = build_chosen(architecture, settings.output_stride, DILATIONS)
            self.stride, self.aligned = self.backbone.stride, self.backbone.aligned
        rates = [scaled(rate, STRIDE, self.stride) for rate in RATES]
        self.multi_scale = settings.multi_scale
        channels = self.backbone.channels
        self.aspp = nn.ModuleList(
            initialize(nn.Conv2d(channels, classes + 1, 3, padding=rate, dilation=rate), SCORE_STD)
            for rate in rates
        )

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32; at stride 8 of ResNets h = (H − 1) / 8 + 1 for H = 8k + 1."""
        if not self.multi_scale:
            return self._scores(images)
        return torch.stack(self._of_scales(images)).amax(dim=0)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Loss over the decided pixels of `labels`; with `multi_scale` of each size and of their maximum."""
        if not self.multi_scale:
            return super().losses(batch)
        logits, labels = self._of_scales(self.whole_cells(batch["image"])), batch["labels"]
        losses = {
            f"loss_{scale:g}": self.label_loss(scores, labels)
            for scale, scores in zip(SCALES, logits, strict=True)
        }
        return losses | {"loss_maximum": self.label_loss(torch.stack(logits).amax(dim=0), labels)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """1 for the backbone, 10 for the score weights, 20 for their biases, which do not decay."""
        return caffe_groups(self.backbone) + caffe_groups(self.aspp, SCORE_RATE)

    def _scores(self, images: Tensor) -> Tensor:
        if isinstance(self.backbone, Inception):
            padded = functional.pad(images.float(), ALIGNED_PADDING, mode="replicate")
            features = self.backbone(padded)[:, :, :-1, :-1]
        else:
            features = self.backbone(images)
        first, second, third, fourth = (branch(features).float() for branch in self.aspp)
        summed: Tensor = first + second + third + fourth
        return summed

    def _of_scales(self, images: Tensor) -> list[Tensor]:
        """The scores of each size, at the resolution of the first; smaller images are whole cells long, too."""
        given = [self._scores(images)]
        over = 1 if self.aligned == CORNERS else 0
        for scale in SCALES[1:]:
            size = [
                max(round((side - over) / self.stride * scale), 1 - over) * self.stride + over
                for side in images.shape[2:]
            ]
            smaller = self._scores(resize(images.float(), size, self.aligned))
            given.append(resize(smaller, given[0].shape[2:], self.aligned))
        return given
