"""Weights by the names of RCRNet's released code, read into ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from click.testing import CliRunner
from torch import Tensor

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.saliency.methods.rcrnet_released import read_released
from weakseg.saliency.methods.rcrnet_video import GruCell, NonLocal, RcrNetVideoSettings
from weakseg.saliency.network import load, load_start
from weakseg.storage.weights import save_weights

pytestmark = pytest.mark.slow

BLOCKS = {1: (3, 64, 64), 2: (4, 256, 128), 3: (6, 512, 256), 4: (3, 1024, 512)}
"""ResNet-50: layer → blocks, input channels, inner width."""


def normalization(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{tensor}", (width,)


def convolved(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A convolution without bias and its normalisation, under their official names."""
    yield f"{name}.conv.weight", shape
    yield from normalization(f"{name}.bn", shape[0])


def bottleneck(name: str, channels: int, inner: int, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    shapes = ((inner, channels, 1, 1), (inner, inner, 3, 3), (width, inner, 1, 1))
    for number, shape in enumerate(shapes, start=1):
        yield f"{name}.conv{number}.weight", shape
        yield from normalization(f"{name}.bn{number}", shape[0])
    if channels != width:
        yield f"{name}.downsample.0.weight", (width, channels, 1, 1)
        yield from normalization(f"{name}.downsample.1", width)


def image_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name → shape in `ImageModel().state_dict()` of the released code, read off its modules."""
    yield "backbone.resnet.conv1.weight", (64, 3, 7, 7)
    yield from normalization("backbone.resnet.bn1", 64)
    for layer, (count, channels, inner) in BLOCKS.items():
        for block in range(count):
            given = channels if block == 0 else 4 * inner
            yield from bottleneck(f"backbone.resnet.layer{layer}.{block}", given, inner, 4 * inner)
    yield "backbone.resnet.fc.weight", (1000, 2048)
    yield "backbone.resnet.fc.bias", (1000,)
    for number in range(4):
        side = 1 if number == 0 else 3
        yield from convolved(f"backbone.aspp.stages.c{number}", (256, 2048, side, side))
    yield from convolved("backbone.aspp.imagepool.conv", (256, 2048, 1, 1))
    yield from convolved("backbone.aspp.fire.conv", (256, 1280, 3, 3))
    yield from convolved("backbone.decoder.conv1", (256, 128, 3, 3))
    yield "backbone.decoder.conv2.weight", (1, 256, 1, 1)
    yield "backbone.decoder.conv2.bias", (1,)
    for number, (skip, coarser) in enumerate(((1024, 256), (512, 128), (256, 128)), start=1):
        yield from bottleneck(f"backbone.refinement{number}.skip", skip, 48, 96)
        yield from convolved(f"backbone.refinement{number}.refine", (128, 96 + coarser, 3, 3))


def video_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """What `VideoModel().state_dict()` has besides."""
    for direction in ("forward", "backward"):
        for gate in ("reset", "update", "output"):
            yield f"convgru_{direction}.{gate}_gate.weight", (256, 512, 3, 3)
            yield f"convgru_{direction}.{gate}_gate.bias", (256,)
    yield "bidirection_conv.weight", (256, 512, 3, 3)
    yield "bidirection_conv.bias", (256,)
    for block in ("non_local_block", "non_local_block2"):
        for layer in ("g", "theta", "phi"):
            yield f"{block}.{layer}.weight", (128, 256, 1, 1, 1)
            yield f"{block}.{layer}.bias", (128,)
        yield f"{block}.W.weight", (256, 128, 1, 1, 1)
        yield f"{block}.W.bias", (256,)


def generated(*parts: Iterator[tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(shape, generator=generator) * 0.02 + 0.01 for part in parts for name, shape in part
    }


@pytest.fixture(scope="module")
def image() -> dict[str, Tensor]:
    return generated(image_shapes())


@pytest.fixture(scope="module")
def video() -> dict[str, Tensor]:
    return generated(image_shapes(), video_shapes())


def saved(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "released.pth")
    return folder / "released.pth"


def test_parameters_of_the_official_names_add_up(image: dict[str, Tensor]) -> None:
    learnt = [value.numel() for name, value in image.items() if "running" not in name and ".fc." not in name]
    assert sum(learnt) == 43_218_433


def test_image_model_takes_every_official_tensor_once(tmp_path: Path, image: dict[str, Tensor]) -> None:
    weights = read_released(saved(tmp_path, {"state_dict": image}))
    assert (weights.settings["method"], weights.settings["trained_on"]) == ("rcrnet", "MSRA-B + HKU-IS masks")
    own = {name for name in weights.state if name.endswith(("num_batches_tracked", "mean", "std"))}
    own -= {name for name in weights.state if "running" in name}
    taken = sorted(value.sum().item() for name, value in weights.state.items() if name not in own)
    assert taken == sorted(value.sum().item() for name, value in image.items() if ".fc." not in name)
    for ours, theirs in (
        ("backbone.layer3.5.conv2.weight", "backbone.resnet.layer3.5.conv2.weight"),
        ("pyramid.branches.2.0.weight", "backbone.aspp.stages.c2.conv.weight"),
        ("pyramid.whole.2.bias", "backbone.aspp.imagepool.conv.bn.bias"),
        ("refinements.1.reduce.conv3.weight", "backbone.refinement2.skip.conv3.weight"),
        ("refinements.2.join.1.running_var", "backbone.refinement3.refine.bn.running_var"),
        ("decoder.3.bias", "backbone.decoder.conv2.bias"),
    ):
        assert torch.equal(weights.state[ours], image[theirs])


def test_channels_are_joined_in_the_released_order(tmp_path: Path, image: dict[str, Tensor]) -> None:
    """The image's mean first in the pyramid, the coarser map before the skip connection in a refinement."""
    save_weights(tmp_path / "weights.pt", read_released(saved(tmp_path, image)))
    network = load(tmp_path / "weights.pt")
    features = torch.rand(1, 2048, 3, 3)
    pyramid: Any = network.pyramid
    joined = torch.cat(
        [pyramid.whole(features).expand(-1, -1, 3, 3), *(b(features) for b in pyramid.branches)], 1
    )
    torch.testing.assert_close(pyramid(features), pyramid.fuse(joined))
    block: Any = network.refinements[1]  # type: ignore[index]
    skip, coarser = torch.rand(1, 512, 4, 4), torch.rand(1, 128, 4, 4)
    torch.testing.assert_close(block(skip, coarser), block.join(torch.cat([coarser, block.reduce(skip)], 1)))


def test_released_recurrence_computes_the_same(tmp_path: Path, video: dict[str, Tensor]) -> None:
    """The released cell keeps `update` of the old state and takes the complement of what is new."""
    weights = read_released(saved(tmp_path, {f"module.{name}": value for name, value in video.items()}))
    assert weights.settings["method"] == "rcrnet_video"
    cell = GruCell()
    prefix = "recurrence.backwards."
    cell.load_state_dict(
        {name.removeprefix(prefix): value for name, value in weights.state.items() if name.startswith(prefix)}
    )
    frame, state = torch.randn(2, 1, 256, 3, 3).unbind(0)

    def gate(name: str, values: Tensor) -> Tensor:
        weight, bias = (video[f"convgru_backward.{name}_gate.{tensor}"] for tensor in ("weight", "bias"))
        return functional.conv2d(values, weight, bias, padding=1)

    both = torch.cat([frame, state], 1)
    update, reset = gate("update", both).sigmoid(), gate("reset", both).sigmoid()
    new = gate("output", torch.cat([frame, reset * state], 1)).tanh()
    torch.testing.assert_close(cell(frame, state), (1 - update) * new + update * state)


def test_released_non_local_block_computes_the_same(tmp_path: Path, video: dict[str, Tensor]) -> None:
    weights = read_released(saved(tmp_path, video))
    block = NonLocal()
    block.load_state_dict(
        {
            name.removeprefix("second."): value
            for name, value in weights.state.items()
            if name.startswith("second.")
        }
    )
    clip = torch.randn(1, 2, 256, 2, 3)

    def layer(name: str, values: Tensor) -> Tensor:
        return functional.conv3d(
            values, *(video[f"non_local_block2.{name}.{tensor}"] for tensor in ("weight", "bias"))
        )

    theirs = clip.transpose(1, 2)  # N×C×T×h×w
    theta, phi, g = (layer(name, theirs).flatten(2) for name in ("theta", "phi", "g"))
    mixed = (theta.transpose(1, 2) @ phi / phi.shape[2]) @ g.transpose(1, 2)
    expected = theirs + layer("W", mixed.transpose(1, 2).reshape(1, 128, 2, 2, 3))
    torch.testing.assert_close(block(clip), expected.transpose(1, 2), atol=1e-4, rtol=1e-4)


def test_command_writes_weights_that_a_training_can_start_from(
    tmp_path: Path, image: dict[str, Tensor]
) -> None:
    out = tmp_path / "weights.pt"
    arguments = ["saliency", "released", "--file", str(saved(tmp_path, image)), "--out", str(out)]
    result = CliRunner().invoke(weakseg, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    start = load_start(out, RcrNetVideoSettings())
    assert start.initial["trained_on"] == "MSRA-B + HKU-IS masks"
    assert load(out).training is False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"backbone.resnet.conv1.weight": torch.zeros(64, 7, 7, 7)}, "holds 64×7×7×7 for the layer"),
        ({"backbone.refinement1.skip.conv1.weight": None}, "holds nothing for the layer"),
        ({"backbone.more.weight": torch.zeros(1)}, "holds 'backbone.more.weight' besides RCRNet's layers"),
        ({"convgru_forward.reset_gate.bias": torch.zeros(256)}, "lacks 'non_local_block.theta.weight'"),
    ],
)
def test_other_weights_are_refused(
    tmp_path: Path, image: dict[str, Tensor], change: dict[str, Any], sentence: str
) -> None:
    content = {name: value for name, value in (image | change).items() if value is not None}
    with pytest.raises(InputError, match=sentence):
        read_released(saved(tmp_path, content))


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        read_released(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_released(tmp_path / "text.pth")
    with pytest.raises(InputError, match="holds no named tensors"):
        read_released(saved(tmp_path, [1, 2]))
