"""Pairs of neighbouring cells, and what their affinities cost against labels (PSA and IRNet)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from weakseg.affinity.neighbours import Offset, path
from weakseg.storage.labels import UNDECIDED

EPSILON = 1e-5
"""Both releases add it inside the logarithms and to the numbers of pairs."""


def shifted(values: Tensor, place: Offset, offset: Offset) -> Tensor:
    """Values N×…×h×w at the cells that lie at `place` from the first cell of each pair with this offset."""
    (height, width), (dy, dx), (y, x) = values.shape[-2:], offset, place
    first, last = max(0, -dx), max(max(0, -dx), min(width, width - dx))
    rows = max(0, height - dy)
    return values[..., y : y + rows, first + x : last + x]


def difference_affinities(features: Tensor, offsets: Sequence[Offset]) -> list[Tensor]:
    """PSA's a_ij = exp(−mean_c |f_i − f_j|) (Ahn and Kwak, CVPR 2018, equation 1, of the release the mean).

    Args:
        features: N×D×h×w.
        offsets: of the pairs.

    Returns:
        For each offset N×h'×w', the pairs that lie inside of the grid.
    """
    return [
        (-(shifted(features, (0, 0), offset) - shifted(features, offset, offset)).abs().mean(dim=1)).exp()
        for offset in offsets
    ]


def path_affinities(edges: Tensor, offsets: Sequence[Offset]) -> list[Tensor]:
    """IRNet's a_ij = 1 − the largest edge on the straight way (Ahn et al., CVPR 2019, equation 6).

    Args:
        edges: N×h×w in [0, 1].
        offsets: of the pairs.

    Returns:
        As `difference_affinities`.
    """
    return [
        1.0 - torch.stack([shifted(edges, place, offset) for place in path(offset)]).amax(dim=0)
        for offset in offsets
    ]


def pair_loss(affinities: Sequence[Tensor], labels: Tensor, offsets: Sequence[Offset]) -> Tensor:
    """bg⁺/4 + fg⁺/4 + neg/2, each the mean over its pairs; zero for those of which there is none.

    bg⁺ are pairs of background, fg⁺ of one class, both cost −log a; neg are pairs of two labels and cost
    −log (1 − a). A pair with an undecided cell costs nothing (PSA, equation 4; IRNet, equation 7).

    Args:
        affinities: for each offset N×h'×w'.
        labels: N×h×w of cells, 255 where undecided.
        offsets: of the pairs.
    """
    sums, counts = labels.new_zeros(3, dtype=torch.float32), labels.new_zeros(3, dtype=torch.float32)
    for found, offset in zip(affinities, offsets, strict=True):
        own, other = shifted(labels, (0, 0), offset), shifted(labels, offset, offset)
        decided = (own != UNDECIDED) & (other != UNDECIDED)
        same = decided & (own == other)
        kinds = torch.stack([same & (own == 0), same & (own != 0), decided & (own != other)])
        positive, negative = -(found + EPSILON).log(), -(1.0 + EPSILON - found).log()
        costs = torch.stack([positive, positive, negative])
        sums = sums + (costs * kinds).flatten(1).sum(dim=1)
        counts = counts + kinds.flatten(1).sum(dim=1)
    background, foreground, between = sums / (counts + EPSILON)
    loss: Tensor = background / 4 + foreground / 4 + between / 2
    return loss


def on_grid(affinities: Sequence[Tensor], offsets: Sequence[Offset], size: tuple[int, int]) -> Tensor:
    """Affinities of one image's pairs as O×h×w, as `walk` reads them; zero where the neighbour lies outside."""
    whole = torch.zeros(len(offsets), *size)
    for number, (found, (dy, dx)) in enumerate(zip(affinities, offsets, strict=True)):
        if found.numel():
            first = max(0, -dx)
            whole[number, : size[0] - dy, first : first + found.shape[-1]] = found[0].float().cpu()
    return whole
