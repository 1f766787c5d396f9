"""The filter of `lattice.py` in torch operations, for GPUs; the results on a CPU are the same.

Sorted keys replace the hash table, binary search replaces the pass over the keys.
"""

import numpy as np
import torch
from torch import Tensor

from weakseg.crf.lattice import directions, packing, scales


class TorchLattice:
    """As `Lattice`.

    Args:
        features: d×N float32 on any device.

    Raises:
        ValueError: the features span more lattice points than 64-bit keys can number.
    """

    def __init__(self, features: Tensor) -> None:
        device, dimensions = features.device, len(features)
        scaled = features * torch.tensor(scales(dimensions), dtype=torch.float32, device=device)[:, None]
        low, strides = packing(scaled.amin(1).cpu().numpy(), scaled.amax(1).cpu().numpy())
        stride = torch.from_numpy(strides).to(device)
        nearest, rank, barycentric = _simplex(scaled)
        base = ((nearest[:-1] - torch.from_numpy(low).to(device)[:, None]) * stride[:, None]).sum(0)
        keys = torch.stack([base + _offset(rank, corner, stride) for corner in range(dimensions + 1)])
        found, corners = torch.unique(keys, return_inverse=True)
        self._corners, self._weights = corners, barycentric
        self._neighbours = torch.stack(
            [
                torch.stack([_positions(found, found + step), _positions(found, found - step)])
                for step in np.abs(directions(strides)).tolist()
            ]
        )
        norm = self(torch.ones_like(features[:1]))[0]
        self._weights = self._weights / (norm + 1e-20).sqrt()

    def __len__(self) -> int:
        """Number of lattice points."""
        return self._neighbours.shape[2]

    def __call__(self, values: Tensor) -> Tensor:
        """Filter C×N float32."""
        channels, count = len(values), len(self)
        lattice = values.new_zeros((channels, count + 1))  # the last one is for missing neighbours
        for corner, weight in zip(self._corners, self._weights, strict=True):
            lattice.index_add_(1, corner, values * weight)
        for ahead, behind in self._neighbours:
            blurred = lattice[:, :count] + 0.5 * (lattice[:, ahead] + lattice[:, behind])
            lattice = torch.cat([blurred, lattice[:, count:]], dim=1)
        result = torch.zeros_like(values)
        for corner, weight in zip(self._corners, self._weights, strict=True):
            result += weight * lattice[:, corner]
        return result


def _simplex(scaled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nearest remainder-0 point (d+1)×N, rank of each coordinate (d+1)×N, barycentric weights (d+1)×N."""
    dimensions, points = scaled.shape
    tail = scaled.flip(0).cumsum(0).flip(0)  # tail[i] = Σ_{j ≥ i} scaled[j]
    axes = torch.arange(1, dimensions + 1, device=scaled.device)[:, None]
    after = torch.cat([tail[1:], tail.new_zeros((1, points))])
    elevated = torch.cat([tail[:1], after - axes * scaled])
    rounded = (elevated / (dimensions + 1) + 0.5).floor()
    nearest = (rounded * (dimensions + 1)).long()
    difference = elevated - nearest
    order = difference.argsort(dim=0, descending=True, stable=True)
    rank = order.argsort(dim=0) + rounded.sum(0).long()
    shift = torch.where(rank < 0, dimensions + 1, 0) - torch.where(rank > dimensions, dimensions + 1, 0)
    rank, nearest = rank + shift, nearest + shift
    share = (elevated - nearest) / (dimensions + 1)
    weights = scaled.new_zeros((dimensions + 2, points))
    weights.scatter_add_(0, dimensions - rank, share)
    weights.scatter_add_(0, dimensions + 1 - rank, -share)
    weights[0] += 1.0 + weights[dimensions + 1]
    return nearest, rank, weights[:-1]


def _offset(rank: Tensor, corner: int, stride: Tensor) -> Tensor:
    """Difference between the keys of a simplex's corner and its first corner."""
    dimensions = len(stride)
    step = torch.where(rank[:-1] <= dimensions - corner, corner, corner - dimensions - 1)
    return (step * stride[:, None]).sum(0)


def _positions(found: Tensor, wanted: Tensor) -> Tensor:
    """Position of each wanted key among the sorted keys; their number if it is missing."""
    place = torch.searchsorted(found, wanted)
    hit = found[place.clamp(max=len(found) - 1)] == wanted
    return torch.where(hit, place, len(found))
