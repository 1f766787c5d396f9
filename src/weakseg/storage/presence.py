"""Whether label maps show the classes that their images' labels name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from weakseg.storage.labels import UNDECIDED


def missing(labels: np.ndarray, present: Sequence[int]) -> list[int]:
    """Classes of an image without a pixel in its label map H×W `uint8`."""
    pixels = np.bincount(labels.ravel(), minlength=256)
    return [index for index in present if not pixels[index]]


def doubted(labels: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """Make the background undecided if one of the image's classes has no pixel.

    The image's label says that the class is present, so its pixels would be trained as background.
    """
    if not missing(labels, present):
        return labels
    return np.where(labels == 0, np.uint8(UNDECIDED), labels)


@dataclass
class Tally:
    """Counts label maps in which a labelled class has no pixel.

    Attributes:
        classes: names; class i of a label map is `classes[i - 1]`.
        images: number of counted images.
        labelled: number of images whose labels name a class.
        lacking: ids of images in which a labelled class has no pixel.
        empty: number of those that show no class at all.
    """

    classes: Sequence[str]
    images: int = 0
    labelled: int = 0
    lacking: list[str] = field(default_factory=list)
    empty: int = 0

    def add(self, image_id: str, labels: np.ndarray, present: Sequence[int]) -> str:
        """Count one label map; returns the names of the classes that have no pixel, joined by `|`."""
        lost = missing(labels, present)
        self.images += 1
        self.labelled += bool(present)
        if lost:
            self.lacking.append(image_id)
            self.empty += not ((labels != 0) & (labels != UNDECIDED)).any()
        return "|".join(self.classes[index - 1] for index in lost)

    def line(self, done: str, consequence: str) -> str:
        """`refined 40 images; in 3 of them a labelled class has no pixel (first: a), …`, and if all are empty."""
        text = f"{done} {self.images} images"
        if self.images > self.labelled:
            text += f", {self.images - self.labelled} of them without a class and all background"
        if self.lacking:
            first = self.lacking[0]
            text += f"; in {len(self.lacking)} of them a labelled class has no pixel (first: {first}), {consequence}"
        nothing = self.nothing()
        return text if nothing is None else f"{text}\n{nothing}"

    def nothing(self) -> str | None:
        """One sentence if no label map shows any class, though labels name some; else `None`."""
        if self.labelled == 0 or self.empty < self.labelled:
            return None
        return (
            f"weakseg: no class has a pixel in any of {self.labelled} label maps, all is background or undecided; "
            "objects were expected: look at the saliency and attention maps with weakseg show, then lower the "
            "thresholds of the rule in proxy."
        )
