"""What the file of an affinity network declares above its import of torch."""

from typing import Any, ClassVar

from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS, OnBackbone
from weakseg.settings.methods import Method


class AffinityMethod(OnBackbone, Method):
    """The settings of an affinity network.

    Its `made_by` is called with the backbone's architecture and these settings; it makes an `AffinityNetwork`.

    Attributes:
        trains: there is a network; otherwise the fused proxies are refined as they are.
    """

    trains: ClassVar[bool] = True
    backbones = ("vgg16", "vgg_small", "timm/", "resnet50", "resnet101")
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "features of the strides 4, 8, 16 and 32"

    def check(self, section: Any) -> None:
        """Refuse a backbone that the network does not stand on."""
        if self.trains:
            self.check_backbone(section.backbone.architecture)
