"""No masks: nothing is scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found


class AbsentMasks(MaskFormat):
    """No masks."""

    name = "none"
    made_by = "AbsentMasks"
    draws = False

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """None of any image."""
        return [None] * len(images)
