"""What attention networks make of score maps: normalised maps, the union of classes, the image-level loss."""

import torch.nn.functional as functional
from torch import Tensor

EPSILON = 1e-8


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
