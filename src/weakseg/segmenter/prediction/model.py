"""A trained segmenter for users: from an image of any size to its label map.

import weakseg
model = weakseg.load("results/demo")
labels = model.predict("photo.jpg")  # H×W uint8, index into model.classes
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from weakseg.crf.size import seen_size, shrunk
from weakseg.devices import device
from weakseg.errors import InputError
from weakseg.segmenter.prediction.pixels import rgb_of, rgb_of_array
from weakseg.segmenter.prediction.predict import Scorer, labels_of, predict_batch
from weakseg.segmenter.prediction.settings import PredictionConfig, check_window, given_instead, settings_of
from weakseg.segmenter.prediction.windows import (
    label_bands,
    labels_in_bands,
    predict_windows,
    score_bands,
)
from weakseg.storage.run import open_run


@dataclass(frozen=True)
class Prediction:
    """What is predicted for one image H×W.

    Attributes:
        labels: H×W `uint8`, 0 background, i the class `classes[i]`.
        scores: (C+1)×h×w float16 log-probabilities at the network's resolution, before any CRF.
        seen: h'×w'×3 `uint8`, the image as the network and the CRF saw it, at most `longest` pixels a side.
    """

    labels: np.ndarray
    scores: np.ndarray
    seen: np.ndarray


class Model:
    """A trained segmenter; made by `load`.

    Attributes:
        classes: names, background first: label i means `classes[i]`.
        settings: how images are predicted.
        crf: whether the dense CRF refines the labels.
        window: side, in pixels, of overlapping windows in which an image is predicted at its own size, or `None`.
    """

    def __init__(
        self,
        scorer: Scorer,
        classes: Sequence[str],
        settings: PredictionConfig,
        crf: bool = False,
        window: int | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.settings, self.crf, self.window = settings, crf, window
        self._scorer = scorer

    @property
    def grid(self) -> dict[str, int | str]:
        """What a file of scores says of its cells."""
        return {"stride": self._scorer.stride, "aligned": self._scorer.aligned}

    def predict(self, image: "np.ndarray | Image.Image | str | PathLike[str]") -> np.ndarray:
        """Label map of one image, as `weakseg predict` writes it.

        Args:
            image: the path of an image file, or a PIL image, in any mode and orientation; or an array `uint8`: RGB
                H×W×3, grey H×W or RGBA H×W×4, whose alpha is dropped.

        Returns:
            H×W `uint8`; label i means `classes[i]`, 0 is background.

        Raises:
            InputError: the file cannot be read, or something else was given.
        """
        return self.predict_batch([rgb_of(image)])[0].labels

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[Prediction]:
        """Predict several RGB images that the network sees at one size (`seen_size`) at once.

        Raises:
            InputError: an array is not an image, see `predict`.
        """
        settings = self.settings
        images = [rgb_of_array(image) for image in images]
        if self.window is not None:
            return [self._windowed(image, self.window) for image in images]
        seen = [shrunk(image, settings.longest) for image in images]
        scores = predict_batch(self._scorer, seen, settings, device())
        return [
            Prediction(self._labels(small, score, image.shape[:2]), score, small)
            for image, small, score in zip(images, seen, scores, strict=True)
        ]

    def _windowed(self, image: np.ndarray, window: int) -> Prediction:
        """Prediction at the image's own size; `seen` is shrunk all the same, to be looked at."""
        scores = predict_windows(self._scorer, image, window, self.settings, device())
        size = (image.shape[0], image.shape[1])
        labels = labels_in_bands(scores, size, self._scorer.stride, self._scorer.aligned)
        return Prediction(labels, scores, shrunk(image, self.settings.longest))

    def predict_bands(
        self, read: Callable[[int, int, int, int], np.ndarray], size: tuple[int, int]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Labels of an image that is read window by window, at its own size, from the top to the bottom.

        Args:
            read: RGB `uint8` of the pixels from a top and left to a bottom and right.
            size: height and width of the image.

        Yields:
            The first row of pixels and labels H'×W `uint8`.
        """
        assert self.window is not None
        scores = score_bands(self._scorer, read, size, self.window, self.settings, device())
        yield from label_bands(scores, size, self._scorer.stride, self._scorer.aligned)

    def seen_size(self, image: np.ndarray) -> tuple[int, int]:
        """Height and width at which the network sees an image H×W×3."""
        return seen_size(image, self.settings.longest)

    def _labels(self, seen: np.ndarray, scores: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Labels at the image's own size of scores M×h×w."""
        crf = self.settings.crf if self.crf else None
        return labels_of(scores, seen, size, self._scorer.stride, self._scorer.aligned, crf)


def load(
    source: "str | PathLike[str]",
    *,
    crf: bool = False,
    scales: Sequence[float] | None = None,
    flip: bool | None = None,
    precision: str | None = None,
    longest: int | None = None,
    window: int | None = None,
) -> Model:
    """Load a trained segmenter with the settings that its run predicts with.

    Args:
        source: a run's folder (`results/<run>`), or an ONNX file that `weakseg export` wrote.
        crf: refine by the run's dense CRF.
        scales: image sizes whose probabilities are averaged, instead of the run's.
        flip: average with the mirrored image or not, instead of the run's setting.
        precision: `auto`, `bf16`, `fp16` or `fp32` instead of the run's setting.
        longest: longer side, in pixels, above which images are shrunk for the network, instead of the run's (1,024
            where it has none).
        window: predict in overlapping windows of this side, in pixels, at the image's own size instead.

    Raises:
        InputError: no such run, not trained yet, a file of it is damaged, or a value is out of its range.
    """
    path = Path(source)
    check_window(window, crf)
    if path.suffix.lower() == ".onnx":
        from weakseg.segmenter.export.onnx_model import read_onnx

        if precision not in (None, "auto", "fp32"):
            raise InputError(
                f"precision {precision} was given for {path}, but an ONNX model always computes in fp32; leave it out."
            )
        opened: tuple[Scorer, list[str], PredictionConfig] = read_onnx(path)
    else:
        opened = _of_run(path)
    scorer, classes, settings = opened
    given = {"scales": scales, "flip": flip, "precision": precision, "longest": longest}
    return Model(scorer, classes, given_instead(settings, given), crf, window)


def _of_run(folder: Path) -> tuple[Scorer, list[str], PredictionConfig]:
    from weakseg.segmenter.network import from_weights, ready
    from weakseg.storage.weights import load_weights

    run = open_run(folder)
    path = run.trained("segmenter")
    weights = load_weights(path, "segmenter")
    return ready(from_weights(path, weights)), ["background", *weights.classes], settings_of(run)
