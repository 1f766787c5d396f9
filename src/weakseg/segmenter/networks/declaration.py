"""What the file of a segmenter declares above its import of torch."""

from typing import Any, ClassVar, Literal

from weakseg.backbones.standing import OnBackbone
from weakseg.settings.methods import Method


class SegmenterMethod(OnBackbone, Method):
    """The settings of a segmenter.

    Its `made_by` is called with the backbone's architecture, the number of classes C without background, and these
    settings; it makes a `PixelClassifier`.

    Attributes:
        scores_stride: pixels per cell of its scores, or fewer than they can have: what files of scores take.
    """

    scores_stride: ClassVar[int] = 8

    def check(self, section: Any) -> None:
        """Refuse a backbone that the segmenter does not stand on."""
        self.check_backbone(section.backbone.architecture)


class StridedMethod(SegmenterMethod):
    """A segmenter on features whose stride can be chosen, where the backbone is a model of timm."""

    output_stride: Literal[8, 16, 32] | None = None
    """Of models of timm, pixels of the image per cell of the features; `null`: 8, or 16 of those that cannot be dilated
    to it, or the patch size of plain transformers. Other backbones have the published stride."""

    def check(self, section: Any) -> None:
        """Refuse a stride where the published network has its own."""
        super().check(section)
        found = section.backbone.architecture
        if self.output_stride is not None and not found.startswith("timm/"):
            raise ValueError(
                f"{self.name}.output_stride is {self.output_stride}, but only models of timm have a choice and "
                f"backbone.architecture is {found}; leave it out"
            )
