"""What the attention networks share: the classifier they build upon, normalised maps, the image-level loss."""

from typing import ClassVar

import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import AttentionBackbone
from weakseg.training.parameters import ParameterGroup, caffe_groups

EPSILON = 1e-8
HEAD_STD = 0.01  # weight filler of the released SeeNet and OAA networks


class Classifier(nn.Module):
    """A backbone and a head of class score maps. Its subclasses add losses, branches, other maps.

    Args:
        body: the backbone, already made.
        classes: number of classes C, without background.
        new_layers_rate: learning-rate multiplier of everything above the backbone, `None` for `published_rate`.
        dropout: before the scores of the head and of each further branch.
        convolutions: 3×3 convolutions of the head before its scores.
        width: their channels, `None` for the backbone's own.
        xavier: initialise the new layers by Glorot's rule, as ACoL and SPG do, not as SeeNet and OAA do.
    """

    published_rate: ClassVar[float] = 1.0
    """Multiplier of the new layers' learning rate in the authors' code. 1 is SeeNet's."""
    bias_decay: ClassVar[float] = 0.0
    """Multiplier of the weight decay for biases: 0 in the Caffe releases, 1 in the PyTorch ones."""
    sums_scales: ClassVar[bool] = False
    """Whether maps of several sizes and of the mirrored image are summed before they are normalised: `evidence`."""

    def __init__(
        self,
        body: AttentionBackbone,
        classes: int,
        new_layers_rate: float | None,
        *,
        dropout: tuple[float, ...] = (0.0,),
        convolutions: int = 2,
        width: int | None = None,
        xavier: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = body
        self.new_layers_rate = self.published_rate if new_layers_rate is None else new_layers_rate
        heads = [
            _head(body.channels, width or body.head_width, classes, convolutions, share) for share in dropout
        ]
        if xavier:
            initialise_xavier(*heads)
        elif body.unit_features:
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
        evidence, class_scores = self.evidence(images, labels)
        return scale_to_one(evidence), class_scores

    def evidence(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores as they are, N×C×h×w, zero for absent classes; class scores N×C."""
        scores = self.scores(images)
        return scores.clamp(min=0) * labels[:, :, None, None], pooled(scores)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 with `bias_decay`, all above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone, bias_decay=self.bias_decay) + caffe_groups(
            new, self.new_layers_rate, self.bias_decay
        )


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


def initialise_xavier(*branches: nn.Module) -> None:
    """Weights of all convolutions by Glorot's uniform rule, biases zero: `_initialize_weights` of ACoL and SPG."""
    for branch in branches:
        for layer in branch.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)


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


def mean_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """`image_loss` averaged over classes in place of summed: PyTorch's `multilabel_soft_margin_loss`, as OAA has it."""
    loss: Tensor = functional.multilabel_soft_margin_loss(pooled(scores), labels)
    return loss
