"""What several attention networks share: the classifier head, normalised maps, the image-level loss."""

import torch.nn.functional as functional
from torch import Tensor, nn

EPSILON = 1e-8
HEAD_STD = 0.01  # weight filler of the released SeeNet and OAA networks


def head(
    channels: int, width: int, classes: int, *, convolutions: int = 2, dropout: float = 0.0
) -> nn.Sequential:
    """3×3 convolutions with ReLU, dropout, and a 1×1 convolution to `classes` score maps."""
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [nn.Conv2d(channels if number == 0 else width, width, 3, padding=1), nn.ReLU(inplace=True)]
    branch = nn.Sequential(*layers, nn.Dropout(dropout), nn.Conv2d(width, classes, 1))
    for layer in branch.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=HEAD_STD)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return branch


def suit_unit_features(*branches: nn.Sequential) -> None:
    """Initialise for features of unit scale.

    The released filler suits VGG16's features, which reach hundreds; on normalised ones it would learn nothing.
    """
    for branch in branches:
        for layer in list(branch.modules())[1:-1]:
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
