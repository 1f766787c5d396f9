"""Faster R-CNN (Ren et al., NeurIPS 2015): torchvision's parts on our backbones."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign

from weakseg.backbones.start import Start
from weakseg.backbones.weights import InitialWeights
from weakseg.detector.features import build_features
from weakseg.detector.settings import BoxPredictionConfig, DetectorBackbone, DetectorConfig
from weakseg.storage.weights import load_weights, restore
from weakseg.training.parameters import ParameterGroup, caffe_groups

RATIOS = (0.5, 1.0, 2.0)
"""Height by width of the anchors (section 3.1.1)."""
CUT = 7
"""Cells along a side of what is cut out for a proposed box, as torchvision has it."""


class Detector(nn.Module):
    """Boxes of the classes, proposed from anchors and then classified and corrected.

    Torchvision's own transform is left out: images come at the size they are to be seen at, and the backbone
    normalises them. The backbone computes in the given precision, all about boxes in float32: bfloat16 knows whole
    pixels up to 256 only.

    Args:
        section: its settings.
        classes: number of classes C, without background.
    """

    def __init__(self, section: DetectorConfig, classes: int) -> None:
        super().__init__()
        anchors, channels, width = section.anchors, section.channels, section.width
        self.features = build_features(section.backbone.architecture, section.stride, channels)
        self.new_layers_rate = section.new_layers_rate
        share = len(anchors) // self.features.maps
        sizes = tuple(tuple(anchors[share * n : share * (n + 1)]) for n in range(self.features.maps))
        parts = FasterRCNN(
            self.features,
            rpn_anchor_generator=AnchorGenerator(sizes, (RATIOS,) * self.features.maps),
            box_roi_pool=MultiScaleRoIAlign(list(self.features.pooled), CUT, sampling_ratio=2),
            box_head=TwoMLPHead(channels * CUT**2, width),
            box_predictor=FastRCNNPredictor(width, classes + 1),
            box_batch_size_per_image=section.proposals,
        )
        self.rpn, self.roi_heads = parts.rpn, parts.roi_heads

    def start(self, initial: Start, section: DetectorBackbone) -> None:
        """Take the backbone's initial weights, and keep of it what its settings say."""
        backbone = self.features.backbone
        if isinstance(initial, InitialWeights):
            backbone.load(initial)
        elif initial is not None:
            backbone.take_trained(initial)
        backbone.freeze(section.frozen_stages)
        if section.freezes_normalization:
            backbone.freeze_normalization()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of the class and place of the boxes, and of whether and where the proposals see an object.

        Args:
            batch: `image` N×3×H×W (RGB, 0…255), `boxes` N×M×4 (left, top, right and bottom in pixels, the last two
                excluded) and `labels` N×M: 1…C, 0 where there is no box. An image may have none.
        """
        targets = [
            {"boxes": boxes[labels > 0].float(), "labels": labels[labels > 0]}
            for boxes, labels in zip(batch["boxes"], batch["labels"], strict=True)
        ]
        return self._look(batch["image"], targets)[1]

    def detect(self, images: Tensor, settings: BoxPredictionConfig) -> list[dict[str, Tensor]]:
        """The boxes of RGB N×3×H×W in 0…255, in evaluation mode.

        Args:
            images: of one size.
            settings: `least_score`, `overlap` and `most` are read.

        Returns:
            For each image `boxes` K×4 in its pixels, not beyond the image padded to whole cells, `labels` K (1…C) and
            `scores` K, the surest first.
        """
        heads = self.roi_heads
        heads.score_thresh, heads.nms_thresh = settings.least_score, settings.overlap
        heads.detections_per_img = settings.most
        return self._look(images)[0]

    def _look(
        self, images: Tensor, targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Boxes (in evaluation mode) and losses (in training)."""
        images = self._padded(images)
        maps = {name: values.float() for name, values in self.features(images).items()}
        sizes = [(images.shape[2], images.shape[3])] * len(images)
        with torch.autocast(images.device.type, enabled=False):
            proposals, first = self.rpn(ImageList(images, sizes), maps, targets)
            found, second = self.roi_heads(maps, proposals, sizes, targets)
        return found, {**second, **first}

    def _padded(self, images: Tensor) -> Tensor:
        """Float images, their right and lower border repeated up to whole cells, which torchvision's strides need."""
        below, right = (-side % self.features.multiple for side in images.shape[2:])
        return functional.pad(images.float(), (0, right, 0, below), mode="replicate")

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those above the backbone times `new_layers_rate`."""
        above = nn.ModuleList([self.features.neck, self.rpn, self.roi_heads])
        return caffe_groups(self.features.backbone) + caffe_groups(above, self.new_layers_rate)


def load(path: Path, classes: Sequence[str]) -> Detector:
    """A trained detector, in evaluation mode.

    Raises:
        InputError: not detector weights, of another version, or trained for other classes.
    """
    weights = load_weights(path, "detector", classes)
    return restore(path, weights, lambda settings: Detector(DetectorConfig(**settings), len(classes))).eval()


def build(section: DetectorConfig, classes: int, initial: Start) -> Detector:
    """An untrained detector that starts from `initial`."""
    built = Detector(section, classes)
    built.start(initial, section.backbone)
    return built
