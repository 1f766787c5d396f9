"""DeepLab's variants: fields of view, rates, scales, deformation, torchvision's heads."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import segmentation

from weakseg.backbones.resnet import ResNet
from weakseg.backbones.vgg import Vgg
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.network import build, make
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.networks.deeplab_v2 import DeepLabV2, DeepLabV2Settings
from weakseg.segmenter.networks.deeplab_v3 import DeepLabV3, DeepLabV3Settings
from weakseg.segmenter.networks.deformable import DeformableConvolution, DeformableSettings, deformable
from weakseg.segmenter.networks.largefov import LargeFov, LargeFovSettings
from weakseg.segmenter.networks.lraspp import LrAspp, LrAsppSettings
from weakseg.segmenter.networks.vgg_aspp import VggAspp, VggAsppSettings
from weakseg.segmenter.settings import SegmenterConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "segmenters.md"


def images(side: int = 65) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, side, side), generator=torch.Generator().manual_seed(0))


# -------------------------------------------------------------------------------------- fields of view


def field(layers: list[Any]) -> int:
    """Side of what one cell sees, in pixels: each layer adds (kernel − 1) · dilation · stride so far."""
    seen, jump = 1, 1
    for layer in layers:
        kernel, dilation, stride = (
            value if isinstance(value, int) else value[0]
            for value in (layer.kernel_size, getattr(layer, "dilation", 1), layer.stride)
        )
        seen += (kernel - 1) * dilation * jump
        jump *= stride
    return seen


def spatial(module: nn.Module) -> list[nn.Module]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)]


def resnet_layers(backbone: ResNet) -> list[nn.Module]:
    """Along the residuals: the shortcuts see no more."""
    blocks = [
        block
        for layer in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)
        for block in layer
    ]
    inside = [layer for block in blocks for layer in (block.conv1, block.conv2, block.conv3)]
    return [backbone.conv1, backbone.maxpool, *inside]


def fields() -> dict[str, list[int]]:
    """Document's row → fields of view of its heads."""
    with torch.device("meta"):
        large, aspp = LargeFov("vgg16", 1, LargeFovSettings()), VggAspp("vgg16", 1, VggAsppSettings())
        resnets = {name: DeepLabV2(f"resnet{name}", 1, DeepLabV2Settings()) for name in ("50", "101")}
    found = {
        "largefov": [field([*spatial(large.backbone), large.pool, large.fc6])],
        "vgg_aspp": [field([*spatial(aspp.backbone), branch]) for branch in aspp.fc6],
    }
    for name, network in resnets.items():
        assert isinstance(network.backbone, ResNet)
        layers = resnet_layers(network.backbone)
        found[f"deeplab_v2, ResNet-{name}"] = [field([*layers, branch]) for branch in network.aspp]
    return found


def test_documented_fields_of_view() -> None:
    found = fields()
    assert found["largefov"] == [435]
    for name, values in found.items():
        (row,) = re.findall(
            rf"^\| {re.escape(name)} \|.*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert [int(number.replace(",", "")) for number in row.split("|")[-2].split("/")] == values


def test_the_computed_field_is_what_a_gradient_touches() -> None:
    torch.manual_seed(0)
    network = LargeFov("vgg_small", 1, LargeFovSettings()).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    backbone = network.backbone
    expected = field([*spatial(backbone), network.pool, network.fc6])
    for number, layer in enumerate(stage := [layer for part in backbone.stages for layer in part]):
        if isinstance(layer, nn.MaxPool2d):  # its gradient goes to one pixel; an average's to all it sees
            stage[number] = nn.AvgPool2d(3, layer.stride, padding=1)
    image = torch.ones(1, 3, 513, 513, requires_grad=True)
    scores = network.score(network.fc6(network.pool(nn.Sequential(*stage)(image))))
    scores[0, :, 32, 32].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0).nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [expected] * 2
    assert ((touched.amax(0) + touched.amin(0)) / 2).tolist() == [256, 256]  # cell 32 lies over pixel 8 · 32


# -------------------------------------------------------------------------------------------- DeepLab v2


def test_rates_of_deeplab_v2() -> None:
    with torch.device("meta"):
        network: Any = build(SegmenterConfig(method="deeplab_v2", backbone={"architecture": "resnet101"}), 20)
    rates = {id(p): (g.rate, g.decay) for g in network.parameter_groups() for p in g.parameters}
    assert {branch.dilation[0] for branch in network.aspp} == {6, 12, 18, 24}
    assert {rates[id(branch.weight)] for branch in network.aspp} == {(10.0, 1.0)}
    assert {rates[id(branch.bias)] for branch in network.aspp} == {(20.0, 0.0)}
    assert isinstance(network.backbone, ResNet)
    assert rates[id(network.backbone.conv1.weight)] == (1.0, 1.0)
    assert not network.backbone.bn1.weight.requires_grad
    assert len(rates) == sum(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("method", ["deeplab_v2", "deformable", "deeplab_v3"])
def test_dilations_layer_by_layer(method: str) -> None:
    """DeepLab v2 dilates the first block of a layer as the others; v3 is torchvision's, whose weights expect less."""
    with torch.device("meta"):
        backbone: Any = make(NETWORKS[method](), "resnet50", 2).backbone
    found = [[block.conv2.dilation[0] for block in layer] for layer in (backbone.layer3, backbone.layer4)]
    torchvisions = [[1, 2, 2, 2, 2, 2], [2, 4, 4]]
    assert found == (torchvisions if method == "deeplab_v3" else [[2] * 6, [4] * 3])


def test_scales_are_fused_by_their_maximum() -> None:
    torch.manual_seed(0)
    network = DeepLabV2("resnet50", 2, DeepLabV2Settings(multi_scale=True)).eval()
    with torch.inference_mode():
        fused = network.logits(images())
        whole, middle, half = network._of_scales(images())
        network.multi_scale = False
        torch.testing.assert_close(network.logits(images()), whole)
    assert middle.shape == half.shape == whole.shape
    assert torch.equal(fused, torch.maximum(torch.maximum(whole, middle), half))
    assert (fused > whole).any()


def test_smaller_images_are_whole_cells_long() -> None:
    network = DeepLabV2("resnet50", 2, DeepLabV2Settings(multi_scale=True))
    seen: list[tuple[int, ...]] = []
    network.backbone.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[2:])))
    with torch.inference_mode():
        network.logits(torch.zeros(1, 3, 41, 57))  # 5 and 7 cells of 8 pixels, and one
    assert seen == [(41, 57), (33, 41), (17, 33)]


def test_each_scale_has_a_loss() -> None:
    network = DeepLabV2("resnet50", 2, DeepLabV2Settings(multi_scale=True)).eval()
    losses = network.losses({"image": images(), "labels": torch.ones(2, 65, 65)})
    assert set(losses) == {"loss_1", "loss_0.75", "loss_0.5", "loss_maximum"}


# -------------------------------------------------------------------------------------------- deformable


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 4), (2, 2)])
def test_zero_offsets_compute_the_plain_convolution(stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 6, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
    features = torch.randn(2, 4, 11, 13)
    torch.testing.assert_close(DeformableConvolution(plain)(features), plain(features))


def test_an_offset_moves_where_the_convolution_reads() -> None:
    plain = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    deformed = DeformableConvolution(plain)
    assert deformed.offset.bias is not None
    nn.init.ones_(deformed.offset.bias)  # one down and one right, for every tap
    features = torch.randn(1, 1, 9, 9)
    torch.testing.assert_close(deformed(features)[..., 1:-2, 1:-2], plain(features)[..., 2:-1, 2:-1])


@pytest.mark.parametrize(("unit_features", "scaled"), [(True, False), (False, True)])
def test_offsets_do_not_grow_with_features_that_reach_hundreds(unit_features: bool, scaled: bool) -> None:
    torch.manual_seed(0)
    deformed = DeformableConvolution(nn.Conv2d(4, 6, 3, padding=1, bias=False), unit_features)
    nn.init.normal_(deformed.offset.weight, std=0.1)
    features = torch.randn(2, 4, 11, 13)
    same = torch.allclose(deformed(300 * features), 300 * deformed(features), rtol=1e-3, atol=1e-2)
    assert same is scaled


@pytest.mark.parametrize("bias", [False, True])
def test_a_deformable_convolution_keeps_weights_and_bias(bias: bool) -> None:
    plain = nn.Conv2d(4, 6, 3, padding=1, bias=bias)
    features = torch.randn(2, 4, 11, 13)
    deformed = DeformableConvolution(plain)
    torch.testing.assert_close(deformed(features), plain(features))
    assert plain.state_dict().keys() <= deformed.state_dict().keys()


@pytest.mark.parametrize(
    ("architecture", "layers", "expected"),
    [
        ("resnet50", 3, ["layer4.0", "layer4.1", "layer4.2"]),
        ("resnet50", 6, ["layer3.3", "layer3.4", "layer3.5", "layer4.0", "layer4.1", "layer4.2"]),
        ("vgg16", 3, ["stages.4.0", "stages.4.2", "stages.4.4"]),
        ("vgg16", 6, ["stages.3.0", "stages.3.2", "stages.3.4", "stages.4.0", "stages.4.2", "stages.4.4"]),
    ],
)
def test_the_last_layers_deform_and_nothing_changes_at_first(
    architecture: str, layers: int, expected: list[str]
) -> None:
    torch.manual_seed(0)
    network: Any = deformable(architecture, 2, DeformableSettings(layers=layers)).eval()
    found = [
        name.removesuffix(".conv2")
        for name, module in network.backbone.named_modules()
        if isinstance(module, DeformableConvolution)
    ]
    assert found == expected
    # VGG16 alone has no normalisation.
    assert all(
        module.unit_features is (architecture != "vgg16")
        for module in network.modules()
        if isinstance(module, DeformableConvolution)
    )
    plain: Any = (
        LargeFov(architecture, 2, LargeFovSettings())
        if architecture == "vgg16"
        else DeepLabV2(architecture, 2, DeepLabV2Settings())
    )
    missing = plain.eval().load_state_dict(network.state_dict(), strict=False)
    assert not missing.missing_keys
    assert all(".offset." in name for name in missing.unexpected_keys)
    with torch.inference_mode():
        torch.testing.assert_close(network.logits(images()), plain.logits(images()), rtol=1e-3, atol=1e-3)


def test_published_weights_and_a_trained_backbone_leave_the_offsets_at_zero() -> None:
    convolutions = [
        (torch.randn_like(layer.weight), torch.randn(layer.out_channels))
        for layer in Vgg("vgg16").modules()
        if isinstance(layer, nn.Conv2d)
    ]
    section = SegmenterConfig(method="deformable")
    initial = InitialWeights(convolutions, None, None, (0.0,) * 3, (1.0,) * 3, {})
    published: Any = build(section, 2, initial)
    assert torch.equal(published.backbone.stages[4][4].weight, convolutions[-1][0])
    trained: Any = build(section, 2, Vgg("vgg16").state_dict())
    for network in (published, trained):
        offsets = [value for name, value in network.backbone.state_dict().items() if ".offset." in name]
        assert len(offsets) == 6
        assert not any(value.any() for value in offsets)


# --------------------------------------------------------------------------------------- torchvision's


@pytest.mark.parametrize("architecture", ["mobilenet_v3_large", "resnet50"])
def test_deeplab_v3_is_torchvisions(architecture: str) -> None:
    torch.manual_seed(0)
    builder = getattr(segmentation, f"deeplabv3_{architecture}")
    theirs = builder(weights=None, weights_backbone=None, num_classes=3).eval()
    ours = DeepLabV3(architecture, 2, DeepLabV3Settings()).eval()
    ours.head.load_state_dict(theirs.classifier.state_dict())
    _take(ours.backbone, theirs.backbone)
    pixels = images().float()
    with torch.inference_mode():
        expected = theirs.classifier(
            theirs.backbone((pixels - ours.backbone.mean) / ours.backbone.std)["out"]
        )
        torch.testing.assert_close(ours.logits(pixels), expected)
    assert -(-65 // ours.stride) == expected.shape[2]


def test_lraspp_is_torchvisions() -> None:
    torch.manual_seed(0)
    theirs = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
    ours = LrAspp("mobilenet_v3_large", 2, LrAsppSettings()).eval()
    ours.head.load_state_dict(theirs.classifier.state_dict())
    _take(ours.backbone, theirs.backbone)
    pixels = images().float()
    with torch.inference_mode():
        expected = theirs.classifier(theirs.backbone((pixels - ours.backbone.mean) / ours.backbone.std))
        torch.testing.assert_close(ours.logits(pixels), expected)


def _take(backbone: nn.Module, theirs: nn.Module) -> None:
    """The weights of torchvision's backbone, whose modules may have lost a prefix to its feature taps."""
    state = {
        name if name in backbone.state_dict() else f"features.{name}": value
        for name, value in theirs.state_dict().items()
    }
    missing = backbone.load_state_dict(state, strict=False)
    assert set(missing.missing_keys) == {"mean", "std"}
    assert not missing.unexpected_keys
