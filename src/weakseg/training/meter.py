"""What the losses of a training come to, read from the device only when a row of the history is due."""

import math
import time
from typing import cast

import torch
from torch import Tensor

from weakseg.training.fabric import Fabric


class Meter:
    """Sums losses since the last row.

    Args:
        fabric: the processes that train together.
        start: iterations that are done already.
    """

    def __init__(self, fabric: Fabric, start: int) -> None:
        self._fabric = fabric
        self._restart(start)

    def _restart(self, done: int) -> None:
        self._since, self._clock = done, time.perf_counter()
        self._totals: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []

    def add(self, loss: Tensor, parts: dict[str, Tensor]) -> None:
        """One iteration's loss, a scalar, and what it is the sum of."""
        self._losses.append(loss.detach())
        for name, value in ({"loss": loss} | parts).items():
            total = self._totals.get(name)
            self._totals[name] = value.detach() if total is None else total + value.detach()

    def read(self, done: int) -> tuple[dict[str, float], int | None]:
        """Start anew after `done` iterations.

        Returns:
            The means since the last reading, over all processes, with the `seconds` that went by; and the first
            iteration, counted from 1, whose loss was not finite in any process, if there is one.
        """
        steps = done - self._since
        means = {name: self._reduced(value, "mean") / steps for name, value in self._totals.items()}
        broken = None if math.isfinite(means["loss"]) else self._first_broken(done)
        means["seconds"] = time.perf_counter() - self._clock
        self._restart(done)
        return means, broken

    def _first_broken(self, done: int) -> int:
        are_finite = torch.isfinite(torch.stack(self._losses)).tolist()
        first = self._since + 1 + are_finite.index(False) if False in are_finite else done
        return int(self._reduced(torch.tensor(first, device=self._fabric.device), "min"))

    def _reduced(self, value: Tensor, operation: str) -> float:
        """The same number in all processes."""
        return float(cast(Tensor, self._fabric.all_reduce(value, reduce_op=operation)))
