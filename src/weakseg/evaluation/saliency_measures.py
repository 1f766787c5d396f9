"""Quality measures of saliency maps, computed by `pysodmetrics`.

Mean absolute error of the map as it is (`plainMAE`). All others, as usual, after stretching each map to [0, 1]: mean
absolute error; F (β² = 0.3), best, mean and adaptive over thresholds; weighted F (Margolin et al., CVPR 2014); S (Fan
et al., ICCV 2017); E (Fan et al., IJCAI 2018), best, mean and adaptive.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from weakseg.dataset.images import read_grey
from weakseg.dataset.index import Index
from weakseg.errors import InputError
from weakseg.evaluation.text import aligned, decimals
from weakseg.storage.labels import UNDECIDED, read_labels
from weakseg.storage.shards import ShardReader

MEASURES = ("plainMAE", "MAE", "maxF", "meanF", "adaptiveF", "weightedF", "S", "maxE", "meanE", "adaptiveE")
"""In the order of the table; lower is better for errors, higher for the others."""
LOWEST = {"bright": 128, "nonzero": 1}
"""Smallest mask value of the object."""
Pair = tuple[str, np.ndarray, np.ndarray]
"""Name, map h×w of any size in [0, 1], mask H×W `uint8`: 0, 1 or 255."""


def score_quality(pairs: Iterable[Pair], sequences: bool = False) -> dict[str, Any]:
    """The measures over all images, or for each sequence and as their mean.

    Pixels with the mask value 255 count as correctly predicted background, as the measures cannot leave pixels out.

    Args:
        pairs: maps and masks.
        sequences: group images by folder; every sequence has the same weight.

    Returns:
        `images`, `measures` and `sequences` (name → `images` and `measures`; empty without them).

    Raises:
        InputError: there are no pairs, or `pysodmetrics` is not installed.
    """
    groups: dict[str, _Measures] = {}
    for name, values, mask in pairs:
        group = name.rpartition("/")[0] if sequences else ""
        if group not in groups:
            groups[group] = _Measures()
        groups[group].add(values, mask)
    if not groups:
        raise InputError(
            "no saliency map with a mask was found; at least one was expected: give a split or a folder that has masks."
        )
    scored: dict[str, dict[str, Any]] = {
        name: {"images": group.images, "measures": group.results()} for name, group in sorted(groups.items())
    }
    images = sum(group.images for group in groups.values())
    if not sequences:
        return {"images": images, "measures": scored[""]["measures"], "sequences": {}}
    mean = {name: float(np.mean([item["measures"][name] for item in scored.values()])) for name in MEASURES}
    return {"images": images, "measures": mean, "sequences": scored}


class _Measures:
    """One group's running measures."""

    def __init__(self) -> None:
        try:
            import py_sod_metrics
        except ImportError:
            raise InputError(
                "pysodmetrics, which computes the measures, is not installed; run pip install -e '.[quality]' in "
                "weakseg's checkout."
            ) from None
        sod = py_sod_metrics
        self._each = [sod.MAE(), sod.Fmeasure(), sod.WeightedFmeasure(), sod.Smeasure(), sod.Emeasure()]
        self.images, self._plain = 0, 0.0

    def add(self, values: np.ndarray, mask: np.ndarray) -> None:
        """Add a map h×w in [0, 1], resized to the mask, and its mask H×W."""
        height, width = mask.shape
        if values.shape != mask.shape:
            values = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        grey = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
        grey[mask == UNDECIDED] = 0
        truth = np.where(mask == 1, 255, 0).astype(np.uint8)
        for measure in self._each:
            measure.step(pred=grey, gt=truth)
        self._plain += float(np.abs(grey / 255.0 - truth / 255.0).mean())
        self.images += 1

    def results(self) -> dict[str, float]:
        """The means over the images so far."""
        error, f, weighted, s, e = (measure.get_results() for measure in self._each)
        found = {
            "plainMAE": self._plain / self.images,
            "MAE": error["mae"],
            "maxF": f["fm"]["curve"].max(),
            "meanF": f["fm"]["curve"].mean(),
            "adaptiveF": f["fm"]["adp"],
            "weightedF": weighted["wfm"],
            "S": s["sm"],
            "maxE": e["em"]["curve"].max(),
            "meanE": e["em"]["curve"].mean(),
            "adaptiveE": e["em"]["adp"],
        }
        return {name: float(found[name]) for name in MEASURES}


def folder_pairs(maps: Path, masks: Path, foreground: str) -> Iterator[Pair]:
    """Every mask of a folder (at any depth) with the map of the same name, sorted.

    Raises:
        InputError: a folder is missing, a mask has no map, or a file is damaged.
    """
    for folder in (maps, masks):
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder; folders of PNGs were expected: correct --maps and --masks."
            )
    videos = {path.relative_to(maps).parts[0] for path in maps.rglob("*.png")}
    for path in sorted(masks.rglob("*.png")):
        name = path.relative_to(masks)
        if len(name.parts) > 1 and name.parts[0] not in videos:
            continue  # masks often cover all splits of a data set, maps only one
        yield name.with_suffix("").as_posix(), _map(maps / name), _mask(path, foreground)


def _map(path: Path) -> np.ndarray:
    try:
        return read_grey(path).astype(np.float32) / np.float32(255.0)
    except InputError as error:
        raise InputError(f"saliency maps, one grey PNG per mask: {error}") from None


def _mask(path: Path, foreground: str) -> np.ndarray:
    values = read_labels(path)
    mask: np.ndarray = (values >= LOWEST[foreground]).astype(np.uint8)
    if foreground == "nonzero":
        mask[values == UNDECIDED] = UNDECIDED
    return mask


def index_pairs(index: Index, split: str, maps: ShardReader) -> Iterator[Pair]:
    """The images of a split that have a mask; every class is the object.

    Raises:
        InputError: an image has no map.
    """
    for record in index.split(split):
        if record.mask is not None:
            labels = index.read_mask(record)
            labels[(labels != UNDECIDED) & (labels != 0)] = 1
            yield record.id, maps.read(record.id)["saliency"], labels


def quality_text(found: Mapping[str, Any]) -> str:
    """The table: a row per sequence, and the mean."""
    rows = [["", "images", *MEASURES]]
    for name, item in [*found["sequences"].items(), ("mean", found)]:
        rows.append(
            [name, str(item["images"]), *(decimals(item["measures"][measure]) for measure in MEASURES)]
        )
    return aligned(rows)
