"""Any model of timm (Wightman et al.) with features: convolutional networks and transformers.

The whole model is kept, with the parameter names under which its weights are published; what follows the last stage in
use is left out. `timm_stages` says how it is built and where its cells lie.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from weakseg.backbones.architecture import Architecture
from weakseg.backbones.timm_names import check, kind


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
from torch import Tensor

from weakseg.backbones import timm_stages
from weakseg.backbones.base import AttentionBackbone, Dilations, Pools, SaliencyBackbone
from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError

MOST_WIDTH = 512
"""Channels of the convolutions of a head, at most; else as many as the features have."""
LEVEL = 4
"""Stride of the finest features that saliency networks and detectors look at."""


class TimmBackbone(AttentionBackbone, SaliencyBackbone):
    """Stages of a timm model.

    Args:
        architecture: `timm/` and the model's name.
        stride: pixels of the image per cell of the last stage; `None`: as the model has it.
        centred: bring cells that lie over corners to the centres, as attention maps have them: each is the mean of
            four, of one more cell a side.

    Attributes:
        stages: of the model, where features are taken.
        strides: pixels of the image per cell, of each stage.
        stride: of the last stage.
        aligned: where the cells of all stages lie, a name of `grid`.

    Raises:
        InputError: the model has no features, or cannot have this stride.
    """

    unit_features = True
    first_level = 0

    def __init__(self, architecture: str, stride: int | None = None, *, centred: bool = False) -> None:
        plan = timm_stages.plan(architecture.removeprefix("timm/"), stride)
        model = timm_stages.build(plan)
        mean, std = (tuple(255.0 * value for value in model.pretrained_cfg[key]) for key in ("mean", "std"))
        super().__init__(mean, std)
        self.architecture, self.model, self.plan = architecture, model, plan
        self.centred = centred and plan.aligned == CORNERS
        self.aligned = CENTRES if self.centred else plan.aligned
        self.cells_at_corners = self.aligned == CORNERS
        self._end_with(plan.stages)
        self.head_width = self.dense_width = self.side_width = min(MOST_WIDTH, self.channels)
        self._train_only(range(len(plan.stages)))

    def _end_with(self, stages: Sequence[timm_stages.Stage]) -> None:
        self.stages = tuple(stages)
        self.widths = tuple(stage.channels for stage in stages)
        self.strides = tuple(stage.stride for stage in stages)
        self.channels, self.stride = self.widths[-1], self.strides[-1]
        self.map_multiple = self.stride * max(1, round(32 / self.stride))
        self.side_channels = (self.widths[max(0, len(stages) - 2)], self.channels)

    @classmethod
    def for_attention(cls, architecture: str, stride: int, pools: Pools, *, exact: bool = True) -> Self:
        """As of `AttentionBackbone`."""
        made = cls(architecture, stride if exact else _possible(architecture, stride), centred=True)
        made._train_only([len(made.stages) - 1])
        return made

    @classmethod
    def for_segmenter(cls, architecture: str, stride: int) -> Self:
        """At a stride; where the model cannot have it, at its own."""
        return cls(architecture, _possible(architecture, stride))

    @classmethod
    def for_saliency(cls, architecture: str, stride: int, dilations: Dilations, frozen: bool) -> Self:
        """As of `SaliencyBackbone`."""
        made = cls(architecture, stride)
        if sum(each >= LEVEL for each in made.strides) < 4:
            made = cls(architecture)  # it cannot be dilated
        made._end_with([stage for stage in made.stages if stage.stride >= LEVEL])
        made._train_only(made._places())
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
        self._end_with(self.stages[:-1])
        timm_stages.cut(self.model, self.stages, self.plan.normalized)
        self._train_only(self._places())

    def _places(self) -> list[int]:
        """Numbers of the stages among the plan's."""
        return [number for number, stage in enumerate(self.plan.stages) if stage in self.stages]

    def _train_only(self, numbers: Iterable[int]) -> None:
        """Leave the layers that serve none of these stages as they are: HRNet has some, which no gradient reaches."""
        names = timm_stages.reached(self.plan, tuple(numbers), self.plan.normalized)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name in names and parameter.requires_grad)

    def _run(self, images: Tensor) -> Iterator[Tensor]:
        yield from self._features(images, self.stages)

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage, N×`channels`×h×w."""
        return self._features(images, self.stages[-1:])[0]

    def _features(self, images: Tensor, stages: Sequence[timm_stages.Stage]) -> list[Tensor]:
        given = timm_stages.features(
            self.model, self._fitted(self.normalize(images)), stages, self.plan.normalized
        )
        return [
            self._placed(found, stage, images.shape[2:]) for found, stage in zip(given, stages, strict=True)
        ]

    def _placed(self, found: Tensor, stage: timm_stages.Stage, size: Sequence[int]) -> Tensor:
        """The cells of the image alone, where `aligned` says that they lie."""
        if self.centred or stage.shifted:
            found = functional.avg_pool2d(found, 2, stride=1)
        first = self._before // stage.stride - int(stage.shifted)
        rows, columns = (first + cells(side, stage.stride, self.aligned) for side in size)
        return found[:, :, first:rows, first:columns]

    @property
    def _before(self) -> int:
        """Pixels that are put at the left and above an image, for a cell that is averaged with the image's first."""
        return self.stride if self.stages[-1].shifted else 0

    def _fitted(self, images: Tensor) -> Tensor:
        """Normalised images, padded by repeating their border to what the model takes."""
        height, width = (self._padded(side) for side in images.shape[2:])
        before, (rows, columns) = self._before, images.shape[2:]
        return functional.pad(
            images, (before, width - before - columns, before, height - before - rows), mode="replicate"
        )

    def _padded(self, pixels: int) -> int:
        """Length of a padded side; averaged cells over corners need one more beyond the image."""
        plan, count = self.plan, cells(pixels, self.stride, self.aligned) + int(self.centred)
        least = (count - 1) * self.stride + 1 if plan.aligned == CORNERS else count * self.stride
        least = max(least + self._before, plan.least)
        return (least - plan.over + plan.multiple - 1) // plan.multiple * plan.multiple + plan.over

    def side_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of the last stage but one and, twice, of the last: where SPG's B1, B2 and A begin."""
        found = self._features(images, self.stages[-2:])
        return found[0], found[-1], found[-1]

    def freeze(self, stages: int) -> None:
        """As of `Backbone`; of a plain transformer a stage is a quarter of its blocks.

        Raises:
            InputError: the model's stages do not follow one another.
        """
        self.frozen_stages = stages
        if not stages:
            return
        last = len(self.stages) - 1
        names = timm_stages.reached(self.plan, (min(stages - 1, last),), False)
        if not names <= timm_stages.reached(self.plan, (last,), False):
            raise InputError(
                f"frozen_stages is {stages}, but stage {stages} of {self.architecture} is made of all of its layers; "
                "set frozen_stages to 1 or 0."
            )
        for name, parameter in self.model.named_parameters():
            if name in names:
                parameter.requires_grad_(False)

    def load(self, initial: InitialWeights) -> None:
        """Take the weights of the parts that are here, and their normalisation.

        Raises:
            ValueError: the weights are not of this architecture.
        """
        if initial.state is None:
            raise ValueError(f"these are not weights of {self.architecture}")
        self.model.load_state_dict({name: initial.state[name] for name in self.model.state_dict()})
        self.take_normalization(initial)


def _possible(architecture: str, stride: int) -> int:
    return timm_stages.possible(architecture.removeprefix("timm/"), stride)


def expected_state(name: str, source: str = "") -> tuple[dict[str, Tensor], Mapping[str, Any], str]:
    """What weights of a model must hold, all but its classifier; timm's configuration of them; the first layer's name.

    Args:
        name: of the model.
        source: where the weights come from: `<name>.<tag>` of timm's have a normalisation of their own.
    """
    import timm

    with torch.device("meta"):
        model = timm_stages.build(timm_stages.plan(name))
    state = model.state_dict()
    first = next(key for key, value in state.items() if value.ndim == 4 and value.shape[1] == 3)
    known = timm.get_pretrained_cfg(source) if source.partition(".")[0] == name else None
    config = model.pretrained_cfg if known is None else {"mean": known.mean, "std": known.std}
    return state, config, first


def own_names(name: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A state with the names and position embeddings that timm's model has, by timm's own filter for the model.

    Many models' first weights were published by their authors' programs, which timm renames on loading.
    """
    if all(key in state and state[key].shape == value.shape for key, value in expected.items()):
        return state
    with torch.device("meta"):
        model = timm_stages.build(timm_stages.plan(name))
    rename = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    try:
        return dict(rename(dict(state), model)) if rename is not None else state
    except Exception:  # filters fail on another model's weights in their own ways; they are refused later
        return state
