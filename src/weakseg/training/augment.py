"""Random scale, crop and mirror of an image and its label map, drawn from a given generator."""

from dataclasses import dataclass

import cv2
import numpy as np

from weakseg.storage.labels import UNDECIDED
from weakseg.training.settings import TrainingConfig


@dataclass(frozen=True)
class View:
    """Where a crop lies.

    Attributes:
        size: width and height of the scaled image, pixels.
        window: left and top of the crop in it; negative where the image is smaller and lies inside the crop.
        mirrored: whether the crop is mirrored.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    mirrored: bool

    def shares(self, crop: int) -> tuple[float, float, float, float, float]:
        """Left, top, right and bottom as shares of the image's sides, and 1 if mirrored."""
        (width, height), (left, top) = self.size, self.window
        right, bottom = (left + crop) / width, (top + crop) / height
        return left / width, top / height, right, bottom, float(self.mirrored)


@dataclass(frozen=True)
class Crops:
    """Makes training crops.

    Attributes:
        training: how they are drawn: `crop`, `scales`, `resize`, `flip`, `color_jitter` and `hue_jitter`.
        fill: RGB colour where the image is smaller than the crop; label maps are filled with 255.
        whole: shrink what is larger than the crop until it fits, so that every view shows its whole image.
    """

    training: TrainingConfig
    fill: tuple[int, int, int]
    whole: bool = False

    @property
    def side(self) -> int:
        """Side of the square crops, pixels."""
        return self.training.crop

    def __call__(
        self, generator: np.random.Generator, image: np.ndarray, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Image H×W×3 `uint8` and label map H×W `uint8` → the same, crop×crop."""
        view = self.view(generator, image)
        cut = self.cut_image(generator, image, view)
        return cut, None if labels is None else self.cut_map(labels, view, UNDECIDED, cv2.INTER_NEAREST)

    def view(self, generator: np.random.Generator, image: np.ndarray) -> View:
        """Draw where the crop of an image lies."""
        height, width = image.shape[:2]
        scale = generator.uniform(*self.training.scales)
        if self.training.resize is not None:
            scale *= self.training.resize / max(height, width)
        if self.whole:
            scale = min(scale, self.side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        window = self._window(generator, size)
        return View(size, window, bool(self.training.flip and generator.random() < 0.5))

    def cut_image(self, generator: np.random.Generator, image: np.ndarray, view: View) -> np.ndarray:
        """The crop of an image H×W×3 `uint8`, its colours changed."""
        shrinks = view.size[0] < 0.5 * image.shape[1]
        image = cv2.resize(image, view.size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        if self.training.color_jitter:
            image = jitter(generator, image, self.training.color_jitter)
        if self.training.hue_jitter:
            image = turn_hue(image, generator.uniform(-self.training.hue_jitter, self.training.hue_jitter))
        return self._cut(image, view, self.fill)

    def cut_map(self, values: np.ndarray, view: View, fill: int, interpolation: int) -> np.ndarray:
        """The crop of a map h×w over the same image, of any resolution; `fill` outside of the image."""
        return self._cut(cv2.resize(values, view.size, interpolation=interpolation), view, (fill,))

    def _window(self, generator: np.random.Generator, size: tuple[int, int]) -> tuple[int, int]:
        left, top = (
            int(generator.integers(min(0, side - self.side), max(0, side - self.side) + 1)) for side in size
        )
        return left, top

    def _cut(self, array: np.ndarray, view: View, fill: tuple[int, ...]) -> np.ndarray:
        left, top = view.window
        result = np.empty((self.side, self.side, *array.shape[2:]), array.dtype)
        result[:] = fill if array.ndim == 3 else fill[0]
        source = array[max(top, 0) : top + self.side, max(left, 0) : left + self.side]
        result[
            max(-top, 0) : max(-top, 0) + source.shape[0], max(-left, 0) : max(-left, 0) + source.shape[1]
        ] = source
        return result[:, ::-1].copy() if view.mirrored else result


def jitter(generator: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Scale brightness, contrast and saturation each by a factor in 1 ± `strength`."""
    brightness, contrast, saturation = generator.uniform(1.0 - strength, 1.0 + strength, 3)
    # Brightness, then contrast about the image's mean, then saturation about each pixel's grey, its channels' mean:
    # all of it is one linear map of the colours, which OpenCV applies in one pass.
    scale, mean = brightness * contrast, np.mean(cv2.mean(image)[:3])
    colours = scale * (saturation * np.eye(3) + (1.0 - saturation) / 3.0)
    offset = np.full((3, 1), (1.0 - contrast) * brightness * mean)
    jittered: np.ndarray = cv2.transform(image, np.hstack([colours, offset]))
    return jittered


def turn_hue(image: np.ndarray, share: float) -> np.ndarray:
    """Turn the hue of an RGB image H×W×3 `uint8` by a share of the circle."""
    values = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    values[..., 0] += np.uint8(round(share * 256) % 256)  # wraps around as the hue does
    turned: np.ndarray = cv2.cvtColor(values, cv2.COLOR_HSV2RGB_FULL)
    return turned
