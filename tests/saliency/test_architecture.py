"""RCRNet and SRM against METHODS.md: shapes, parameter counts, and each part by a computation of its own."""

from collections.abc import Callable
from typing import Literal

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from weakseg.saliency.methods.declaration import StagedConfig
from weakseg.saliency.methods.rcrnet import RcrNet, RcrNetSettings, Refinement
from weakseg.saliency.methods.rcrnet_video import GruCell, NonLocal, RcrNetVideo, RcrNetVideoSettings
from weakseg.saliency.methods.srm import PyramidPooling, Srm, SrmSettings

RESNET50 = 23_508_032  # of torchvision, without its classifier of 2048 · 1000 + 1000
RESNET50_TO_LAYER3 = 8_543_296


def normalized(channels: int, width: int, kernel: int) -> int:
    """Parameters of a convolution without bias and its batch normalisation."""
    return channels * width * kernel**2 + 2 * width


def plain(channels: int, width: int, kernel: int) -> int:
    return channels * width * kernel**2 + width


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(parts: dict[str, nn.Module], run: Callable[[], object]) -> dict[str, tuple[int, ...]]:
    """What each part gives while `run` runs."""
    seen: dict[str, tuple[int, ...]] = {}
    handles: list[RemovableHandle] = []
    for name, part in parts.items():

        def note(_module: nn.Module, _given: object, result: Tensor, name: str = name) -> None:
            seen[name] = tuple(result.shape[1:])

        handles.append(part.register_forward_hook(note))
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return seen


# ------------------------------------------------------------------------------------------------ RCRNet, images


def rcrnet_parts() -> dict[str, int]:
    """Part → parameters, from the layers of the released network."""
    pyramid = 2 * normalized(2048, 256, 1) + 3 * normalized(2048, 256, 3) + normalized(5 * 256, 256, 3)
    refinements = 0
    for skip, coarser in ((1024, 256), (512, 128), (256, 128)):
        bottleneck = normalized(skip, 48, 1) + normalized(48, 48, 3) + normalized(48, 96, 1)
        refinements += bottleneck + normalized(skip, 96, 1) + normalized(96 + coarser, 128, 3)
    return {
        "backbone": RESNET50,
        "pyramid": pyramid,
        "refinements": refinements,
        "decoder": normalized(128, 256, 3) + plain(256, 1, 1),
    }


def test_rcrnet_parameters() -> None:
    network = RcrNet(RcrNetSettings())
    assert {name: count(getattr(network, name)) for name in rcrnet_parts()} == rcrnet_parts()
    assert count(network) == sum(rcrnet_parts().values()) == 43_218_433
    assert count(network.refinements) == 1_258_176


@pytest.mark.parametrize(("stride", "expected"), [(16, (1, 1, 1, 2)), (8, (1, 1, 2, 2))])
def test_rcrnet_dilates_every_block_of_a_layer_alike(
    stride: Literal[8, 16], expected: tuple[int, ...]
) -> None:
    backbone = RcrNet(RcrNetSettings(stride=stride)).backbone
    layers = (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)
    found = [[block.conv2.dilation[0] for block in layer] for layer in layers]
    assert found == [[dilation] * len(layer) for dilation, layer in zip(expected, layers, strict=True)]
    assert all(block.conv2.padding == block.conv2.dilation for layer in layers for block in layer)


@pytest.mark.parametrize(("stride", "dilations"), [(16, (6, 12, 18)), (8, (12, 24, 36))])
def test_rcrnet_layers(stride: Literal[8, 16], dilations: tuple[int, ...]) -> None:
    network = RcrNet(RcrNetSettings(stride=stride)).eval()
    assert [branch[0].dilation[0] for branch in network.pyramid.branches] == [1, *dilations]
    first, second, third = network.refinements
    parts = {"pyramid": network.pyramid, "r1": first, "r2": second, "r3": third, "decoder": network.decoder}
    coarse = (96 // stride, 64 // stride)
    assert shapes(parts, lambda: network.saliency(torch.zeros(1, 3, 96, 64))) == {
        "pyramid": (256, *coarse),
        "r1": (128, *coarse),
        "r2": (128, 12, 8),
        "r3": (128, 24, 16),
        "decoder": (1, 96, 64),  # brought to full size before it decodes
    }


@pytest.mark.parametrize(("name", "kind"), [("relu", nn.ReLU), ("tanh", nn.Tanh), ("sigmoid", nn.Sigmoid)])
def test_activation_of_the_refinement_blocks(name: str, kind: type[nn.Module]) -> None:
    block = Refinement(256, 128, name)
    found = [module for module in block.modules() if isinstance(module, (nn.ReLU, nn.Tanh, nn.Sigmoid))]
    assert {type(module) for module in found} == {kind}
    assert len(found) == 2  # one that the bottleneck uses three times, one after the join


@pytest.mark.parametrize("stride", [8, 16])
def test_rcrnet_on_vgg16_has_the_same_strides(stride: Literal[8, 16]) -> None:
    network = RcrNet(RcrNetSettings(backbone=StagedConfig(architecture="vgg16"), stride=stride)).eval()
    found = [tuple(values.shape[1:]) for values in network.backbone.stage_features(torch.zeros(1, 3, 96, 64))]
    last = (512, 96 // stride, 64 // stride)
    assert found[1:] == [(128, 24, 16), (256, 12, 8), last, last]
    assert network.pyramid.branches[0][0].in_channels == 512


def test_101_layers_have_17_blocks_more() -> None:
    sections = [
        RcrNetSettings(backbone=StagedConfig(architecture=name)) for name in ("resnet50", "resnet101")
    ]
    blocks = [len(RcrNet(section).backbone.layer3) for section in sections]
    assert blocks == [6, 23]


# ------------------------------------------------------------------------------------------------ RCRNet, videos


@pytest.fixture(scope="module")
def video() -> RcrNetVideo:
    torch.manual_seed(0)
    return RcrNetVideo(RcrNetVideoSettings()).eval()


def test_video_model_parameters(video: RcrNetVideo) -> None:
    non_local = 3 * plain(256, 128, 1) + plain(128, 256, 1)
    gru = plain(512, 512, 3) + plain(512, 256, 3)
    parts = {"first": non_local, "second": non_local, "recurrence": 2 * gru + plain(512, 256, 3)}
    assert {name: count(getattr(video, name)) for name in parts} == parts
    assert count(video) == sum(rcrnet_parts().values()) + sum(parts.values()) == 51_741_185


def test_batch_normalization_keeps_its_statistics_and_learns_its_weights(video: RcrNetVideo) -> None:
    video.train()
    layers = [module for module in video.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 53 + 6 + 3 * 5 + 1  # backbone, pyramid, refinements, decoder
    assert not any(layer.training for layer in layers)
    assert all(layer.weight.requires_grad and layer.bias.requires_grad for layer in layers)
    video.eval()


def test_non_local_block_is_the_dot_product_over_all_positions() -> None:
    torch.manual_seed(1)
    block = NonLocal()
    nn.init.normal_(block.out.weight)
    clip = torch.randn(2, 3, 256, 2, 4)
    flat = clip.flatten(0, 1)
    theta, phi, value = (
        layer(flat).unflatten(0, (2, 3)).permute(0, 1, 3, 4, 2).reshape(2, 24, 128)
        for layer in (block.theta, block.phi, block.value)
    )
    seen = (theta @ phi.transpose(1, 2) / 24) @ value  # N×N first, as the paper writes it
    expected = clip + block.out(seen.reshape(6, 2, 4, 128).permute(0, 3, 1, 2)).unflatten(0, (2, 3))
    torch.testing.assert_close(block(clip), expected, atol=1e-4, rtol=1e-4)


def test_non_local_block_begins_as_the_identity() -> None:
    clip = torch.randn(1, 2, 256, 3, 3)
    assert torch.equal(NonLocal()(clip), clip)


def test_gru_by_hand() -> None:
    torch.manual_seed(2)
    cell = GruCell()
    frames = [torch.randn(1, 256, 3, 3) for _ in range(2)]
    state = frames[0]
    for frame, given in zip(frames, cell.over(frames), strict=True):
        both = functional.conv2d(torch.cat([frame, state], 1), cell.gates.weight, cell.gates.bias, padding=1)
        update, reset = both.sigmoid()[:, :256], both.sigmoid()[:, 256:]
        proposed = torch.tanh(cell.candidate(torch.cat([frame, reset * state], 1)))
        state = (1 - update) * state + update * proposed
        torch.testing.assert_close(given, state)


def test_every_frame_learns_from_every_other(video: RcrNetVideo) -> None:
    features = torch.randn(1, 3, 256, 2, 2)
    for number in range(3):
        changed = features.clone()
        changed[:, number] += 1.0
        moved = (video.recurrence(changed) - video.recurrence(features)).abs().amax((0, 2, 3, 4))
        assert (moved > 1e-6).all()


def test_clip_of_one_frame_is_the_image(video: RcrNetVideo) -> None:
    images = torch.randint(0, 256, (2, 3, 64, 64))
    with torch.no_grad():
        torch.testing.assert_close(video.saliency(images[:1])[0], video.clip_saliency(images[:1, None])[0, 0])


def test_clip_without_labels_teaches_nothing(video: RcrNetVideo) -> None:
    batch = {
        "image": torch.zeros(1, 2, 3, 64, 64),
        "mask": torch.full((1, 2, 64, 64), 255, dtype=torch.uint8),
    }
    assert video.losses(batch)["loss_saliency"].item() == 0


# ------------------------------------------------------------------------------------------------------------ SRM


def bare(channels: int, width: int, kernel: int) -> int:
    """Parameters of a convolution without bias."""
    return channels * width * kernel**2


def test_srm_parameters() -> None:
    coarse = bare(2048, 256, 3) + plain(256, 2, 1)
    correct = bare(66, 2, 3) + bare(2, 2, 3)
    stage = {
        channels: 4 * bare(channels, 512, 1) + bare(channels + 2048, 256, 3) + bare(256, 64, 3) + correct
        for channels in (1024, 512)
    }
    two, three = Srm(SrmSettings(stages=2)), Srm(SrmSettings(stages=3))
    assert count(three.second) == RESNET50_TO_LAYER3
    assert count(two) == RESNET50 + RESNET50_TO_LAYER3 + coarse + stage[1024]
    assert count(three) == count(two) + stage[512] == 53_189_650


def test_layers_of_srm_follow_each_other_as_released() -> None:
    """No ReLU after the coarse 256 channels, the pyramid's 1×1 and the first reduction; one before a map is joined."""
    network = Srm(SrmSettings())
    assert [type(layer) for layer in network.coarse] == [nn.Conv2d, nn.Conv2d]
    assert [layer.kernel_size[0] for layer in network.coarse] == [3, 1]
    for stage in network.refinements:
        assert [type(layer) for layer in stage.reduce] == [nn.Conv2d, nn.Conv2d, nn.ReLU]
        assert [type(layer) for layer in stage.correct] == [nn.Conv2d, nn.Conv2d]
        assert [layer.kernel_size[0] for layer in stage.correct] == [3, 3]
        assert [type(layer) for layer in stage.pyramid.levels] == [nn.Conv2d] * 4


def test_new_layers_of_srm_learn_ten_times_as_fast() -> None:
    network = Srm(SrmSettings())
    rates = {
        id(parameter): group.rate for group in network.parameter_groups() for parameter in group.parameters
    }
    new = [*network.coarse.parameters(), *network.refinements.parameters()]
    bias = network.coarse[1].bias
    assert {rates[id(parameter)] for parameter in new if parameter is not bias} == {10.0}
    assert rates[id(bias)] == 20.0
    assert {rates[id(layer.conv1.weight)] for layer in network.second.layer2} == {1.0}


def test_srm_at_the_published_size_aligns_corners() -> None:
    """12 → 23 → 45 cells and 353 = 32 · 11 + 1 pixels: a ramp over the cells is the same ramp at every size."""
    network = Srm(SrmSettings())
    ramp = torch.linspace(0, 1, 12)[None, None, None].expand(1, 2, 12, 12)
    torch.testing.assert_close(
        network.enlarged(ramp, (353, 353))[0, 0, 0], torch.linspace(0, 1, 353), atol=1e-6, rtol=0
    )
    stage = network.refinements[0]
    seen: list[Tensor] = []
    stage.correct.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.no_grad():
        stage(torch.zeros(1, 1024, 23, 23), ramp)
    torch.testing.assert_close(seen[0][0, -1, 0], torch.linspace(0, 1, 23), atol=1e-6, rtol=0)


def test_srm_pads_other_sizes_so_that_cells_lie_over_every_32nd_pixel() -> None:
    network = Srm(SrmSettings())
    seen: list[tuple[int, ...]] = []
    network.backbone.conv1.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[2:])))  # type: ignore[union-attr, operator]
    with torch.no_grad():
        network.maps(torch.zeros(1, 3, 96, 65))
    assert seen == [(97, 65)]
    cells = torch.arange(4.0)[None, None, None].expand(1, 2, 4, 4)  # 97 pixels
    torch.testing.assert_close(network.enlarged(cells, (96, 96))[0, 0, 0], torch.arange(96) / 32)


def test_frozen_batch_normalization_of_srm_learns_its_weights() -> None:
    layers = [
        module
        for module in Srm(SrmSettings(backbone=StagedConfig(frozen_normalization=True))).train().modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    assert not any(layer.training for layer in layers)
    assert all(layer.weight.requires_grad for layer in layers)


@pytest.mark.parametrize(("side", "kernels"), [(23, (23, 12, 8, 4)), (45, (45, 23, 15, 8))])
def test_pyramid_pools_with_the_released_kernels(side: int, kernels: tuple[int, ...]) -> None:
    """Caffe rounds the number of windows up and leaves out what lies beyond the edge."""
    pooling = PyramidPooling(1)
    seen: list[Tensor] = []
    for level in pooling.levels:
        level.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    features = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    pooling(features)
    for kernel, given in zip(kernels, seen, strict=True):
        starts = range(0, side, kernel)
        expected = [
            [features[0, 0, y : y + kernel, x : x + kernel].mean().item() for x in starts] for y in starts
        ]
        torch.testing.assert_close(given[0, 0], torch.tensor(expected))


@pytest.mark.parametrize(("architecture", "cells"), [("resnet50", (12, 23, 45)), ("vgg16", (11, 22, 44))])
def test_srm_maps_at_the_published_size(architecture: str, cells: tuple[int, ...]) -> None:
    network = Srm(SrmSettings(backbone=StagedConfig(architecture=architecture))).eval()
    parts = {"coarse": network.coarse, "stage2": network.refinements[0], "stage3": network.refinements[1]}
    assert shapes(parts, lambda: network.saliency(torch.zeros(1, 3, 353, 353))) == {
        "coarse": (2, cells[0], cells[0]),
        "stage2": (2, cells[1], cells[1]),
        "stage3": (2, cells[2], cells[2]),
    }


def test_srm_brings_vgg16s_features_to_unit_scale() -> None:
    """Weights of ImageNet give features in the hundreds: the first maps would have losses of hundreds."""
    torch.manual_seed(0)
    network = Srm(SrmSettings(backbone=StagedConfig(architecture="vgg16"))).eval()
    images = torch.randint(0, 256, (1, 3, 64, 64)).float()
    with torch.no_grad():
        before = network.maps(images)[-1]
        for backbone in (network.backbone, network.second):
            for layer in (backbone.stages[0][0], backbone.stages[0][2]):
                layer.weight *= 20
                layer.bias *= 20
        after = network.maps(images)[-1]
    torch.testing.assert_close(after, before, rtol=1e-2, atol=1e-2)


def test_later_stages_share_one_backbone() -> None:
    network = Srm(SrmSettings()).eval()
    called: list[int] = []
    handle = network.second.layer2.register_forward_hook(lambda *_: called.append(1))
    with torch.no_grad():
        assert len(network.maps(torch.zeros(1, 3, 64, 64))) == 3
    handle.remove()
    assert called == [1]
    own = {id(parameter) for parameter in network.backbone.parameters()}
    assert not own & {id(parameter) for parameter in network.second.parameters()}


def test_srm_has_a_loss_for_each_stage() -> None:
    batch = {"image": torch.zeros(1, 3, 64, 64), "mask": torch.zeros(1, 64, 64, dtype=torch.uint8)}
    assert set(Srm(SrmSettings(stages=2)).eval().losses(batch)) == {"loss_stage1", "loss_stage2"}
    assert set(Srm(SrmSettings(stages=3)).eval().losses(batch)) == {
        "loss_stage1",
        "loss_stage2",
        "loss_stage3",
    }


def test_pyramid_pooling_by_hand() -> None:
    torch.manual_seed(3)
    pooling = PyramidPooling(4)
    features = torch.randn(1, 4, 6, 6)
    given = pooling(features)
    assert given.shape == (1, 4 + 4 * 512, 6, 6)
    whole = pooling.levels[0](features.mean((2, 3), keepdim=True)).expand(-1, -1, 6, 6)
    torch.testing.assert_close(given[:, 4 : 4 + 512], whole)
    each = pooling.levels[3](features)  # six parts of six cells are the cells themselves
    torch.testing.assert_close(given[:, -512:], each)
