"""Gaussian filtering of high-dimensional features on the permutohedral lattice, compiled by numba for one CPU core.

The method of Adams, Baek and Davis (Eurographics 2010), with the scaling that Krähenbühl and Koltun's dense CRF uses:
splat every point on the d + 1 corners of its simplex, blur along the d + 1 directions of the lattice with [½, 1, ½],
slice. A lattice point is one integer; sorted, the neighbours in a direction are a constant apart, so that all of them
are found in one walk over the points.
"""

import numpy as np
from numba import njit

FIRST_TABLE = 1 << 14
"""Slots of the hash table at first; it doubles while it is more than half full."""


class Lattice:
    """A symmetrically normalised Gaussian filter: out = n · K(n · in) with n = 1 / √(K · 1).

    Args:
        features: d×N float32; a distance of 1 is one standard deviation.

    Raises:
        ValueError: the features span more lattice points than a 64-bit number counts.
    """

    def __init__(self, features: np.ndarray) -> None:
        dimensions, points = features.shape
        scaled = np.ascontiguousarray(features * scales(dimensions)[:, None], np.float32)
        low, strides = packing(scaled.min(axis=1), scaled.max(axis=1))
        self._weights = np.empty((dimensions + 1, points), np.float32)
        self._corners = np.empty((dimensions + 1, points), np.int32)
        found = _embed(scaled, low, strides, self._weights, self._corners)
        order = np.argsort(found)
        self._neighbours = _neighbours(found[order], directions(strides))
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        _renumber(self._corners, rank)
        norm = np.empty(points, np.float32)
        self._filter(np.ones(points, np.float32), norm)
        self._weights /= np.sqrt(norm + np.float32(1e-20))  # on both sides: the splat's and the slice's

    def __len__(self) -> int:
        """Number of lattice points."""
        return self._neighbours.shape[2]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Filter C×N float32."""
        result = np.empty_like(values)
        for channel, out in zip(values, result, strict=True):
            self._filter(channel, out)
        return result

    def _filter(self, values: np.ndarray, out: np.ndarray) -> None:
        _filter(values, self._weights, self._corners, self._neighbours, out)


def scales(dimensions: int) -> np.ndarray:
    """Scale of each axis, so that the blur's deviation on the lattice is one unit of the features."""
    axes = np.arange(dimensions)
    return np.sqrt(2.0 / 3.0) * (dimensions + 1) / np.sqrt((axes + 1.0) * (axes + 2.0))


def packing(smallest: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest value and stride of each of the first d lattice coordinates in a point's number.

    Args:
        smallest: d, the least scaled feature of each axis.
        largest: d, the greatest.

    Raises:
        ValueError: there are more than 2^62 such numbers.
    """
    dimensions = len(smallest)
    low, high = np.empty(dimensions), np.empty(dimensions)
    smallest, largest = smallest.astype(np.float64), largest.astype(np.float64)
    for axis in range(dimensions):  # elevated[axis] = Σ_{i ≥ axis} scaled[i] − axis · scaled[axis − 1]
        low[axis], high[axis] = smallest[axis:].sum(), largest[axis:].sum()
        if axis > 0:
            low[axis] -= axis * largest[axis - 1]
            high[axis] -= axis * smallest[axis - 1]
    margin = 3 * (dimensions + 1)  # a corner of the simplex, its neighbours, and theirs
    spans = [int(span) + 2 * margin for span in np.ceil(high - low)]
    strides = [1]
    for span in spans:
        strides.append(strides[-1] * span)
    if strides[-1] >= 2**62:
        raise ValueError(f"features span {strides[-1]} lattice points; at most 2^62 can be numbered")
    return np.floor(low).astype(np.int64) - margin, np.array(strides[:-1], np.int64)


def directions(strides: np.ndarray) -> np.ndarray:
    """Difference of two neighbours' numbers along each of the d + 1 directions."""
    dimensions = len(strides)
    steps = np.ones((dimensions + 1, dimensions), np.int64)
    steps[np.arange(dimensions), np.arange(dimensions)] = -dimensions
    return steps @ strides


@njit(cache=True, nogil=True)
def _embed(scaled, low, strides, weights, corners):  # type: ignore[no-untyped-def]
    """Fill the barycentric weights and corners (d+1)×N; return the numbers of the lattice points found."""
    d, points = scaled.shape
    elevated, nearest, rank = np.empty(d + 1, np.float32), np.empty(d + 1, np.int32), np.empty(d + 1, np.int32)
    barycentric = np.empty(d + 2, np.float32)
    last_key, last_id = np.full(d + 1, -1, np.int64), np.zeros(d + 1, np.int32)
    table_key, table_id = np.full(FIRST_TABLE, -1, np.int64), np.empty(FIRST_TABLE, np.int32)
    found, count = np.empty(FIRST_TABLE, np.int64), 0
    down = np.float32(1.0 / (d + 1))
    for n in range(points):
        total = np.float32(0.0)
        for j in range(d, 0, -1):
            value = scaled[j - 1, n]
            elevated[j] = total - j * value
            total += value
        elevated[0] = total
        excess = 0
        for i in range(d + 1):
            rounded = int(np.floor(elevated[i] * down + np.float32(0.5)))
            nearest[i] = rounded * (d + 1)
            excess += rounded
            rank[i] = 0
        for i in range(d):
            difference = elevated[i] - nearest[i]
            for j in range(i + 1, d + 1):
                if difference < elevated[j] - nearest[j]:
                    rank[i] += 1
                else:
                    rank[j] += 1
        for i in range(d + 1):
            rank[i] += excess
            if rank[i] < 0:
                rank[i] += d + 1
                nearest[i] += d + 1
            elif rank[i] > d:
                rank[i] -= d + 1
                nearest[i] -= d + 1
        for i in range(d + 2):
            barycentric[i] = 0.0
        base = 0
        for i in range(d + 1):
            value = (elevated[i] - nearest[i]) * down
            barycentric[d - rank[i]] += value
            barycentric[d + 1 - rank[i]] -= value
            if i < d:
                base += (nearest[i] - low[i]) * strides[i]
        barycentric[0] += np.float32(1.0) + barycentric[d + 1]
        for corner in range(d + 1):
            key = base
            for i in range(d):
                key += (corner if rank[i] <= d - corner else corner - d - 1) * strides[i]
            if key != last_key[corner]:
                mask = len(table_key) - 1
                slot = _hash(key) & mask
                while table_key[slot] != key and table_key[slot] != -1:
                    slot = (slot + 1) & mask
                if table_key[slot] == -1:
                    if 2 * count >= len(table_key):
                        table_key, table_id, found = _grown(table_key, table_id, found)
                        mask = len(table_key) - 1
                        slot = _hash(key) & mask
                        while table_key[slot] != -1:
                            slot = (slot + 1) & mask
                    table_key[slot], table_id[slot], found[count] = key, count, key
                    count += 1
                last_key[corner], last_id[corner] = key, table_id[slot]
            corners[corner, n] = last_id[corner]
            weights[corner, n] = barycentric[corner]
    return found[:count]


@njit(cache=True, nogil=True, inline="always")
def _hash(key):  # type: ignore[no-untyped-def]
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(30))


@njit(cache=True, nogil=True)
def _grown(table_key, table_id, found):  # type: ignore[no-untyped-def]
    """The hash table and the list of points, twice as large."""
    size = 2 * len(table_key)
    keys, ids, points = np.full(size, -1, np.int64), np.empty(size, np.int32), np.empty(size, np.int64)
    points[: len(found)] = found
    for old in range(len(table_key)):
        if table_key[old] != -1:
            slot = _hash(table_key[old]) & (size - 1)
            while keys[slot] != -1:
                slot = (slot + 1) & (size - 1)
            keys[slot], ids[slot] = table_key[old], table_id[old]
    return keys, ids, points


@njit(cache=True, nogil=True)
def _renumber(corners, rank):  # type: ignore[no-untyped-def]
    for corner in range(corners.shape[0]):
        for n in range(corners.shape[1]):
            corners[corner, n] = rank[corners[corner, n]]


@njit(cache=True, nogil=True)
def _neighbours(sorted_keys, directions):  # type: ignore[no-untyped-def]
    """Position of both neighbours of each point along each direction, (d+1)×2×M; M where there is none."""
    count = len(sorted_keys)
    result = np.full((len(directions), 2, count), count, np.int32)
    for direction in range(len(directions)):
        step = abs(directions[direction])
        other = 0
        for m in range(count):
            key = sorted_keys[m] + step
            while other < count and sorted_keys[other] < key:
                other += 1
            if other < count and sorted_keys[other] == key:
                result[direction, 0, m] = other
                result[direction, 1, other] = m
    return result


@njit(cache=True, nogil=True, fastmath=True)
def _filter(values, weights, corners, neighbours, out):  # type: ignore[no-untyped-def]
    directions, _, count = neighbours.shape
    lattice, blurred = np.zeros(count + 1, np.float32), np.zeros(count + 1, np.float32)
    for corner in range(weights.shape[0]):
        for n in range(len(values)):
            lattice[corners[corner, n]] += weights[corner, n] * values[n]
    half = np.float32(0.5)
    for direction in range(directions):
        ahead, behind = neighbours[direction, 0], neighbours[direction, 1]
        for m in range(count):
            blurred[m] = lattice[m] + half * (lattice[ahead[m]] + lattice[behind[m]])
        lattice, blurred = blurred, lattice
    for n in range(len(values)):
        out[n] = 0.0
    for corner in range(weights.shape[0]):
        for n in range(len(values)):
            out[n] += weights[corner, n] * lattice[corners[corner, n]]
