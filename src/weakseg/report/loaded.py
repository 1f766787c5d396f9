"""`weakseg.load`: a run in Python, for scripts and notebooks. torch is loaded by the first prediction only."""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weakseg.dataset.images import image_size, read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.health.record import StageHealth, Warning
from weakseg.evaluation.score import Score, read_score
from weakseg.report.artefacts import Artefacts
from weakseg.report.first_page import Result, summary
from weakseg.report.health import warnings_of
from weakseg.report.ledger import read_ledger
from weakseg.report.supervision import sentence_of
from weakseg.run.opened import open_table
from weakseg.segmenter.prediction.settings import check_window, given_instead, settings_of
from weakseg.storage.run import Run, open_run

if TYPE_CHECKING:
    from PIL import Image

    from weakseg.segmenter.prediction.model import Model, Prediction
    from weakseg.segmenter.prediction.settings import PredictionConfig

LAYERS = ("fused", "refined", "prediction")


class RunImage:
    """One image of a run, shown in Jupyter as a picture of all its stages.

    Attributes:
        id: as in the first column of the run's index.
        split: `train` or `val`.
        labels: names of its classes; empty for an image without any.
        path: of its file.
        mask: of its true mask, if it has one.
    """

    def __init__(self, run: "LoadedRun", record: Record) -> None:
        self._run = run
        self.id, self.split, self.labels = record.id, record.split, record.labels
        self.path, self.mask = record.image, record.mask

    def read(self) -> np.ndarray:
        """The image, RGB `uint8` H×W×3.

        Raises:
            InputError: the file is missing or damaged.
        """
        return read_image(self.path)

    def __repr__(self) -> str:
        return f"RunImage({self.id!r}, split={self.split!r}, labels={self.labels!r})"

    def _repr_png_(self) -> bytes:
        return self._run.show(self.id).png


class Picture:
    """A PNG that Jupyter shows.

    Attributes:
        png: its bytes.
    """

    def __init__(self, png: bytes) -> None:
        self.png = png

    def _repr_png_(self) -> bytes:
        return self.png


class LoadedRun:
    """A run, finished or not, with its trained segmenter; made by `load`."""

    def __init__(self, source: Path, options: Mapping[str, Any], model: "Model | None" = None) -> None:
        self._source, self._options = source, dict(options)
        if model is not None:
            self.model = model

    # ------------------------------------------------------------------------------------------ the data

    @cached_property
    def images(self) -> list[RunImage]:
        """Training and validation images, in the order of the index; empty before the data set is indexed."""
        files = self._files
        return [RunImage(self, files.record(image_id)) for image_id in files.rows]

    def attention(self, image_id: str) -> dict[str, np.ndarray]:
        """Attention of an image: class → `float32` H×W in [0, 1], at the image's size; empty before the maps are made.

        Raises:
            InputError: no image has this id, or a file is damaged.
        """
        record = self._record(image_id)
        size = image_size(record.image)
        return {name: _enlarged(values, size) for name, values in self._files.attention(record).items()}

    def saliency(self, image_id: str) -> np.ndarray | None:
        """Saliency of an image, `float32` H×W in [0, 1], at the image's size; `None` before the maps are made.

        Raises:
            InputError: no image has this id, or a file is damaged.
        """
        record = self._record(image_id)
        values = self._files.saliency(record)
        return None if values is None else _enlarged(values, image_size(record.image))

    def proxy(self, image_id: str, stage: str = "refined") -> np.ndarray | None:
        """A label map of an image, `uint8` H×W: 0 background, i the class `classes[i]`, 255 undecided.

        Args:
            image_id: its id.
            stage: `refined`, `fused`, or `prediction` of the segmenter on images of the scored split.

        Returns:
            The map; `None` before it is made.

        Raises:
            InputError: no image has this id, there is no such stage, or the file is damaged.
        """
        if stage not in LAYERS:
            raise InputError(f"the stage {stage!r} was asked for; one of {', '.join(LAYERS)} was expected.")
        return self._files.labels(stage, self._record(image_id))

    def truth(self, image_id: str) -> np.ndarray | None:
        """The true labels of an image, `uint8` H×W, 255 not scored; `None` without a mask.

        Raises:
            InputError: no image has this id, or the mask is damaged.
        """
        return self._files.truth(self._record(image_id))

    @property
    def scores(self) -> dict[str, Score]:
        """Name of a score, such as `refined` or `segmenter-crf`, → the score; those that exist by now.

        Raises:
            InputError: a file is damaged.
        """
        table = self._files.table
        files = {name: table.evaluation(f"{name}.json") for name in table.scores}
        return {name: read_score(path) for name, path in files.items() if path.is_file()}

    @property
    def health(self) -> list[StageHealth]:
        """Health of the checked stages, in the order of the chain."""
        return self._files.health

    @property
    def warnings(self) -> list[Warning]:
        """What the health checks warn of."""
        return [*warnings_of(self.health).values()]

    def show(self, *ids: str) -> Picture:
        """A picture of images through all finished stages, a row each.

        Raises:
            InputError: no id is given, one is not in the index, or a file is damaged.
        """
        from weakseg.report.figures.montage import draw_montage
        from weakseg.report.figures.sources import open_sources

        records, index = [self._record(image_id) for image_id in ids], self._files.index
        if not records or index is None:
            raise InputError("no image was named; give an id, such as run.images[0].id.")
        table = self._files.table
        with tempfile.TemporaryDirectory() as folder, open_sources(table, table.stages) as sources:
            path = Path(folder, "stages.png")
            draw_montage(index, records, sources, path, "")
            return Picture(path.read_bytes())

    # ------------------------------------------------------------------------------------- the segmenter

    @cached_property
    def model(self) -> "Model":
        """The trained segmenter.

        Raises:
            InputError: it is not trained yet, or its file is damaged.
        """
        from weakseg.segmenter.prediction.model import load as load_model

        return load_model(self._source, **self._options)

    @property
    def settings(self) -> "PredictionConfig":
        """How images are predicted."""
        return self.model.settings

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, background first; label i means `classes[i]`."""
        known = (self._source / "dataset/classes.csv").is_file() or not is_trained(Run(self._source))
        if "model" in self.__dict__ or not known:
            return self.model.classes
        return ("background", *self._files.classes)

    def predict(self, image: "np.ndarray | Image.Image | str | PathLike[str]") -> np.ndarray:
        """Label map of one image, as `weakseg predict` writes it.

        Args:
            image: the path of an image file, or a PIL image, in any mode and orientation; or an array `uint8`: RGB
                H×W×3, grey H×W or RGBA H×W×4, whose alpha is dropped.

        Returns:
            H×W `uint8`; label i means `classes[i]`, 0 is background.

        Raises:
            InputError: the segmenter is not trained yet, the file cannot be read, or something else was given.
        """
        return self.model.predict(image)

    def predict_batch(self, images: Sequence[np.ndarray]) -> "list[Prediction]":
        """Predict several RGB images that the network sees at one size (`seen_size`) at once.

        Raises:
            InputError: as `predict`.
        """
        return self.model.predict_batch(images)

    def seen_size(self, image: np.ndarray) -> tuple[int, int]:
        """Height and width at which the network sees an image H×W×3."""
        return self.model.seen_size(image)

    # ------------------------------------------------------------------------------------------- Jupyter

    def __repr__(self) -> str:
        return f"LoadedRun({str(self._source)!r})"

    def _repr_html_(self) -> str:
        """Result, supervision, warnings and scores; of an ONNX file its name."""
        if "_files" not in self.__dict__ and self._source.suffix.lower() == ".onnx":
            return f"<p>{self._source.name}</p>"
        table = self._files.table
        titles = {score.name: score.title for stage in table.stages if (score := stage.score) is not None}
        ledger, last = table.evaluation("supervision.json"), table.last.score
        result = Result(
            name=table.folder.name,
            scores={titles[name]: score for name, score in self.scores.items()},
            last="" if last is None else last.title,
            ceiling=None,
            health=self.health,
            supervision=sentence_of(read_ledger(ledger)) if ledger.is_file() else "",
            is_ceiling=not table.is_weak,
        )
        return summary(result)

    @cached_property
    def _files(self) -> Artefacts:
        if self._source.suffix.lower() == ".onnx":
            raise InputError(f"{self._source} is an exported model without images; give the run's folder.")
        return Artefacts(open_table(self._source))

    def _record(self, image_id: str) -> Record:
        from weakseg.report.figures.montage import find

        files = self._files
        if image_id not in files.rows:
            if files.index is None:
                raise InputError(f"{self._source} is not indexed yet; run snakemake first.")
            find(files.index, [image_id])  # names a similar one
            raise InputError(
                f"image '{image_id}' is of the split saliency, which has no maps; give another id."
            )
        return files.record(image_id)


def load(
    source: "str | PathLike[str]",
    *,
    crf: bool = False,
    scales: Sequence[float] | None = None,
    flip: bool | None = None,
    precision: str | None = None,
    longest: int | None = None,
    window: int | None = None,
) -> LoadedRun:
    """Open a run, finished or not; its segmenter predicts with the settings of the run.

    Args:
        source: a run's folder (`results/<run>`), or an ONNX file that `weakseg export` wrote.
        crf: refine predictions by the run's dense CRF.
        scales: image sizes whose probabilities are averaged, instead of the run's.
        flip: average with the mirrored image or not, instead of the run's setting.
        precision: `auto`, `bf16`, `fp16` or `fp32` instead of the run's setting.
        longest: longer side, in pixels, above which images are shrunk for the network, instead of the run's (1,024
            where it has none).
        window: predict in overlapping windows of this side, in pixels, at the image's own size instead.

    Raises:
        InputError: no such run, a file of it is damaged, or a value is out of its range.
    """
    path = Path(source)
    given = {"scales": scales, "flip": flip, "precision": precision, "longest": longest}
    options: dict[str, Any] = {"crf": crf, "window": window, **given}
    check_window(window, crf)
    if path.suffix.lower() == ".onnx":
        from weakseg.segmenter.prediction.model import load as load_model

        return LoadedRun(path, options, load_model(path, **options))
    run = open_run(path)
    if is_trained(run):
        given_instead(settings_of(run), given)
    return LoadedRun(path, options)


def is_trained(run: Run) -> bool:
    """Whether the run's segmenter is trained."""
    return (run.folder / "segmenter/weights.pt").is_file()


def _enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear resize of h×w to `size` (height, width), as fusing does it."""
    from weakseg.proxy.stages import enlarge

    return enlarge(values, size)
