"""Encoders under the segmenters of segmentation_models_pytorch (Iakubovskii), the extra `smp`.

The package has encoders of its own, `smp/<encoder>`, and takes models of timm, `timm/<model>`. Both are held by one
class: what they need of an image, and which stage is which, is found by asking a copy without memory.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from weakseg.backbones.architecture import Architecture

# Names of the package's encoders but those of `timm-…`, which it deprecates: `timm/<model>` is their successor.
# fmt: off
ENCODERS = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x4d",
    "resnext101_32x8d", "resnext101_32x16d", "resnext101_32x32d", "resnext101_32x48d",
    "dpn68", "dpn68b", "dpn92", "dpn98", "dpn107", "dpn131",
    "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
    "senet154", "se_resnet50", "se_resnet101", "se_resnet152", "se_resnext50_32x4d", "se_resnext101_32x4d",
    "densenet121", "densenet169", "densenet201", "densenet161", "inceptionresnetv2", "inceptionv4",
    "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3", "efficientnet-b4",
    "efficientnet-b5", "efficientnet-b6", "efficientnet-b7", "mobilenet_v2", "xception",
    "mit_b0", "mit_b1", "mit_b2", "mit_b3", "mit_b4", "mit_b5",
    "mobileone_s0", "mobileone_s1", "mobileone_s2", "mobileone_s3", "mobileone_s4",
)
# fmt: on
FILES = (".pth", ".pt", ".safetensors")


class SmpArchitecture(Architecture):
    """An encoder of segmentation_models_pytorch, by its name there: `smp/mit_b0`."""

    name = "smp/"
    made_by = "SmpEncoder"
    keeps_statistics = True
    pixel_bytes: ClassVar[int] = 9000
    network_mb: ClassVar[int] = 1500

    @classmethod
    def check_member(cls, member: str) -> None:
        """Refuse a name that is not an encoder of the package."""
        if member not in ENCODERS:
            near = difflib.get_close_matches(member.removeprefix("timm-").removeprefix("tu-"), ENCODERS, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "models of timm are written timm/<model>"
            raise ValueError(f"segmentation_models_pytorch has no encoder {member}; {hint}")

    def check(self, section: Any) -> None:
        """Refuse weights by name: none of these encoders' are in the table of weights."""
        if section.weights != "none" and not section.weights.endswith(FILES):
            raise ValueError(
                f"weights is {section.weights}; {self.name} starts from a file ({', '.join(FILES)}) with the encoder's "
                "own names, or from none"
            )
        super().check(section)


import copy

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError

MULTIPLES = (8, 16, 32, 48, 56, 64, 112, 128, 224, 256)
"""What the sides of images may have to be a multiple of; the least that fits is taken."""
LARGE = 256  # pixels: no network is asked for less, which could be too small


class SmpEncoder(Backbone):
    """An encoder of a segmentation_models_pytorch network.

    Args:
        architecture: `timm/<model>` or `smp/<encoder>`.
        encoder: the module that the network has made.
        mean, std: normalisation, RGB 0…255.

    Attributes:
        multiple, least: what an image is padded to: sides that are a multiple of the one, and at least the other.
        stride, aligned: where the cells of the scores lie, a name of `grid`; set by `fit`.
    """

    unit_features = True
    multiple: int
    least: int
    stride: int
    aligned: str

    def __init__(
        self,
        architecture: str,
        encoder: nn.Module,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__(mean, std)
        self.architecture, self.encoder = architecture, encoder
        self.widths = tuple(int(width) for width in encoder.out_channels if width)  # type: ignore[union-attr]
        self.channels = self.widths[-1]

    def _run(self, images: Tensor) -> Iterator[Tensor]:
        found = self.encode(self.fitted(images))
        yield from found[0] if isinstance(found, tuple) else found

    def encode(self, images: Tensor) -> Any:
        """What the encoder gives the decoder, of normalised images N×3×H×W of sides that it takes."""
        return self.encoder(images)

    def fit(self, scores: nn.Module) -> None:
        """Find what images must be padded to, and where the scores' cells then lie.

        Args:
            scores: a copy of the whole network on the meta device: normalised images → scores.

        Raises:
            InputError: no size fits.
        """
        own = int(self.encoder.output_stride)  # type: ignore[arg-type]  # what the package asks for
        for self.multiple in (each for each in MULTIPLES if each % own == 0):
            # Odd multiples: a side that a finer multiple would do for does not pass by chance.
            times = -(-LARGE // self.multiple) | 1
            height, width = self.multiple * times, self.multiple * (times + 2)
            rows, columns = _cells(scores, height, width)
            if not rows or height % rows or height * columns != width * rows:
                continue
            self.stride = height // rows
            sides = range(self.multiple, height, self.multiple)
            fits = (side for side in sides if _cells(scores, side, side)[0] * self.stride == side)
            self.least = next(fits, height)
            self.aligned = CORNERS if self.stride > 1 and _pads(self.encoder) else CENTRES
            return
        raise InputError(
            f"{self.architecture} has no features that this segmenter of segmentation_models_pytorch can take; choose "
            "another encoder."
        )

    def fitted(self, images: Tensor) -> Tensor:
        """Normalised images, padded at the right and below by repeating their border."""
        normalized = self.normalize(images)
        below, right = (self._whole(side) - side for side in images.shape[2:])
        return functional.pad(normalized, (0, right, 0, below), mode="replicate")

    def _whole(self, side: int) -> int:
        needed = self.stride * cells(side, self.stride, self.aligned)
        times = (needed + self.multiple - 1) // self.multiple
        least = self.least // self.multiple
        longer: Any = torch.sym_max  # of sizes that the exporter leaves free, too
        whole: int = self.multiple * (longer(times, least) if least > 1 else times)
        return whole

    def example(self) -> Tensor:
        """Two images without memory, of a size that the network takes."""
        return torch.empty(2, 3, self.least, self.least, device="meta")

    def freeze(self, stages: int) -> None:
        """As of `Backbone`: every parameter that the features of the n-th stage depend on."""
        self.frozen_stages = stages
        if not stages:
            return
        copied = meta_copy(self.encoder)
        found = copied(self.example())
        features = [
            each for each in (found[0] if isinstance(found, tuple) else found) if each.requires_grad
        ]  # the image itself and the empty features of some have no gradient
        used = dependent(features[min(stages, len(features)) - 1], copied)
        for name, parameter in self.encoder.named_parameters():
            if name in used:
                parameter.requires_grad_(False)

    def load(self, initial: InitialWeights) -> None:
        """Take published weights of the whole network, and their normalisation.

        Raises:
            ValueError: these are not weights of this architecture.
        """
        if initial.state is None:
            raise ValueError(f"these are not weights of {self.architecture}")
        self._take(initial.state)
        self.take_normalization(initial)

    def take_trained(self, state: Mapping[str, Tensor]) -> None:
        """Take the state of the attention network's backbone, a `TimmBackbone`, with its normalisation."""
        self._take({name: value for name, value in state.items() if name.startswith("model.")})
        self.load_state_dict({"mean": state["mean"], "std": state["std"]}, strict=False)

    def _take(self, state: Mapping[str, Tensor]) -> None:
        given = {_key(name): value for name, value in state.items()}
        own = self.encoder.state_dict()
        found = {name: given.get(_key(name)) for name in own}
        for name, value in own.items():
            there = found[name]
            if there is None or there.shape != value.shape:
                raise InputError(
                    f"the initial weights hold {'nothing' if there is None else tuple(there.shape)} as '{name}' of "
                    f"{self.architecture}, which has {tuple(value.shape)} in this segmenter: give weights of the whole "
                    "network, or none."
                )
        self.encoder.load_state_dict(found)


def _key(name: str) -> str:
    """A parameter's name whatever a wrapper put before it, and however it joined the names of nested modules."""
    while name.startswith("model."):
        name = name.removeprefix("model.")
    return name.replace(".", "_")


def _pads(encoder: nn.Module) -> bool:
    """Whether the first convolution that strides is padded evenly: its cell i then lies over pixel stride · i.

    Patches, pools of kernel 2 and TensorFlow's padding at the right and below make cells that lie further in.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module.stride[0] > 1:
            return module.kernel_size[0] % 2 == 1 and module.padding[0] == module.kernel_size[0] // 2
    return False


def _cells(scores: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the scores of an image; none where it is refused."""
    try:
        with torch.no_grad():
            rows, columns = scores(torch.empty(2, 3, height, width, device="meta")).shape[2:]
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
        return 0, 0
    return rows, columns


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy without memory, in evaluation mode: it knows shapes and what depends on what."""
    return copy.deepcopy(module).to("meta").eval()


def dependent(result: Tensor, module: nn.Module) -> set[str]:
    """Names of the module's parameters that a result of it depends on."""
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(result.sum(), [parameter for _, parameter in named], allow_unused=True)
    return {name for (name, _), gradient in zip(named, gradients, strict=True) if gradient is not None}


def usual_normalization(encoder: str) -> str:
    """That of the usual weights of one of the package's own encoders, a name of `NORMALIZATIONS`."""
    return "inception" if encoder.startswith(("inception", "xception")) else "torchvision"


def expected_state(encoder: str) -> dict[str, Tensor]:
    """What weights of one of the package's own encoders must hold."""
    import segmentation_models_pytorch as smp

    made: nn.Module = smp.encoders.get_encoder(encoder, weights=None)
    return made.state_dict()
