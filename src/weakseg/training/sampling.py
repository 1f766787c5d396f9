"""Order and randomness of training samples as pure functions of the seed and the position.

Nothing here has state, so a resumed training sees exactly the samples that an undisturbed one would.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

Sample = dict[str, Tensor]


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


class PositionedSamples(Dataset[Sample]):
    """Maps a position of the stream to a sample: epoch e visits every item once, in an order seeded by (seed, e)."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self._samples = samples
        self._seed = seed
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def __getitem__(self, position: int) -> Sample:
        epoch, offset = divmod(position, len(self._samples))
        generator = np.random.default_rng([self._seed, epoch, offset])
        return self._samples.sample(self._item(position), generator)

    def names(self, start: int, stop: int) -> list[str]:
        """Ids of the samples at the positions from `start` to `stop`."""
        return [self._samples.name(self._item(position)) for position in range(start, stop)]

    def _item(self, position: int) -> int:
        epoch, offset = divmod(position, len(self._samples))
        if epoch != self._epoch:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._samples))
            self._epoch = epoch
        return int(self._order[offset])


def seed_step(seed: int, iteration: int, rank: int) -> None:
    """Seed torch for one optimisation step (dropout), so that no generator state need be saved."""
    state = np.random.SeedSequence([seed, iteration, rank]).generate_state(2, np.uint32)
    torch.manual_seed(int(state[0]) << 32 | int(state[1]))
