"""Grad-CAM (Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, ICCV 2017) of any of the classifiers."""

import torch
from captum.attr import LayerGradCam
from torch import Tensor

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import scale_to_one


def grad_cam(network: Classifier, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the backbone's last features, weighted by the mean gradient of a class score.

    Args:
        network: in evaluation mode.
        images: N×3×H×W.
        labels: N×C, 1 where present.

    Returns:
        Maps N×C×h×w in [0, 1], zero for absent classes, and class scores N×C. Where no image of the batch has a class
        there is nothing to differentiate, and all maps are zero.
    """
    forward = network.class_scores
    with torch.no_grad():
        scores = forward(images)
    rows, classes = torch.nonzero(labels, as_tuple=True)
    if not len(rows):
        with torch.no_grad():
            shape = network.backbone(images[:1]).shape[2:]
        return scores.new_zeros((*labels.shape, *shape)).float(), scores.float()
    attribution = LayerGradCam(forward, network.backbone)
    # One row per image and present class: a class's gradient must not meet another's.
    found = attribution.attribute(images[rows].float(), target=classes)
    maps = scores.new_zeros((*labels.shape, *found.shape[2:])).float()
    maps[rows, classes] = found[:, 0].detach().float()
    return scale_to_one(maps), scores.float()
