"""Order and randomness of training samples as pure functions of the seed and the position.

Nothing here has state, so a resumed training sees exactly the samples that an undisturbed one would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

Sample = dict[str, Tensor]
FEW, OTHERS, PLACES, MORE = (2**31 + number for number in range(4))
"""Seeds of the orders of a mixed stream, apart from every epoch's: of the first portion, of the other items, of the
places in a batch, and of the second portion."""


class Samples(Protocol):
    """What a room gives to the loop: a number of items and how to make one."""

    def __len__(self) -> int: ...

    def sample(self, item: int, generator: np.random.Generator) -> Sample:
        """Item `item`, augmented by draws from `generator`."""
        ...

    def name(self, item: int) -> str:
        """The id of item `item`, for messages."""
        ...


class PositionSampler(Sampler[int]):
    """Positions of the endless sample stream that belong to this process, from `start` to `stop`."""

    def __init__(self, start: int, stop: int, rank: int = 0, world_size: int = 1) -> None:
        self._range = range(start + rank, stop, world_size)

    def __iter__(self) -> Iterator[int]:
        return iter(self._range)

    def __len__(self) -> int:
        return len(self._range)


@dataclass(frozen=True)
class Portion:
    """Items that make up a given share of every batch, however many they are.

    Attributes:
        items: their numbers, at least one and not all.
        share: in [0, 1].
    """

    items: Sequence[int]
    share: float


class PositionedSamples(Dataset[Sample]):
    """Maps a position of the stream to a sample: epoch e visits every item once, in an order seeded by (seed, e).

    Where `samples` has `portions`, at most two and of different items, each of them and the others are such a stream.
    Each batch takes the share's number of each portion, over all batches exactly, at places seeded by (seed, batch).

    Args:
        samples: the items.
        seed: of the order.
        batch_size: of all processes together; read with `portions` only.
    """

    def __init__(self, samples: Samples, seed: int, batch_size: int = 1) -> None:
        self._samples = samples
        self._seed = seed
        portions: Sequence[Portion] = getattr(samples, "portions", ())
        everything = np.arange(len(samples))
        if portions:
            self._item = _Mixed(everything, portions, seed, batch_size).item
        else:
            self._item = _Order(everything, (seed,)).item

    def __getitem__(self, position: int) -> Sample:
        epoch, offset = divmod(position, len(self._samples))
        generator = np.random.default_rng([self._seed, epoch, offset])
        return self._samples.sample(self._item(position), generator)

    def names(self, start: int, stop: int) -> list[str]:
        """Ids of the samples at the positions from `start` to `stop`."""
        return [self._samples.name(self._item(position)) for position in range(start, stop)]


class _Order:
    """An endless stream of items: epoch e is a permutation seeded by (*seed, e)."""

    def __init__(self, items: np.ndarray, seed: tuple[int, ...]) -> None:
        self._items, self._seed, self._epoch = items, seed, -1

    def item(self, position: int) -> int:
        epoch, offset = divmod(position, len(self._items))
        if epoch != self._epoch:
            self._order = np.random.default_rng([*self._seed, epoch]).permutation(self._items)
            self._epoch = epoch
        return int(self._order[offset])


class _Mixed:
    """An endless stream of which every batch holds each portion's share."""

    def __init__(self, items: np.ndarray, portions: Sequence[Portion], seed: int, batch_size: int) -> None:
        self._seed, self._size = seed, batch_size
        left, self._ratios = Fraction(1), list[Fraction]()
        for portion in portions:  # each has its share of what those before it leave
            share = Fraction(portion.share).limit_denominator(10_000)
            self._ratios.append(min(share / left, Fraction(1)) if left > 0 else Fraction(0))
            left -= share
        named = [np.asarray(portion.items) for portion in portions]
        others = np.setdiff1d(items, np.concatenate(named))
        seeds = ((seed, FEW), (seed, MORE), (seed, OTHERS))
        kinds = [*zip(named, seeds, strict=False), (others, seeds[-1])]
        self._orders = [_Order(own, its_seed) for own, its_seed in kinds]

    def item(self, position: int) -> int:
        batch, place = divmod(position, self._size)
        drawn = np.random.default_rng([self._seed, PLACES, batch]).permutation(self._size)
        starts, ends = self._counts(batch), self._counts(batch + 1)
        kinds = np.searchsorted(np.cumsum(ends[:-1] - starts[:-1]), drawn, side="right")
        kind = int(kinds[place])
        return self._orders[kind].item(int(starts[kind]) + int((kinds[:place] == kind).sum()))

    def _counts(self, batches: int) -> np.ndarray:
        """Items of each kind in the first batches, the others last."""
        counts, left = [], batches * self._size
        for ratio in self._ratios:
            counts.append(int(left * ratio))
            left -= counts[-1]
        return np.array([*counts, left])


def seed_step(seed: int, iteration: int, rank: int) -> None:
    """Seed torch for one optimisation step (dropout), so that no generator state need be saved."""
    state = np.random.SeedSequence([seed, iteration, rank]).generate_state(2, np.uint32)
    torch.manual_seed(int(state[0]) << 32 | int(state[1]))
