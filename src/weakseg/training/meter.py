"""What the losses and gradients of a training come to, read from the device only when a row of the history is due."""

import math
import time
from typing import cast

import torch
from torch import Tensor

from weakseg.training.fabric import Fabric


class Meter:
    """Sums losses, and the norms of their gradients, since the last row.

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
        self._norms: list[Tensor] = []

    def add(self, loss: Tensor, parts: dict[str, Tensor], norm: Tensor) -> None:
        """One iteration's loss, a scalar, what it is the sum of, and the norm of its gradient before clipping."""
        self._losses.append(loss.detach())
        self._norms.append(norm.detach())
        for name, value in ({"loss": loss} | parts).items():
            total = self._totals.get(name)
            self._totals[name] = value.detach() if total is None else total + value.detach()

    def read(self, done: int) -> tuple[dict[str, float], int | None]:
        """Start again after `done` iterations.

        Returns:
            The means since the last reading, over all processes, with the `seconds` that went by (`gradient_norm`:
            of the steps whose norm was finite, since fp16 leaves the others out; NaN without one); and the first
            iteration, counted from 1, whose loss was not finite in any process, if there is one.
        """
        steps = done - self._since
        means = {name: self._reduced(value, "mean") / steps for name, value in self._totals.items()}
        norms = torch.stack(self._norms)
        means["gradient_norm"] = self._reduced(norms[norms.isfinite()].mean(), "mean")
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
