"""Any model of timm (Wightman et al.) with features: convolutional networks and transformers.

The whole model is kept, with the parameter names under which its weights are published; what follows the last stage in
use is pruned. A convolutional network is dilated to a stride by timm itself (`output_stride`). A model that cannot be
dilated ends with its last stage of that stride, as SPG's Inception-v3 does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from weakseg.backbones.architecture import Architecture
from weakseg.backbones.timm_names import PLAIN, check, kind


class TimmArchitecture(Architecture):
    """A model of timm, by its name there without the tag of its weights: `timm/convnext_tiny`."""

    name = "timm/"
    made_by = "TimmBackbone"
    rooms = frozenset({"attention", "saliency", "detector"})
    pyramid = True
    keeps_statistics = True
    pixel_bytes: ClassVar[int] = 9000
    network_mb: ClassVar[int] = 1500

    @classmethod
    def check_member(cls, member: str) -> None:
        """Refuse what timm does not have."""
        check(member)

    @classmethod
    def kind(cls) -> str:
        """What `timm_names.kind` says of it."""
        return kind(cls.name.removeprefix("timm/"))


import sys

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import AttentionBackbone, Dilations, Pools, SaliencyBackbone
from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError

MOST_WIDTH = 512
"""Channels of the convolutions of a head, at most; else as many as the features have."""
GROUPS = 4  # stages that the blocks of a plain transformer are divided into
COARSEST = 512  # pixels; windows of transformers repeat at most at this distance


class TimmBackbone(AttentionBackbone, SaliencyBackbone):
    """Stages of a timm model.

    Args:
        architecture: `timm/` and the model's name.
        stride: pixels of the image per cell of the last stage; `None`: as the model has it.
        centred: bring cells that lie over corners to the centres, as attention maps have them: with one more cell a
            side, each is the mean of four.
        least: no stage is finer than this stride.

    Attributes:
        strides: pixels of the image per cell, of each stage.
        stride: of the last stage.
        aligned: where the cells of all stages lie, a name of `grid`.

    Raises:
        InputError: the model has no features, or cannot have this stride.
    """

    unit_features = True
    first_level = 0

    def __init__(
        self, architecture: str, stride: int | None = None, *, centred: bool = False, least: int = 1
    ) -> None:
        name = architecture.removeprefix("timm/")
        model, taken = build(name, stride)
        mean, std = (tuple(255.0 * value for value in model.pretrained_cfg[key]) for key in ("mean", "std"))
        super().__init__(mean, std)
        self.architecture = architecture
        taken = [stage for stage in taken if stage.stride >= least]
        self.stages = taken
        self.indices = [stage.index for stage in taken]
        self.widths = tuple(stage.channels for stage in taken)
        self.strides = tuple(stage.stride for stage in taken)
        self.channels, self.stride = self.widths[-1], self.strides[-1]
        self.normalized_output = kind(name) == PLAIN
        model.prune_intermediate_layers(self.indices, prune_norm=not self.normalized_output, prune_head=True)
        self.model = model
        self.multiple, self.aligned = fitting(model, self.stride, self.indices, self.normalized_output)
        self.centred = centred and self.aligned == CORNERS
        self.cells_at_corners = self.aligned == CORNERS and not self.centred
        if self.centred:
            self.aligned = CENTRES
        self.head_width = self.dense_width = self.side_width = min(MOST_WIDTH, self.channels)
        self.side_channels = (self.widths[-2] if len(self.widths) > 1 else self.channels, self.channels)

    @classmethod
    def for_attention(cls, architecture: str, stride: int, pools: Pools, *, exact: bool = True) -> Self:
        """As of `AttentionBackbone`."""
        return cls(architecture, stride if exact else possible(architecture, stride), centred=True)

    @classmethod
    def for_segmenter(cls, architecture: str, stride: int) -> Self:
        """At a stride; where the model cannot have it, at its own."""
        return cls(architecture, possible(architecture, stride))

    @classmethod
    def for_saliency(cls, architecture: str, stride: int, dilations: Dilations, frozen: bool) -> Self:
        """As of `SaliencyBackbone`."""
        made = cls(architecture, stride, least=4)
        if len(made.strides) < 4:  # it cannot be dilated
            made = cls(architecture, least=4)
        if made.strides not in ((4, 8, 8, 8), (4, 8, 16, 16), (4, 8, 16, 32)):
            raise InputError(
                f"{architecture} has features of the strides {', '.join(map(str, made.strides))}, but saliency "
                "networks and detectors need 4, 8, 16 and 32; choose another model."
            )
        if frozen:
            made.freeze_normalization()
        return made

    def levels(self, images: Tensor) -> list[Tensor]:
        """As of `SaliencyBackbone`, without cells that lie wholly over padding."""
        height, width = images.shape[2:]
        features = zip(super().levels(images), self.strides, strict=True)
        return [given[:, :, : -(-height // stride), : -(-width // stride)] for given, stride in features]

    def drop_last_stage(self) -> None:
        """End with the stage before the last."""
        self.indices.pop()
        self.stages.pop()
        self.widths, self.strides = self.widths[:-1], self.strides[:-1]
        self.channels, self.stride = self.widths[-1], self.strides[-1]
        self.model.prune_intermediate_layers(self.indices, prune_norm=True, prune_head=True)

    def _stages(self) -> Sequence[Sequence[nn.Module]]:
        raise NotImplementedError("a timm model runs its stages itself")

    def _run(self, images: Tensor) -> Iterator[Tensor]:
        height, width = images.shape[2:]
        found = self.model.forward_intermediates(
            self._fitted(self.normalize(images)),
            indices=self.indices,
            norm=self.normalized_output,
            intermediates_only=True,
            output_fmt="NCHW",
        )
        for features, stride in zip(found, self.strides, strict=True):
            if self.centred:
                features = functional.avg_pool2d(features, 2, stride=1)
            rows, columns = (cells(side, stride, self.aligned) for side in (height, width))
            yield features[:, :, :rows, :columns]

    def _fitted(self, images: Tensor) -> Tensor:
        """Normalised images, padded at the right and below by repeating their border to what the model takes."""
        over = 1 if self.centred or self.aligned == CORNERS else 0
        below, right = (-(side - over) % self.multiple for side in images.shape[2:])
        if self.centred:  # one more cell than the image has, beyond its border
            below, right = (-side % self.multiple + 1 for side in images.shape[2:])
        return functional.pad(images, (0, right, 0, below), mode="replicate") if below or right else images

    def side_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of the last stage but one and, twice, of the last: where SPG's B1, B2 and A begin."""
        stages = self.stage_features(images)
        return stages[max(0, len(stages) - 2)], stages[-1], stages[-1]

    def freeze(self, stages: int) -> None:
        """As of `Backbone`; of a plain transformer a stage is a quarter of its blocks."""
        self.frozen_stages = stages
        if stages:
            for parameter in _until(self.model, self.stages[min(stages, len(self.stages)) - 1].module):
                parameter.requires_grad_(False)

    def load(self, initial: InitialWeights) -> None:
        """Take the weights of the parts that are here, and their normalisation.

        Raises:
            ValueError: the weights are not of this architecture.
        """
        if initial.state is None:
            raise ValueError(f"these are not weights of {self.architecture}")
        own = {
            name: value for name in self.model.state_dict() if (value := initial.state.get(name)) is not None
        }
        self.model.load_state_dict(own)
        self.take_normalization(initial)


class Stage:
    """A place of a model where features are taken.

    Attributes:
        index: its number for `forward_intermediates`.
        channels, stride: of the features.
        module: name of the module that ends it.
    """

    def __init__(self, index: int, channels: int, stride: int, module: str) -> None:
        self.index, self.channels, self.stride, self.module = index, channels, stride, module


def create(model: str, **options: Any) -> Any:
    """A model of timm without its classifier, with random weights; sizes of images are free where that is possible."""
    import timm

    plain = kind(model) == PLAIN
    free: list[dict[str, Any]] = [{"dynamic_img_size": True, "dynamic_img_pad": True}] if plain else []
    for sizes in (*free, {"strict_img_size": False}, {}):
        try:
            return timm.create_model(model, pretrained=False, num_classes=0, **sizes, **options)
        except TypeError:
            continue
    return timm.create_model(model, pretrained=False, num_classes=0, **options)


def expected_state(name: str) -> tuple[dict[str, Tensor], Mapping[str, Any], str]:
    """What weights of a model must hold, all but its classifier; timm's configuration of it; its first layer."""
    with torch.device("meta"):
        model = create(name)
    stages = _stages(model, name)
    model.prune_intermediate_layers(stages[-1].index, prune_norm=kind(name) != PLAIN, prune_head=True)
    state = model.state_dict()
    first = next(key for key, value in state.items() if value.ndim == 4)
    return state, model.pretrained_cfg, first


def own_names(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with the names and position embeddings that timm's model has, by timm's own filter for the model.

    Many models' first weights were published by their authors' programs, which timm renames on loading.
    """
    with torch.device("meta"):
        model = create(name)
    rename = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    return dict(rename(dict(state), model) if rename is not None else state)


def build(name: str, stride: int | None) -> tuple[Any, list[Stage]]:
    """A model whose last stage has the stride, and its stages.

    Raises:
        InputError: the model has no features, or cannot have this stride.
    """
    model = create(name)
    stages = _stages(model, name)
    if stride is None or stages[-1].stride == stride:
        return model, stages
    if kind(name) != PLAIN and stages[-1].stride > stride:
        try:
            model = create(name, output_stride=stride)
        except (TypeError, AssertionError, ValueError, NotImplementedError):
            stages = [stage for stage in stages if stage.stride <= stride]
        else:
            stages = _stages(model, name)
    if not stages or stages[-1].stride != stride:
        has = ", ".join(
            str(each) for each in dict.fromkeys(stage.stride for stage in _stages(create(name), name))
        )
        raise InputError(
            f"timm/{name} cannot have stride {stride}; its features have {has}: choose one of these, or leave the "
            "stride out."
        )
    return model, stages


def _stages(model: Any, name: str) -> list[Stage]:
    if not hasattr(model, "forward_intermediates") or not hasattr(model, "prune_intermediate_layers"):
        raise InputError(
            f"timm/{name} has no features that can be taken (forward_intermediates); choose another model of timm."
        )
    info: Sequence[Mapping[str, Any]] = getattr(model.feature_info, "info", model.feature_info)
    found = [
        Stage(number, each["num_chs"], each["reduction"], each["module"]) for number, each in enumerate(info)
    ]
    if kind(name) == PLAIN:
        found = [found[len(found) * part // GROUPS - 1] for part in range(1, GROUPS + 1)]
    return found


def possible(architecture: str, stride: int) -> int:
    """The stride where the model can have it, else its patch size or coarsest stride."""
    name = architecture.removeprefix("timm/")
    with torch.device("meta"):
        try:
            return build(name, stride)[1][-1].stride
        except InputError:
            return build(name, None)[1][-1].stride


def fitting(model: Any, stride: int, indices: Sequence[int], norm: bool) -> tuple[int, str]:
    """What the sides of images must be a multiple of, and where the cells then lie.

    Padded convolutions take sides of stride · k + 1 and give k + 1 cells, which lie over corners; patches and windows
    take whole multiples. It is found by asking a copy without memory.

    Raises:
        InputError: the model takes images of its own size only.
    """
    import copy

    copied = copy.deepcopy(model).to("meta").eval()
    coarsest = max(stride, 32)

    def gives(height: int, width: int) -> list[int]:
        images = torch.empty(1, 3, height, width, device="meta")
        with torch.no_grad():
            found = copied.forward_intermediates(
                images, indices=indices, norm=norm, intermediates_only=True, output_fmt="NCHW"
            )
        return list(found[-1].shape[2:])

    tries = [] if norm else [(coarsest, 1, CORNERS)]  # plain transformers are told to pad to whole patches
    tries += [(stride, 0, CENTRES), (coarsest, 0, CENTRES)]
    tries += [(size, 0, CENTRES) for size in (56, 64, 112, 128, 192, 224, 256, 384, 448, COARSEST)]
    for multiple, over, aligned in tries:
        try:
            found = gives(2 * multiple + over, 3 * multiple + over)
        except (RuntimeError, AssertionError, ValueError, NotImplementedError):
            continue
        if found == [cells(times * multiple + over, stride, aligned) for times in (2, 3)]:
            return (stride if aligned == CORNERS else multiple), aligned
    raise InputError(
        f"{type(model).__name__} of timm takes images of its own size only; choose a model that takes any size."
    )


def _until(model: nn.Module, last: str) -> Iterator[nn.Parameter]:
    """The parameters of everything up to a module, that included."""
    names = [name for name, _ in model.named_modules()]
    inside = [number for number, name in enumerate(names) if name == last or name.startswith(f"{last}.")]
    end = max(inside, default=0)
    for number, (_, module) in enumerate(model.named_modules()):
        if number <= end:
            yield from module.parameters(recurse=False)
