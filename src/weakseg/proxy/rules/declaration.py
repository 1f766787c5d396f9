"""What the file of a proxy rule declares, above its import of numpy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weakseg.settings.methods import Method

if TYPE_CHECKING:
    import numpy as np


class ProxyRule(Method):
    """How saliency and attention become labels: the rule's values, and a pure function below them."""

    def labels(self, saliency: "np.ndarray", attention: "np.ndarray", present: Sequence[int]) -> "np.ndarray":
        """The label map H×W `uint8`, 255 where undecided.

        Args:
            saliency: H×W float32 in [0, 1].
            attention: K×H×W float32 in [0, 1].
            present: the K class indices in 1…254.
        """
        made: np.ndarray = self.maker()(saliency, attention, present, self)
        return made
