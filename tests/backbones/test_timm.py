"""Models of timm of twelve kinds as backbones: their features, where the cells lie, and what is trained."""

import copy
import socket
from functools import cache

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn

from weakseg.backbones import BACKBONES
from weakseg.backbones.base import Pools
from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.backbones.timm_models import TimmBackbone
from weakseg.backbones.timm_stages import features
from weakseg.errors import InputError
from weakseg.training.parameters import caffe_groups

# Of each kind the smallest, and how it lies at stride 16 (14 for patches of 14).
KINDS = {
    "resnet18": CORNERS,
    "convnext_atto": CENTRES,
    "tf_efficientnet_lite0": CORNERS,
    "mobilenetv4_conv_small_035": CORNERS,
    "regnetx_002": CORNERS,
    "hrnet_w18_small": CORNERS,
    "vit_tiny_patch16_224": CENTRES,
    "vit_small_patch14_reg4_dinov2": CENTRES,
    "swin_tiny_patch4_window7_224": CENTRES,
    "maxvit_pico_rw_256": CENTRES,
    "pvt_v2_b0": CORNERS,
    "eva02_tiny_patch14_224": CENTRES,
}
PLAIN = {"vit_tiny_patch16_224": 16, "vit_small_patch14_reg4_dinov2": 14, "eva02_tiny_patch14_224": 14}
DILATED = ("resnet18", "convnext_atto", "tf_efficientnet_lite0", "regnetx_002")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may open a connection."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@cache
def shared(name: str, stride: int | None = 16) -> TimmBackbone:
    """With random weights, in evaluation mode; not to be changed."""
    torch.manual_seed(0)
    return TimmBackbone(f"timm/{name}", PLAIN.get(name, stride)).eval()


def own(name: str) -> TimmBackbone:
    return copy.deepcopy(shared(name))


def noise(*size: int) -> Tensor:
    return torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize("name", KINDS)
def test_features_of_any_size_are_the_cells_of_the_grid(name: str) -> None:
    body = shared(name)
    assert body.aligned == KINDS[name]
    assert body.stride == PLAIN.get(name, 16)
    for size in ((97, 131), (64, 96), (1, 40)):
        with torch.no_grad():
            found = body.stage_features(noise(*size))
            assert torch.equal(body(noise(*size)), found[-1])
        assert [tuple(each.shape[1:]) for each in found] == [
            (width, *(cells(side, stride, body.aligned) for side in size))
            for width, stride in zip(body.widths, body.strides, strict=True)
        ]
        assert all(bool(torch.isfinite(each).all()) for each in found)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in PLAIN])
def test_without_a_stride_all_stages_are_there(name: str) -> None:
    body = shared(name, None)
    with torch.no_grad():
        found = body.stage_features(noise(97, 131))
    assert body.stride == 32
    assert list(body.strides) == sorted(set(body.strides))
    assert [tuple(each.shape[2:]) for each in found] == [
        tuple(cells(side, stride, body.aligned) for side in (97, 131)) for stride in body.strides
    ]


@pytest.mark.parametrize("name", KINDS)
def test_gradient_reaches_what_is_trained_and_nothing_else(name: str) -> None:
    body = own(name).train()
    sum(each.square().mean() for each in body.stage_features(noise(64, 96))).backward()  # type: ignore[union-attr]
    trained = {key for key, value in body.named_parameters() if value.requires_grad}
    assert {key for key, value in body.named_parameters() if value.grad is not None} == trained
    assert len(trained) > 20


@torch.no_grad()
def shake(body: TimmBackbone) -> None:
    """As a training would: change all that is trained, but a last normalisation, which serves all stages."""
    for key, value in body.model.named_parameters():
        if value.requires_grad and not key.startswith("norm."):
            value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(len(key))))


@pytest.mark.parametrize("name", KINDS)
def test_frozen_stages_stay_and_later_ones_learn(name: str) -> None:
    body, stages = own(name), 1 if name.startswith("hrnet") else 2
    with torch.no_grad():
        before = body.stage_features(noise(64, 64))
        body.freeze(stages)
        shake(body)
        after = body.stage_features(noise(64, 64))
    same = [torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert same == [number < stages for number in range(len(before))]


def test_stages_that_do_not_follow_one_another_cannot_be_frozen() -> None:
    with pytest.raises(InputError, match=r"stage 2 of timm/hrnet_w18_small is made of all of its layers"):
        own("hrnet_w18_small").freeze(2)


@pytest.mark.parametrize("name", KINDS)
def test_frozen_normalisation_freezes_batch_normalisation_alone(name: str) -> None:
    body = own(name)
    trained = {key for key, value in body.named_parameters() if value.requires_grad}
    body.freeze_normalization()
    body.train()
    before = {key: value.clone() for key, value in body.named_buffers()}
    body(noise(64, 64))
    assert all(torch.equal(before[key], value) for key, value in body.named_buffers())
    normal = {
        f"{place}.{key}"
        for place, module in body.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for key, _ in module.named_parameters()
    }
    assert {key for key, value in body.named_parameters() if value.requires_grad} == trained - normal
    assert bool(normal) == (name not in PLAIN and not name.startswith(("convnext", "swin", "pvt")))


@pytest.mark.parametrize("name", KINDS)
def test_a_state_gives_the_same_features(name: str) -> None:
    torch.manual_seed(7)
    other = TimmBackbone(f"timm/{name}", PLAIN.get(name, 16)).eval()
    with torch.no_grad():
        assert not torch.equal(other(noise(40, 40)), shared(name)(noise(40, 40)))
        other.load_state_dict(shared(name).state_dict())
        assert torch.equal(other(noise(40, 40)), shared(name)(noise(40, 40)))


@torch.no_grad()
def mirrored_kernels(body: TimmBackbone, *axes: int) -> TimmBackbone:
    """A network that sees a mirrored image as the given one sees the image."""
    turned = copy.deepcopy(body)
    for module in turned.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.copy_(module.weight.flip(axes))
    return turned


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "tf_efficientnet_lite0",  # padded as TensorFlow pads: even only where sides are stride · k + 1
        "mobilenetv4_conv_small_035",
        "regnetx_002",
        "convnext_atto",  # whose dilated stage timm shifts by half a cell
    ],
)
def test_cells_lie_evenly_over_the_image(name: str) -> None:
    """Mirrored kernels on the mirrored image give the mirrored features, only if no layer leans to a side."""
    body = shared(name)
    image = noise(192, 192) if body.aligned == CENTRES else noise(193, 193)
    with torch.no_grad():
        plain = body.stage_features(image)
        turned = mirrored_kernels(body, 3).stage_features(image.flip(3))
    for one, other in zip(plain, turned, strict=True):
        edge = 4 if body._before else 0  # what is put beside a shifted grid is put at one side more
        inside = slice(edge, one.shape[3] - edge)
        difference = (one - other.flip(3))[:, :, inside, inside].abs().max()
        assert difference < 1e-3 * one.abs().max()


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "regnetx_002", "convnext_atto"])
def test_a_shift_by_a_stride_is_a_shift_by_a_cell(name: str) -> None:
    body = shared(name)
    image = noise(209, 209)
    with torch.no_grad():
        one, other = body.stage_features(image[:, :, :193, :193]), body.stage_features(image[:, :, 16:, 16:])
    for found, moved, stride in zip(one, other, body.strides, strict=True):
        by, middle = 16 // stride, found.shape[2] // 2
        expected = found[:, :, middle + by, middle + by]
        if stride <= 8:  # the receptive field is inside the image
            torch.testing.assert_close(moved[:, :, middle, middle], expected, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def excited(body: TimmBackbone, row: int, column: int) -> Tensor:
    """Where the last features of an image of 8×8 cells change most if its cell (row, column) shows something: the
    centre of gravity in cells from there, down and right."""
    stride = body.stride
    plain = torch.full((1, 3, 8 * stride, 8 * stride), 120.0)
    images = plain.repeat(4, 1, 1, 1)
    rows, columns = (
        slice(n * stride + stride // 4, n * stride + stride // 4 + stride // 2) for n in (row, column)
    )
    images[:, :, rows, columns] = (
        noise(2 * stride, stride // 2).reshape(4, 3, stride // 2, stride // 2).float()
    )
    change = (body(images) - body(plain)).square().sum(dim=(0, 1))
    near, steps = change[row - 2 : row + 3, column - 2 : column + 3], torch.arange(-2.0, 3.0)
    return torch.stack([(near.sum(1) * steps).sum(), (near.sum(0) * steps).sum()]) / near.sum()


@pytest.mark.parametrize("name", KINDS)
def test_under_attention_a_cell_excites_itself(name: str) -> None:
    """On the average over a network and that with turned kernels, which leans as much to the other sides."""
    torch.manual_seed(0)
    body = TimmBackbone.for_attention(f"timm/{name}", 16, Pools(), exact=False).eval()
    assert body.aligned == CENTRES
    networks = (body, mirrored_kernels(body, 2, 3))
    places = [excited(network, *cell) for network in networks for cell in ((3, 4), (4, 3))]
    assert torch.stack(places).mean(0).abs().max() < 0.25


@pytest.mark.parametrize("name", KINDS)
def test_under_attention_networks(name: str) -> None:
    body = TimmBackbone.for_attention(f"timm/{name}", 16, Pools(), exact=False).eval()
    with torch.no_grad():
        low, high, features = body.side_features(noise(96, 96))
        assert torch.equal(features, body(noise(96, 96)))
        assert torch.equal(high, features)
    assert (low.shape[1], high.shape[1]) == body.side_channels
    assert features.shape[2:] == (cells(96, body.stride, CENTRES),) * 2


@pytest.mark.parametrize("name", DILATED)
def test_convolutional_networks_are_dilated(name: str) -> None:
    """Every stage is there at every stride, with the parameters of the whole network."""
    names = {key for key, _ in shared(name, None).named_parameters()}
    for stride in (8, 16):
        body = shared(name, stride)
        assert body.widths == shared(name, None).widths
        assert {key for key, _ in body.named_parameters()} == names


@pytest.mark.parametrize(
    ("name", "stride", "has"),
    [
        ("vit_tiny_patch16_224", 8, "16"),
        ("eva02_tiny_patch14_224", 16, "14"),
        ("swin_tiny_patch4_window7_224", 2, "4, 8, 16, 32"),
        ("resnet18", 64, "2, 4, 8, 16, 32"),
    ],
)
def test_a_stride_that_a_model_cannot_have(name: str, stride: int, has: str) -> None:
    with pytest.raises(
        InputError, match=rf"cannot have stride {stride}; its features have {has}: choose"
    ) as caught:
        TimmBackbone(f"timm/{name}", stride)
    assert "\n" not in str(caught.value)
    assert TimmBackbone.for_segmenter(f"timm/{name}", stride).stride == shared(name, None).stride


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_padding_of_tensorflow_is_a_constant_of_each_layer(stride: int) -> None:
    """Else an ONNX export carries its formula from layer to layer, and takes minutes."""
    name, side = "tf_efficientnet_lite0", 3 * stride + 1
    body = TimmBackbone(f"timm/{name}", stride).eval()
    assert not any(isinstance(layer, Conv2dSame) for layer in body.model.modules())
    theirs = timm.create_model(name, pretrained=False, num_classes=0, **dict(body.plan.options)).eval()
    theirs.load_state_dict(body.model.state_dict(), strict=False)
    images = torch.randn(1, 3, side, side + stride, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = features(theirs, images, body.stages, normalized=False)
        found = features(body.model, images, body.stages, normalized=False)
    for mine, own_ in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, own_, rtol=1e-5, atol=1e-6)


def test_the_family_is_in_the_table() -> None:
    declared = BACKBONES["timm/resnet18"]
    assert declared.maker() is TimmBackbone
    assert {"attention", "saliency", "detector"} <= declared.rooms


@pytest.mark.parametrize(
    "name", ["resnet18", "convnext_atto", "swin_tiny_patch4_window7_224", "eva02_tiny_patch14_224"]
)
def test_only_matrices_and_kernels_decay(name: str) -> None:
    body = shared(name)
    decaying = {id(p) for group in caffe_groups(body) if group.decay for p in group.parameters}
    kept = {key for key, value in body.model.named_parameters() if id(value) not in decaying}
    expected = {
        key
        for key, value in body.model.named_parameters()
        if value.ndim < 2 or key.endswith(("pos_embed", "cls_token", "relative_position_bias_table"))
    }
    assert kept == expected
