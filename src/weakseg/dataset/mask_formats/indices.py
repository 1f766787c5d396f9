"""Label PNGs: one class index per pixel, as weakseg itself writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked
from weakseg.settings.section import ClassName, FilePath

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found


class IndexMasks(MaskFormat):
    """Label PNGs named like the images: one class index per pixel, 255 not scored."""

    name = "indices"
    made_by = "IndexMasks"
    draws = False

    folder: FilePath = "masks"
    """Folder of the PNGs."""
    all_classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in the order of the values 1, 2, …; empty means the order of the source or of `dataset.classes`.
    Names that are not in `dataset.classes` are neither trained nor scored."""

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The PNG of each image."""
        from weakseg.dataset.masks import masks_of

        return masks_of(Path(self.folder), images, f"{self.key()}.folder")

    def classes(self, known: Sequence[str]) -> Sequence[str]:
        """As given, else those of the source."""
        return self.all_classes or known
