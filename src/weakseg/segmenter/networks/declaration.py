"""What the file of a segmenter declares above its import of torch."""

from typing import Any, ClassVar

from weakseg.settings.methods import Method


class SegmenterMethod(Method):
    """The settings of a segmenter.

    Its `made_by` is called with the backbone's architecture, the number of classes C without background, and these
    settings; it makes a `PixelClassifier`.

    Attributes:
        backbones: architectures that it stands on.
    """

    backbones: ClassVar[tuple[str, ...]]

    def check(self, section: Any) -> None:
        """Refuse a backbone that the segmenter does not stand on."""
        found = section.backbone.architecture
        if found not in self.backbones:
            raise ValueError(
                f"backbone.architecture is {found}; {self.name} stands on {' or '.join(self.backbones)}"
            )


class ResNetMethod(SegmenterMethod):
    """The settings of a segmenter that may stand on a ResNet whose batch normalisation is frozen."""

    frozen_normalization: bool = True
    """Batch normalisation of a ResNet stays as it was loaded; `false` when `backbone.weights` is `none`."""

    def check(self, section: Any) -> None:
        """Refuse frozen statistics that were never measured, too."""
        super().check(section)
        on_resnet = section.backbone.architecture.startswith("resnet")
        if self.frozen_normalization and on_resnet and section.backbone.weights == "none":
            raise ValueError(
                f"{self.name}.frozen_normalization is true, but backbone.weights is none: statistics that nobody "
                "measured normalise nothing; set it to false or give weights"
            )
