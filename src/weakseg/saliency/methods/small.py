"""A small saliency network for the demo: a feature pyramid on the small VGG, trained from scratch."""

from weakseg.saliency.methods.declaration import TrainedMethod


class SmallSettings(TrainedMethod):
    """A small encoder-decoder trained on the data set's saliency split (demo)."""

    name = "small"
    made_by = "SmallSaliency"


import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.vgg import Vgg
from weakseg.saliency.methods.parts import SaliencyNetwork
from weakseg.storage.labels import UNDECIDED
from weakseg.training.parameters import ParameterGroup, caffe_groups

WIDTH = 48


class SmallSaliency(SaliencyNetwork):
    """Features at strides 4, 8 and 16, brought to one width, summed coarse to fine (Lin et al., 2017)."""

    def __init__(self, settings: SmallSettings) -> None:
        super().__init__()
        self.backbone = Vgg(settings.architecture)
        widths = self.backbone.layout.widths
        self.lateral = nn.ModuleList([nn.Conv2d(widths[stage], WIDTH, 1) for stage in (1, 2, 4)])
        self.head = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(WIDTH, 1, 3, padding=1),
        )

    def backbones(self) -> list[Backbone]:
        """The one."""
        return [self.backbone]

    def logits(self, images: Tensor) -> Tensor:
        """N×1×H×W for RGB N×3×H×W in 0…255."""
        features = self.backbone.normalize(images)
        pyramid: list[Tensor] = []
        for number, stage in enumerate(self.backbone.stages):
            features = stage(features)
            if number in (1, 2, 4):
                pyramid.append(self.lateral[len(pyramid)](features))
        merged = pyramid.pop()
        while pyramid:
            finer = pyramid.pop()
            merged = finer + functional.interpolate(
                merged, finer.shape[2:], mode="bilinear", align_corners=False
            )
        return functional.interpolate(
            self.head(merged).float(), images.shape[2:], mode="bilinear", align_corners=False
        )

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]."""
        return self.logits(images).sigmoid()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Binary cross entropy over the pixels of `mask` N×H×W that are 0 or 1, not 255."""
        logits, mask = self.logits(batch["image"])[:, 0], batch["mask"]
        scored = mask != UNDECIDED
        return {
            "loss_saliency": functional.binary_cross_entropy_with_logits(logits[scored], mask[scored].float())
        }

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter at the base rate, biases twice."""
        return caffe_groups(self)
