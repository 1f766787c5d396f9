"""ACoL's erasing by hand, and that CAM is what SeeNet is without its erasing."""

import torch

from weakseg.attention.acol import Acol, erase
from weakseg.attention.cam import Cam
from weakseg.attention.parts import min_max, scale_to_one, union
from weakseg.attention.seenet import SeeNet


def test_erasing_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0, 3.0]], [[-4.0, 5.0, 6.0]]]])
    attention = torch.tensor([[[[0.59, 0.6, 1.0]]]])  # erased from 0.6 on, the bound included
    assert erase(features, attention, 0.6).tolist() == [[[[1.0, 0.0, 0.0]], [[-4.0, 0.0, 0.0]]]]


def test_second_classifier_sees_the_erased_features() -> None:
    torch.manual_seed(0)
    network = Acol("vgg_small", classes=3).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64))
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    features = network.pool(network.backbone(images))
    first = network.head(features)
    mask = (union(min_max(first), labels) < 0.6).float()
    assert 0 < mask.mean() < 1
    expected = network.branch_b(features * mask)
    torch.testing.assert_close(network.branches(images, labels)[1], expected)
    fused = torch.maximum(scale_to_one(first), scale_to_one(expected))
    torch.testing.assert_close(network.attention(images, labels)[0][0, 2], fused[0, 2])


def test_cam_is_seenets_first_branch() -> None:
    torch.manual_seed(0)
    seenet = SeeNet("vgg_small", classes=3).eval()
    cam = Cam("vgg_small", classes=3).eval()
    cam.backbone.load_state_dict(seenet.backbone.state_dict())
    cam.head.load_state_dict(seenet.head.state_dict())
    images, labels = torch.randint(0, 256, (2, 3, 64, 64)), torch.ones(2, 3)
    torch.testing.assert_close(cam.scores(images), seenet.branches(images, labels)[0])
    torch.testing.assert_close(
        cam.losses({"image": images, "labels": labels})["loss_class"],
        seenet.losses({"image": images, "labels": labels})["loss_a"],
    )
