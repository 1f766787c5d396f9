"""A whole attention method in one file, as somebody would add it: its settings, then its network.

`test_add_a_method.py` puts this file into `weakseg/attention/networks/` and one line into the table there.
"""

from typing import TYPE_CHECKING

from pydantic import Field

from weakseg.attention.networks.declaration import AttentionMethod

if TYPE_CHECKING:
    from weakseg.attention.settings import AttentionConfig


class ToySettings(AttentionMethod):
    """Class activation maps of scores that are sharpened by a power."""

    name = "toy"
    made_by = "Toy"
    stride = 8
    new_layers_rate = 5.0

    sharpness: float = Field(2.0, gt=0, le=10)
    """Power of the positive scores."""

    def check(self, section: "AttentionConfig") -> None:
        """Refuse Grad-CAM, whose maps nothing would sharpen."""
        if section.maps.source == "gradcam" and self.sharpness != 2.0:
            raise ValueError(
                f"toy.sharpness is {self.sharpness:g}, but maps.source is gradcam, which does not read it; leave it out"
            )


from torch import Tensor

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import mean_loss


class Toy(Classifier):
    """One head of a single convolution."""

    convolutions = 1
    settings: ToySettings

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores, averaged over the classes."""
        return {"loss_class": mean_loss(self.scores(batch["image"]), batch["labels"])}

    def evidence(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Sharpened positive scores N×C×h×w, zero for absent classes; class scores N×C."""
        positive, scores = super().evidence(images, labels)
        return positive**self.settings.sharpness, scores
