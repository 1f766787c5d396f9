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
        if found not in self.backbones and f"{found.partition('/')[0]}/" not in self.backbones:
            raise ValueError(
                f"backbone.architecture is {found}; {self.name} stands on {' or '.join(self.backbones)}"
            )
