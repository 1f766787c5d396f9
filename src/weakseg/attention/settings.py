"""Attention networks and maps."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import CoreSchema, core_schema

from weakseg.attention.networks import NETWORKS
from weakseg.backbones.settings import BackboneConfig
from weakseg.settings.methods import Choice
from weakseg.settings.section import Positive, RunName, Scale, Section
from weakseg.training.settings import TrainingConfig


class _WithSchedule:
    """The methods of which the presets hold the published schedule."""

    @staticmethod
    def __get_pydantic_core_schema__(source: object, handler: object) -> CoreSchema:
        return core_schema.literal_schema([name for name, method in NETWORKS.items() if method.preset])


class MapsConfig(Section):
    """How attention maps are computed from a trained network."""

    source: Literal["network", "gradcam"] = "network"
    """`network`: the method's own maps; `gradcam`: Grad-CAM (Selvaraju et al., 2017) of its classifier's last
    features, one backward pass per image and class."""
    size: int = Field(384, ge=32, le=4096)
    """Longest side the image is brought to, in pixels."""
    scales: list[Scale] = Field(default_factory=lambda: [1.0], min_length=1)
    """Sizes relative to `size`. Of `cam` the raw scores are summed over sizes and mirrored images and the sum is
    normalised, as its authors do; of the others each map is normalised and the mean over sizes is taken."""
    flip: bool = True
    """Also look at the mirrored image: its scores are added (`cam`) or the maximum of both maps is taken (the
    others)."""
    read_out: Literal["relu", "sigmoid"] = "relu"
    """`oaa_plus` alone: `relu` divides the positive scores by their maximum, as published; `sigmoid` the sigmoid of all
    scores: its maps are nowhere zero and lie high."""
    batch_size: int = Field(16, ge=1)
    """Images of one size per forward pass."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""


class AttentionConfig(Choice, methods=NETWORKS):
    """The classifier whose attention says where the classes are."""

    beside = frozenset({"from_run", "maps", "schedule_of"})

    from_run: RunName | None = None
    """Name of another run, of the same images and `shards`, whose attention network and maps are taken as they are,
    with the values that made them. `null`: made here."""
    method: str = "seenet"
    """Name of the attention network; `oaa_plus` trains two, one after the other; `folder` trains none."""
    backbone: BackboneConfig = BackboneConfig()
    stride: Literal[8, 16] | None = None
    """Pixels of the image per cell of the maps; `null` as published (SeeNet and CAM 16, the others 8). 8 is finer and
    costs about a half more."""
    new_layers_rate: Positive | None = None
    """Learning-rate multiplier of all layers above the backbone; `null` as published: 10 for `oaa`, `oaa_plus` and
    `acol`, 1 for `seenet` and `spg`, and for `cam`, whose head is SeeNet's."""
    schedule_of: Annotated[str, _WithSchedule] | None = None
    """Method whose published schedule `training` holds; another method is then refused. `null`: a schedule of your
    own, for any method."""
    training: TrainingConfig = TrainingConfig(weight_decay=2e-4, schedule="step")
    maps: MapsConfig = MapsConfig()

    @property
    def trains(self) -> bool:
        """Whether a network is trained; otherwise maps are read as they are."""
        return bool(self.own.trains)

    @property
    def accumulating(self) -> Self | None:
        """The network that is trained first, if the chosen one learns from its maps."""
        first = self.own.learns_from
        return None if first is None else self.model_copy(update={"method": first})

    @model_validator(mode="after")
    def _has_backbone(self) -> Self:
        self.own.check_backbone(self.backbone.architecture)
        return self

    @model_validator(mode="after")
    def _schedule_is_its_own(self) -> Self:
        if self.schedule_of not in (None, self.method) and self.trains:
            file = self.own.preset
            take = ""
            if file is not None:
                name = file.removesuffix(".yaml")
                take = f"take its preset (preset: {name}, or workflow/presets/{file} as the last --configfile), or "
            raise ValueError(
                f"training is {self.schedule_of}'s published schedule (schedule_of), but method is {self.method}; "
                f"{take}set schedule_of to null to keep these values"
            )
        return self

    @model_validator(mode="after")
    def _has_read_out(self) -> Self:
        maps, able = self.maps, [name for name, method in NETWORKS.items() if len(method.read_outs) > 1]
        if maps.read_out != "relu" and (self.method not in able or maps.source != "network"):
            raise ValueError(
                f"maps.read_out is {maps.read_out}, but only {' and '.join(able)}'s own maps are read out in several "
                "ways; leave it out"
            )
        return self
