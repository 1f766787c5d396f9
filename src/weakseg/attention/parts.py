"""What the attention networks share: the classifier they build upon, normalised maps, the image-level loss."""

import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import backbone
from weakseg.training.parameters import ParameterGroup, caffe_groups

EPSILON = 1e-8
HEAD_STD = 0.01  # weight filler of the released SeeNet and OAA networks


class Classifier(nn.Module):
    """A backbone and a head of class score maps. Its subclasses add losses, branches, other maps.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        stride: output stride of the backbone.
        new_layers_rate: learning-rate multiplier of everything above the backbone.
        dropout: of the head and of each further branch, `None` for the backbone's own.
        convolutions: 3×3 convolutions of the head before its scores.
        dilation: of the backbone's last stage at stride 8.
    """

    def __init__(
        self,
        architecture: str,
        classes: int,
        stride: int,
        new_layers_rate: float,
        *,
        dropout: tuple[float | None, ...] = (0.0,),
        convolutions: int = 2,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.backbone = backbone(architecture, stride, dilation=dilation)
        self.new_layers_rate = new_layers_rate
        channels, width = self.backbone.channels, self.backbone.head_width
        shares = [self.backbone.head_dropout if share is None else share for share in dropout]
        heads = [_head(channels, width, classes, convolutions, share) for share in shares]
        if self.backbone.unit_features:
            _suit_unit_features(heads)
        self.head = heads[0]
        if heads[1:]:
            self.branch_b = heads[1]

    def features(self, images: Tensor) -> Tensor:
        """What the head sees, N×D×h×w."""
        features: Tensor = self.backbone(images)
        return features

    def scores(self, images: Tensor) -> Tensor:
        """The head's score maps N×C×h×w float32."""
        scores: Tensor = self.head(self.features(images)).float()
        return scores

    def class_scores(self, images: Tensor) -> Tensor:
        """The head's class scores N×C, which need no labels."""
        return pooled(self.scores(images))

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores divided by each map's maximum, N×C×h×w, zero for absent classes; class scores N×C."""
        scores = self.scores(images)
        return scale_to_one(scores) * labels[:, :, None, None], pooled(scores)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, all above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone) + caffe_groups(new, self.new_layers_rate)


def _head(channels: int, width: int, classes: int, convolutions: int, dropout: float) -> nn.Sequential:
    """3×3 convolutions with ReLU, dropout, and a 1×1 convolution to `classes` score maps."""
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [nn.Conv2d(channels if number == 0 else width, width, 3, padding=1), nn.ReLU(inplace=True)]
    branch = nn.Sequential(*layers, nn.Dropout(dropout), nn.Conv2d(width, classes, 1))
    for layer in branch:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=HEAD_STD)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return branch


def _suit_unit_features(heads: list[nn.Sequential]) -> None:
    """Initialise for features of unit scale.

    The released filler suits VGG16's features, which reach hundreds; on normalised ones it would learn nothing.
    """
    for branch in heads:
        for layer in branch[:-1]:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def min_max(maps: Tensor) -> Tensor:
    """Each map N×C×h×w stretched to [0, 1] by its own smallest and largest value."""
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    return (maps - low) / (high - low + EPSILON)


def scale_to_one(scores: Tensor) -> Tensor:
    """Negative scores to zero, then each map N×C×h×w divided by its own maximum."""
    positive = scores.clamp(min=0)
    return positive / (positive.amax(dim=(2, 3), keepdim=True) + EPSILON)


def union(maps: Tensor, labels: Tensor) -> Tensor:
    """Largest of the present classes' maps: what a single-label method makes of an image with several classes.

    Args:
        maps: N×C×h×w in [0, 1].
        labels: N×C, 1 where present.

    Returns:
        N×1×h×w in [0, 1]; zero where an image has no class.
    """
    return (maps * labels[:, :, None, None]).amax(dim=1, keepdim=True)


def pooled(scores: Tensor) -> Tensor:
    """Class scores N×C of score maps N×C×h×w: their global average."""
    return scores.mean(dim=(2, 3))


def image_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Sigmoid cross entropy of the pooled score maps N×C×h×w against image-level labels N×C.

    Summed over classes and averaged over images, as Caffe's SigmoidCrossEntropyLoss is.
    """
    loss = functional.binary_cross_entropy_with_logits(pooled(scores), labels, reduction="none")
    return loss.sum(dim=1).mean()
