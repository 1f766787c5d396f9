"""Gaussian filtering of high-dimensional features on the permutohedral lattice, compiled by numba for one CPU core.

Method: Adams, Baek and Davis (Eurographics 2010), with the scaling of Krähenbühl and Koltun's dense CRF. Splat every
point on the d + 1 corners of its simplex, blur along the d + 1 directions of the lattice with [½, 1, ½], slice. Each
lattice point has an integer key. Neighbours in one direction differ by a constant, so one pass over the sorted keys
finds them all.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from weakseg.compiled import compiled

Array = np.ndarray
FIRST_TABLE = 1 << 14
"""Initial slots of the hash table; it doubles when it is half full."""
WIDTHS = (4, 2, 1)
"""Numbers of channels that can be filtered together."""
BLOCK = 512
"""Points whose simplices are computed together, so that their arrays fit into the L1 and L2 caches."""


class Lattice:
    """A symmetrically normalised Gaussian filter: out = n · K(n · in) with n = 1 / √(K · 1).

    Args:
        features: d×N float32; a distance of 1 is one standard deviation.

    Raises:
        ValueError: the features span more lattice points than 64-bit keys can number.
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
        norm = self(np.ones((1, points), np.float32))[0]
        self._weights /= np.sqrt(norm + np.float32(1e-20))  # used by both splat and slice

    def __len__(self) -> int:
        """Number of lattice points."""
        return int(self._neighbours.shape[2])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Filter C×N float32."""
        result = np.empty_like(values)
        done = 0
        for width in WIDTHS:
            while done + width <= len(values):
                part = slice(done, done + width)
                _filter_of(width)(values[part], self._weights, self._corners, self._neighbours, result[part])
                done += width
        return result


def scales(dimensions: int) -> np.ndarray:
    """Scale of each axis, so that the blur's deviation on the lattice is one unit of the features."""
    axes = np.arange(dimensions)
    return np.asarray(np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt((axes + 1.0) * (axes + 2.0)))


def packing(smallest: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest value and stride of each of the first d lattice coordinates, from which keys are computed.

    Args:
        smallest: d, the smallest scaled feature of each axis.
        largest: d, the largest.

    Raises:
        ValueError: there are more than 2^62 keys.
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
    """Difference of two neighbours' keys along each of the d + 1 directions."""
    dimensions = len(strides)
    steps = np.ones((dimensions + 1, dimensions), np.int64)
    steps[np.arange(dimensions), np.arange(dimensions)] = -dimensions
    return np.asarray(steps @ strides)


@compiled(nogil=True)
def _embed(scaled: Array, low: Array, strides: Array, weights: Array, corners: Array) -> Array:
    """Fill the barycentric weights and corners (d+1)×N; return the keys of the lattice points."""
    d, points = scaled.shape
    keys = np.empty((d + 1, BLOCK), np.int64)
    table, found, count = np.full((FIRST_TABLE, 2), -1, np.int64), np.empty(FIRST_TABLE, np.int64), 0
    for start in range(0, points, BLOCK):
        end = min(start + BLOCK, points)
        _simplices(scaled[:, start:end], low, strides, weights[:, start:end], keys[:, : end - start])
        for corner in range(d + 1):
            last, number = -1, -1
            for n in range(end - start):
                key = keys[corner, n]
                if key != last:
                    if 2 * count >= len(table):
                        table, found = _grown(table, found)
                    slot = _slot(table, key)
                    if table[slot, 0] == -1:
                        table[slot, 0], table[slot, 1], found[count] = key, count, key
                        count += 1
                    last, number = key, table[slot, 1]
                corners[corner, start + n] = number
    return found[:count]


@compiled(nogil=True)
def _simplices(scaled: Array, low: Array, strides: Array, weights: Array, keys: Array) -> None:
    """Weights and numbers of the corners of some points' simplices; every inner loop is one over the points."""
    d, points = scaled.shape
    elevated, offset = np.empty((d + 1, points), np.float32), np.empty((d + 1, points), np.float32)
    nearest, rank = np.empty((d + 1, points), np.int32), np.zeros((d + 1, points), np.int32)
    total, excess = np.zeros(points, np.float32), np.zeros(points, np.int32)
    down, side = np.float32(1.0 / (d + 1)), np.int32(d + 1)
    for j in range(d, 0, -1):
        for n in range(points):
            elevated[j, n] = total[n] - np.float32(j) * scaled[j - 1, n]
            total[n] += scaled[j - 1, n]
    elevated[0] = total
    for i in range(d + 1):
        for n in range(points):
            rounded = np.int32(np.floor(elevated[i, n] * down + np.float32(0.5)))
            nearest[i, n] = rounded * side
            excess[n] += rounded
            offset[i, n] = elevated[i, n] - np.float32(rounded * side)
    for i in range(d):
        for j in range(i + 1, d + 1):
            for n in range(points):
                less = np.int32(offset[i, n] < offset[j, n])
                rank[i, n] += less
                rank[j, n] += np.int32(1) - less
    keys[0] = 0
    for i in range(d + 1):
        for n in range(points):
            moved = rank[i, n] + excess[n]
            wrap = side * (np.int32(moved < 0) - np.int32(moved > d))
            rank[i, n] = moved + wrap
            nearest[i, n] += wrap
            offset[i, n] = (elevated[i, n] - np.float32(nearest[i, n])) * down
        if i < d:
            for n in range(points):
                keys[0, n] += (nearest[i, n] - low[i]) * strides[i]
    # From corner k − 1 to corner k every coordinate grows by 1, but the one of rank d + 1 − k falls by d. The weight
    # of corner k is the offset of rank d − k less that of the rank before.
    all_strides = strides.sum()
    for corner in range(d + 1):
        entering, leaving = np.int32(d - corner), np.int32((d + 1 - corner) % (d + 1))
        weights[corner] = np.float32(corner == 0)
        for i in range(d + 1):
            for n in range(points):
                weights[corner, n] += offset[i, n] * np.float32(rank[i, n] == entering)
                weights[corner, n] -= offset[i, n] * np.float32(rank[i, n] == leaving)
        if corner > 0:
            for n in range(points):
                keys[corner, n] = keys[corner - 1, n] + all_strides
            for i in range(d):
                step = (d + 1) * strides[i]
                for n in range(points):
                    keys[corner, n] -= step * np.int64(rank[i, n] == leaving)


@compiled(nogil=True, inline="always")
def _slot(table: Array, key: np.int64) -> np.int64:
    """Slot of the key in the hash table, or the free slot for it."""
    mask = len(table) - 1
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(30)) & mask
    while table[slot, 0] != key and table[slot, 0] != -1:
        slot = (slot + 1) & mask
    return slot


@compiled(nogil=True)
def _grown(table: Array, found: Array) -> tuple[Array, Array]:
    """The hash table of (key, number) and the list of points, twice as large."""
    larger, points = np.full((2 * len(table), 2), -1, np.int64), np.empty(2 * len(table), np.int64)
    points[: len(found)] = found
    for old in range(len(table)):
        if table[old, 0] != -1:
            larger[_slot(larger, table[old, 0])] = table[old]
    return larger, points


@compiled(nogil=True)
def _renumber(corners: Array, rank: Array) -> None:
    for corner in range(corners.shape[0]):
        for n in range(corners.shape[1]):
            corners[corner, n] = rank[corners[corner, n]]


@compiled(nogil=True)
def _neighbours(sorted_keys: Array, directions: Array) -> Array:
    """Position of both neighbours of each point along each direction, (d+1)×2×M; M if there is none."""
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


@cache
def _filter_of(width: int) -> Callable[..., None]:
    """The filter of `width` channels at once, which reads each index only once."""

    @compiled(nogil=True, fastmath=True)
    def together(values: Array, weights: Array, corners: Array, neighbours: Array, out: Array) -> None:
        directions, _, count = neighbours.shape
        points = values.shape[1]
        lattice = np.zeros((count + 1, width), np.float32)
        blurred = np.zeros((count + 1, width), np.float32)
        for corner in range(weights.shape[0]):
            for n in range(points):
                m, weight = corners[corner, n], weights[corner, n]
                for c in range(width):
                    lattice[m, c] += weight * values[c, n]
        half = np.float32(0.5)
        for direction in range(directions):
            ahead, behind = neighbours[direction, 0], neighbours[direction, 1]
            for m in range(count):
                before, after = behind[m], ahead[m]
                for c in range(width):
                    blurred[m, c] = lattice[m, c] + half * (lattice[after, c] + lattice[before, c])
            lattice, blurred = blurred, lattice
        out[:] = np.float32(0.0)
        for corner in range(weights.shape[0]):
            for n in range(points):
                m, weight = corners[corner, n], weights[corner, n]
                for c in range(width):
                    out[c, n] += weight * lattice[m, c]

    filtered: Callable[..., None] = together
    return filtered
