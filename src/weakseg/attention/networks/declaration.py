"""What the file of an attention method declares, above its import of torch."""

from typing import ClassVar

from weakseg.backbones.standing import OnBackbone, all_serving
from weakseg.settings.methods import Method

LOCAL_FEATURES = "local features"


class AttentionMethod(OnBackbone, Method):
    """A classifier whose attention says where the classes are; its network is a `Classifier` of `parts.py`.

    Attributes:
        trains: it trains a network; otherwise maps are read as they are.
        learns_from: method whose network is trained first and whose maps this one learns from.
        stride: output stride of the published network, pixels.
        new_layers_rate: learning-rate multiplier of all layers above the backbone in the authors' code.
        preset: file in workflow/presets with the published schedule.
        read_outs: ways to make maps of its scores, of which `maps.read_out` names one.
    """

    backbones: ClassVar[tuple[str, ...]] = all_serving("attention")
    trains: ClassVar[bool] = True
    learns_from: ClassVar[str | None] = None
    stride: ClassVar[int] = 16
    new_layers_rate: ClassVar[float] = 1.0
    preset: ClassVar[str | None] = None
    read_outs: ClassVar[tuple[str, ...]] = ("relu",)

    @property
    def takes_one_class(self) -> bool:
        """Whether it learns only from images of exactly one class: neither of several nor of none."""
        return False
