"""Label maps of scenes as GeoTIFFs that lie where the scenes lie, predicted and written window by window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weakseg.dataset.rasters import Raster, Stretch, new_geotiff, open_raster
from weakseg.errors import InputError
from weakseg.segmenter.prediction.files import Report, areas_of, write_summary
from weakseg.segmenter.prediction.inputs import Outputs
from weakseg.segmenter.prediction.model import Model
from weakseg.storage.atomic import atomic_path
from weakseg.storage.labels import UNDECIDED, voc_palette

WINDOW = 1024
"""Side of the windows, in pixels, where none is given."""


@dataclass(frozen=True)
class Bands:
    """How the values of a scene become a picture; see `open_raster`."""

    bands: tuple[int, ...] = ()
    stretch: Stretch | None = None


def predict_scenes(
    model: Model,
    files: Mapping[str, Path],
    outputs: Outputs,
    how: Bands,
    done: Callable[[str | None], None] = lambda problem: None,
    left_out: Sequence[Path] = (),
) -> Report:
    """Write OUT/<name>.tif of each scene: 255 where the scene has no data.

    Args:
        model: with a window.
        files: name → scene.
        outputs: where the label maps and the summary go.
        how: what the network sees of a scene.
        done: called after every scene, with a sentence if it could not be read.
        left_out: files beside them that are not read, for the summary.

    Raises:
        InputError: the disk is full or a folder cannot be written.
    """
    report = Report()
    for name, path in files.items():
        try:
            with open_raster(path, how.bands, how.stretch) as raster:
                counts = _write(model, raster, outputs.labels / f"{name}.tif")
                report.areas[name] = areas_of(model.classes, path, raster.size, counts)
        except InputError as error:
            report.failures[str(path)] = str(error)
            done(str(error))
            continue
        done(None)
    write_summary(outputs, model.classes, report, left_out)
    return report


def _write(model: Model, raster: Raster, out: Path) -> np.ndarray:
    """Write the labels of a scene; the pixels of each class."""
    height, width = raster.size
    counts = np.zeros(UNDECIDED + 1, np.int64)
    with atomic_path(out) as temporary, new_geotiff(temporary, raster, model.classes, _colours()) as write:
        for top, labels in model.predict_bands(_reader(raster), (height, width)):
            _, valid = raster.read(top, 0, len(labels), width)
            labels[~valid] = UNDECIDED
            counts += np.bincount(labels.ravel(), minlength=len(counts))
            write(top, labels)
    return counts[: len(model.classes)]


def _reader(raster: Raster) -> Callable[[int, int, int, int], np.ndarray]:
    return lambda top, left, bottom, right: raster.read(top, left, bottom - top, right - left)[0]


def _colours() -> dict[int, tuple[int, ...]]:
    return {label: (*map(int, colour), 255) for label, colour in enumerate(voc_palette())}
