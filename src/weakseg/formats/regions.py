"""Regions of a label map as polygons, and polygons as pixels.

Coordinates are those of an image's plane: x to the right, y down, the top left corner of the top left pixel is (0, 0)
and its centre (0.5, 0.5). So the polygon of one pixel is a unit square, and an area is a number of pixels. A pixel
belongs to a polygon if its centre lies inside, by the even-odd rule.

A region is connected by the sides of its pixels (4-connected): two that touch at a corner only are two, as tools that
take one polygon a region need it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

import cv2
import numpy as np

from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED

_FAR = 1e7
"""Coordinates beyond this are damage, whatever the image."""
_STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
"""Right, down, left and up, as x and y."""
_INSIDE = np.array([[0, 0], [-1, 0], [-1, -1], [0, -1]])
"""Of a step from a corner of the grid, the pixel on its right-hand side relative to that corner, as x and y."""


@dataclass(frozen=True)
class Region:
    """A connected region of one class.

    Attributes:
        label: of the class, 1…254.
        area: in pixels.
        rings: its outline, then its holes, each N×2 float64 (x, y), not closed.
    """

    label: int
    area: int
    rings: Sequence[np.ndarray]


def labels_in(labels: np.ndarray) -> list[int]:
    """The classes of a label map H×W, without background and undecided pixels."""
    return [int(label) for label in np.unique(labels) if label not in (0, UNDECIDED)]


def numbered(mask: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of connected regions of a mask H×W, and the number of each pixel's, from 1 on, `int32` H×W."""
    count, regions = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return count - 1, regions


def polygons(labels: np.ndarray, tolerance: float) -> list[Region]:
    """Every region of a label map H×W `uint8`, the largest first.

    Args:
        labels: the label map.
        tolerance: the largest distance, in pixels, of a dropped corner from the line that replaces it; up to 0.5 the
            pixels stay the same, but for those whose centre lies on a line.

    Raises:
        InputError: shapely is not installed.
    """
    found = [region for label in labels_in(labels) for region in _of_class(labels == label, label)]
    simplified = [Region(each.label, each.area, _simplified(each.rings, tolerance)) for each in found]
    return sorted(simplified, key=lambda region: -region.area)


def _of_class(mask: np.ndarray, label: int) -> Iterator[Region]:
    """The regions of a class with every corner of their outlines."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    part = mask[top : top + height, left : left + width]
    count, regions = numbered(part)
    areas = np.bincount(regions.ravel(), minlength=count + 1)
    rings: list[list[np.ndarray]] = [[] for _ in range(count + 1)]
    for ring in _rings(part):
        x, y = ring[0] + _INSIDE[_direction(ring)]
        place = rings[regions[y, x]]
        place.insert(0 if _signed_area(ring) > 0 else len(place), ring + np.array([left, top]))
    for number in range(1, count + 1):
        yield Region(label, int(areas[number]), [ring.astype(np.float64) for ring in rings[number]])


def _direction(ring: np.ndarray) -> int:
    """The direction of a ring's first step."""
    x, y = np.sign(ring[1] - ring[0])
    return int(np.flatnonzero((np.array([x, y]) == _STEPS).all(axis=1))[0])


def _signed_area(ring: np.ndarray) -> float:
    """Area of a ring in pixels, negative for a hole."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _rings(mask: np.ndarray) -> Iterator[np.ndarray]:
    """The outlines and holes of all regions of a mask H×W as rings of grid corners, N×2 int, none touching itself.

    The pixels of the mask lie on the right-hand side of every step. Where two of its pixels touch at a corner only,
    each ring turns to the right and stays at its own pixel.
    """
    padded = np.pad(mask.astype(bool), 1)
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    steps = np.stack(
        [
            lower_right & ~upper_right,
            lower_left & ~lower_right,
            upper_left & ~lower_left,
            upper_right & ~upper_left,
        ],
        axis=-1,
    ).reshape(-1)  # of each corner: whether the outline leaves it to the right, down, left, up
    width = mask.shape[1] + 1
    edges = np.flatnonzero(steps)
    heading = edges % 4
    ends = (edges // 4 + np.array([1, width, -1, -width])[heading]) * 4
    right, straight, left = (ends + (heading + turn) % 4 for turn in (1, 0, 3))
    following = np.where(steps[right], right, np.where(steps[straight], straight, left))
    turns = (following % 4 != heading).tolist()
    order, corners = np.searchsorted(edges, following).tolist(), (ends // 4).tolist()
    seen = bytearray(len(edges))
    for start in range(len(edges)):
        walk, edge = [], start
        while not seen[edge]:
            seen[edge] = 1
            if turns[edge]:
                walk.append(corners[edge])
            edge = order[edge]
        for ring in _simple(walk):
            yield np.stack(np.divmod(np.asarray(ring), width)[::-1], axis=1)


def _simple(walk: Sequence[int]) -> Iterator[list[int]]:
    """The parts of a closed walk that pass no corner twice: a hole that touches its outline at a corner is apart."""
    kept: list[int] = []
    places: dict[int, int] = {}
    for corner in walk:
        if corner in places:
            ring = kept[places[corner] :]
            del kept[places[corner] :]
            for each in ring:
                del places[each]
            yield ring
        places[corner] = len(kept)
        kept.append(corner)
    if kept:
        yield kept


def _simplified(rings: Sequence[np.ndarray], tolerance: float) -> Sequence[np.ndarray]:
    """Rings with fewer corners that still cross neither each other nor themselves (Douglas–Peucker)."""
    if tolerance <= 0:
        return rings
    polygon = _shapely().Polygon(rings[0], rings[1:]).simplify(tolerance, preserve_topology=True)
    return [np.asarray(ring.coords)[:-1] for ring in (polygon.exterior, *polygon.interiors)]


def check_simplifies(tolerance: float) -> None:
    """Refuse a tolerance without the library that it needs, before hours are spent.

    Raises:
        InputError: shapely is not installed.
    """
    if tolerance > 0:
        _shapely()


def _shapely() -> ModuleType:
    try:
        import shapely
    except ImportError:
        raise InputError(
            "shapely, which simplifies polygons, is not installed; run pip install 'weakseg[formats]', in a checkout "
            "pip install -e '.[formats]', or keep every corner with --tolerance 0."
        ) from None
    return cast(ModuleType, shapely)


def keyhole(rings: Sequence[np.ndarray]) -> np.ndarray:
    """An outline and its holes as one ring N×2, for formats without holes.

    Each hole is joined to what lies left of it by a line that is passed twice, there and back, which encloses nothing.
    """
    whole = rings[0]
    for hole in sorted(rings[1:], key=lambda ring: float(ring[:, 0].min())):
        first = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
        start = np.roll(hole, -first, axis=0)
        side, bridge = _left_of(whole, start[0])
        cut = np.concatenate([bridge[None], start, start[:1], bridge[None]])
        whole = np.concatenate([whole[: side + 1], cut, whole[side + 1 :]])
    return whole


def _left_of(ring: np.ndarray, point: np.ndarray) -> tuple[int, np.ndarray]:
    """Of a ring's sides the one that a ray from a point to the left meets first, and where."""
    start, end = ring, np.roll(ring, -1, axis=0)
    crossing = np.flatnonzero((start[:, 1] <= point[1]) != (end[:, 1] <= point[1]))
    one, other = start[crossing], end[crossing]
    share = (point[1] - one[:, 1]) / (other[:, 1] - one[:, 1])
    x = one[:, 0] + share * (other[:, 0] - one[:, 0])
    met = np.flatnonzero(x <= point[0] + 1e-6)
    if not met.size:  # a simplified hole that touches its outline at a corner
        nearest = int(np.abs(ring - point).sum(axis=1).argmin())
        return nearest, ring[nearest]
    nearest = int(met[x[met].argmax()])
    return int(crossing[nearest]), np.array([x[nearest], point[1]])


def paint(labels: np.ndarray, rings: Sequence[np.ndarray], label: int) -> None:
    """Set the pixels whose centres lie inside rings, by the even-odd rule.

    Args:
        labels: H×W `uint8`, changed in place.
        rings: outlines and holes, each N×2 (x, y), finite; parts outside the image are cut off.
        label: what the pixels become.
    """
    start = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
    end = np.concatenate([np.roll(np.asarray(ring, np.float64), -1, axis=0) for ring in rings])
    # The box of the rings: many small polygons of a large image are many small arrays.
    corner, far = (
        np.clip(edge, 0, labels.shape[::-1]).astype(int)
        for edge in (np.floor(start.min(axis=0)), np.ceil(start.max(axis=0)))
    )
    part = labels[corner[1] : far[1], corner[0] : far[0]]
    part[_inside(start - corner, end - corner, *part.shape)] = label


def _inside(start: np.ndarray, end: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels of a grid H×W inside the sides from `start` to `end`, each N×2: `bool` H×W.

    Every side toggles, in each row whose centre it passes, the first pixel whose centre is right of it; what lies right
    of an odd number of sides is inside.
    """
    downwards = (start[:, 1] <= end[:, 1])[:, None]  # one way, so that a side is rounded alike from both ends
    upper, lower = np.where(downwards, start, end), np.where(downwards, end, start)
    first, stop = (np.ceil(ys - 0.5).clip(0, height).astype(int) for ys in (upper[:, 1], lower[:, 1]))
    side = np.repeat(np.arange(len(start)), stop - first)
    row = np.arange(len(side)) - np.repeat(np.cumsum(stop - first) - stop, stop - first)
    upper, lower = upper[side], lower[side]
    share = (row + 0.5 - upper[:, 1]) / (lower[:, 1] - upper[:, 1])
    x = upper[:, 0] + share * (lower[:, 0] - upper[:, 0])
    column = np.ceil(x - 0.5).clip(0, width).astype(int)
    toggles = np.bincount(row * (width + 1) + column, minlength=height * (width + 1))
    odd = (toggles.reshape(height, width + 1)[:, :width] & 1).astype(bool)
    inside: np.ndarray = np.logical_xor.accumulate(odd, axis=1)
    return inside


def ring_of(points: object, where: str) -> np.ndarray:
    """A ring N×2 float64 of a list of points.

    Raises:
        InputError: fewer than three points, or not finite numbers.
    """
    try:
        ring = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        ring = np.empty(0)
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3 or not (np.abs(ring) < _FAR).all():
        raise InputError(
            f"{where} is not a polygon; at least three points of two numbers each were expected: draw it again or "
            "delete it."
        )
    return ring


def outside(ring: np.ndarray, size: tuple[int, int], where: str) -> bool:
    """Whether a ring reaches more than a pixel beyond its image H×W, where it is cut off.

    Raises:
        InputError: it lies outside altogether.
    """
    height, width = size
    low, high = ring.min(axis=0), ring.max(axis=0)
    if (high <= 0).any() or low[0] >= width or low[1] >= height:
        raise InputError(
            f"{where} lies outside the image of {width}×{height} pixels; a polygon on it was expected: delete it, or "
            "see whether the file belongs to these images."
        )
    return bool((low < -1).any() or high[0] > width + 1 or high[1] > height + 1)
