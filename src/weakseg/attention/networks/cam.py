"""CAM: class activation maps (Zhou, Khosla, Lapedriza, Oliva, Torralba, CVPR 2016).

A classifier of convolutions and global average pooling; the score maps before the pooling are the attention. Its
head is that of SeeNet's S_A, so that the two differ by what SeeNet adds and by nothing else.

Maps of several sizes and of the mirrored image are summed as raw positive scores and divided by the maximum of the sum,
once: `make_cam.py` of IRNet, and PSA before it.
"""

from pydantic import Field

from weakseg.attention.networks.declaration import AttentionMethod


class CamSettings(AttentionMethod):
    """Class activation maps (Zhou et al., CVPR 2016)."""

    name = "cam"
    made_by = "Cam"
    preset = "voc-cam.yaml"

    convolutions: int = Field(2, ge=0, le=3)
    """3×3 convolutions between the features and the scores: 2 as SeeNet's S_A; 0, a linear layer on the features, as
    PSA and IRNet have it on ResNets."""


from torch import Tensor

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import image_loss


class Cam(Classifier):
    """Backbone and one head."""

    dropout = (0.5,)
    sums_scales = True
    settings: CamSettings

    @property
    def head_convolutions(self) -> int:
        """As the settings say."""
        return self.settings.convolutions

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores."""
        return {"loss_class": image_loss(self.scores(batch["image"]), batch["labels"])}
