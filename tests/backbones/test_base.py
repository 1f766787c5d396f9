"""What every backbone of the table must do, and that its declaration is true."""

import subprocess
import sys

import pytest
import torch

from weakseg.backbones import BACKBONES, serving
from weakseg.backbones.base import UNDILATED, AttentionBackbone, Backbone, Pools, SaliencyBackbone
from weakseg.backbones.settings import BackboneConfig
from weakseg.backbones.weights import NORMALIZATIONS
from weakseg.errors import InputError
from weakseg.weights.known import find

IMAGES = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_can_do_what_it_declares(name: str) -> None:
    declared = BACKBONES[name]
    made = declared.maker()
    assert issubclass(made, Backbone)
    assert issubclass(made, AttentionBackbone) >= ("attention" in declared.rooms)
    assert issubclass(made, SaliencyBackbone) >= ("saliency" in declared.rooms)
    assert BackboneConfig(architecture=name, weights="none").architecture == name


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", serving("attention"))
def test_under_attention_networks(name: str, stride: int) -> None:
    body = BACKBONES[name].maker().for_attention(name, stride, Pools()).eval()
    assert body.architecture == name
    with torch.no_grad():
        low, high, features = body.side_features(IMAGES)
        assert torch.equal(features, body(IMAGES))
    cells = (64 // stride, 96 // stride)  # Inception has one more beside each border
    assert 0 <= features.shape[2] - cells[0] <= 2
    assert 0 <= features.shape[3] - cells[1] <= 2
    assert features.shape[1] == body.channels
    assert (low.shape[1], high.shape[1]) == body.side_channels
    assert min(body.head_width, body.dense_width, body.side_width) > 0


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("name", serving("saliency"))
def test_under_saliency_networks(name: str, stride: int) -> None:
    body = BACKBONES[name].maker().for_saliency(name, stride, UNDILATED, False).eval()
    with torch.no_grad():
        stages = body.stage_features(IMAGES)
    assert [features.shape[1] for features in stages] == list(body.widths)
    assert [64 // features.shape[2] for features in stages[1:]] == [min(s, stride) for s in (4, 8, 16, 32)]
    body.drop_last_stage()
    with torch.no_grad():
        assert torch.equal(body(IMAGES), stages[3])


@pytest.mark.parametrize("name", [name for name, declared in BACKBONES.items() if declared.torchvision])
def test_torchvisions_networks_have_published_weights(name: str) -> None:
    declared, known = BACKBONES[name].torchvision, find("IMAGENET1K_V1", name)
    assert known is not None and known.name == name
    assert declared is not None and declared.normalization in NORMALIZATIONS


def test_the_declarations_need_no_torch() -> None:
    code = "import sys, weakseg.backbones.settings; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize("name", ["vgg16", "vgg_small"])
def test_pools_come_before_relus_with_the_same_values_and_gradients(name: str) -> None:
    torch.manual_seed(0)
    body = BACKBONES[name].maker().for_attention(name, 16, Pools())
    found = []
    for _ in range(2):
        body.zero_grad()
        features = body(IMAGES)
        features.square().sum().backward()
        found.append((features.detach(), [parameter.grad.clone() for parameter in body.parameters()]))
        for stage in body.stages[:4]:
            assert isinstance(stage[-1], torch.nn.ReLU) == (len(found) == 1)
            stage[-2], stage[-1] = stage[-1], stage[-2]
    assert torch.equal(found[0][0], found[1][0])
    assert all(map(torch.equal, found[0][1], found[1][1]))


def test_a_trained_backbone_is_taken_as_far_as_it_is_needed() -> None:
    """What cannot be dilated ends early under an attention network: a finer network takes less of it, no other more."""
    make = BACKBONES["timm/edgenext_xx_small"].maker()
    trained = make.for_attention("timm/edgenext_xx_small", 16, Pools())
    finer, whole = (make("timm/edgenext_xx_small", stride) for stride in (8, 32))
    finer.take_trained(trained.state_dict())
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in finer.state_dict().items())
    with pytest.raises(InputError, match=r"edgenext_xx_small ends before 'model\.stages\.3"):
        whole.take_trained(trained.state_dict())
