"""How doubtful the proxy label of an image is, from what the stages made of it; no mask is read.

The signals of an image are in [0, 1]. Doubt is 1 minus an estimate of the label's intersection over union: a line
through the signals, fitted by `benchmarks/health.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from weakseg.storage.labels import UNDECIDED

GRID = 64
"""Side of the square at which maps are compared."""
SIDE = 160
"""Longest side at which label maps are looked at."""
TINY = 0.05
"""Share of the image at which an object counts as half tiny."""

BASE = -0.34
WEIGHTS: dict[str, float] = {
    "decided": 0.25,
    "sure": 0.75,
    "kept": 0.21,
    "several": -0.23,
    "attended_object": 0.09,
}
"""Signal → its weight in the estimate, which begins at `BASE`: fitted by `benchmarks/health.py` on every second of 402
images of `voc-animals` (seed 0, CAM): docs/health.md."""
SIGNALS = tuple(WEIGHTS)


@dataclass(frozen=True)
class View:
    """What the stages made of one image.

    Attributes:
        attention: index of a present class → h×w in [0, 1].
        saliency: h×w in [0, 1].
        fused, refined: label maps H×W `uint8`, 255 where undecided.
        present: its classes' indices.
        margin: score of the lowest present class minus that of the highest absent one; `None` without scores.
    """

    attention: Mapping[int, np.ndarray]
    saliency: np.ndarray
    fused: np.ndarray
    refined: np.ndarray
    present: Sequence[int]
    margin: float | None


def signals(view: View) -> dict[str, float]:
    """Name → value in [0, 1]."""
    attention = square([*view.attention.values()])
    saliency = square([view.saliency])
    fused, refined = small(view.fused), small(view.refined)
    objects, undecided = (refined != 0) & (refined != UNDECIDED), refined == UNDECIDED
    areas = [float((refined == index).sum()) for index in view.present]
    return {
        "inside": ratio((attention * saliency).sum(), attention.sum()),
        "attended": float(attention.mean()),
        "sure": ratio((saliency**2).sum(), saliency.sum()),
        "decided": mean(ratio(area, area + undecided.sum()) for area in areas),
        "kept": ratio(
            ((fused == refined) & objects).sum(),
            ((fused == refined) & objects).sum() + (fused != refined).sum(),
        ),
        "tiny": float(TINY / (TINY + objects.mean())),
        "missing": mean(not area for area in areas),
        "several": 1.0 - 1.0 / max(1, len(view.present)),
        "margin": 0.5 if view.margin is None else float(1 / (1 + np.exp(-view.margin))),
        "compact": compactness(objects),
        "attended_object": mean(inside_of(square([v]), refined == i) for i, v in view.attention.items()),
        "attended_undecided": inside_of(attention, undecided),
    }


def square(maps: Sequence[np.ndarray]) -> np.ndarray:
    """The maximum of maps h×w at GRID×GRID; zero without one."""
    found = np.zeros((GRID, GRID), np.float32)
    for values in maps:
        resized = cv2.resize(values.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
        found = np.maximum(found, resized)
    return found


def small(labels: np.ndarray) -> np.ndarray:
    """A label map with its longest side at most `SIDE`, by nearest neighbours."""
    scale = SIDE / max(labels.shape)
    if scale >= 1:
        return labels
    height, width = (max(1, round(side * scale)) for side in labels.shape)
    return np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


def ratio(part: float, whole: float) -> float:
    """part / whole; 0 where both are 0."""
    return float(part / whole) if whole > 0 else 0.0


def mean(values: Iterable[float]) -> float:
    """0 without a value."""
    found = [*values]
    return float(np.mean(found)) if found else 0.0


def compactness(objects: np.ndarray) -> float:
    """Share of the object pixels H×W that lie in the largest connected region."""
    regions, _, table, _ = cv2.connectedComponentsWithStats(objects.astype(np.uint8), connectivity=8)
    areas = table[1:, cv2.CC_STAT_AREA].astype(np.float64)
    return ratio(areas.max(initial=0.0), objects.sum()) if regions > 1 else 0.0


def inside_of(values: np.ndarray, region: np.ndarray) -> float:
    """Share of a map's sum GRID×GRID that lies in a region H×W."""
    resized = cv2.resize(region.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return ratio((values * resized).sum(), values.sum())


def doubt_of(found: Mapping[str, float]) -> float:
    """Doubt in [0, 1] from the signals of an image."""
    estimate = BASE + sum(weight * found[name] for name, weight in WEIGHTS.items())
    return float(np.clip(1.0 - estimate, 0.0, 1.0))
