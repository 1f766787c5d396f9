"""Grad-CAM against its formula, and on a classifier where it must equal CAM."""

from collections.abc import Callable

import pytest
import torch

from weakseg.attention.gradcam import grad_cam
from weakseg.attention.networks import NETWORKS
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import scale_to_one


@pytest.mark.parametrize("method", [name for name, declared in NETWORKS.items() if declared.trains])
def test_weighted_features_of_the_formula(method: str, made: Callable[..., Classifier]) -> None:
    torch.manual_seed(0)
    network = made(method, 3).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64)).float()
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    maps, scores = grad_cam(network, images, labels)
    assert (maps[labels == 0] == 0).all()
    torch.testing.assert_close(scores, network.class_scores(images))
    for image, name in ((0, 0), (0, 2), (1, 1)):
        kept: list[torch.Tensor] = []
        hook = network.backbone.register_forward_hook(lambda _m, _i, out, kept=kept: kept.append(out))
        score = network.class_scores(images[image : image + 1])[0, name]
        hook.remove()
        (gradient,) = torch.autograd.grad(score, kept[0])
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        expected = scale_to_one((weights * kept[0]).sum(dim=1, keepdim=True))
        torch.testing.assert_close(maps[image, name], expected[0, 0], atol=1e-4, rtol=1e-3)


def test_a_batch_without_labels_has_empty_maps(made: Callable[..., Classifier]) -> None:
    network = made("cam", 3).eval()
    images = torch.randint(0, 256, (2, 3, 64, 96))
    maps, scores = grad_cam(network, images, torch.zeros(2, 3))
    assert maps.shape == (2, 3, 4, 6)
    assert not maps.any()
    torch.testing.assert_close(scores, network.class_scores(images))
