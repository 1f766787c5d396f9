"""Ending a training on request: after SIGTERM or SIGINT (Ctrl-C) the step is finished and the state saved."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn, Self

import torch

from weakseg.training.fabric import Fabric

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE = 8.0
"""Seconds from the signal to the end, whatever is still going on: clusters and containers kill after ten or more."""


class StopRequest:
    """Hears the signals while it is entered.

    Args:
        fabric: the processes that train together; when one of them hears a signal, all stop at the same step.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._heard = self._agreed = 0  # numbers of signals
        self._told: torch.Tensor | None = None
        self._timer: threading.Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and shells in the background set it
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._heard:  # a shell, Snakemake and a cluster may each send one
            return
        self._heard = number
        # The same signal may end the data workers. Torch raises that wherever we are, even while we save. Where the
        # death is known already but not yet answered, Python complains of SIG_DFL; a handler it calls.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._timer = threading.Timer(PATIENCE, _give_up, [number])
        self._timer.daemon = True
        self._timer.start()

    @property
    def heard(self) -> bool:
        """Whether this process heard a signal."""
        return self._heard > 0

    def agreed(self) -> bool:
        """Whether to stop now; every process asks before every step and all get the same answer.

        Where there are several, it is the answer of one step ago, so that none has to wait for its device.
        """
        if self._fabric.world_size == 1:
            self._agreed = self._heard
        else:
            earlier, self._told = self._told, torch.tensor(self._heard, device=self._fabric.device)
            torch.distributed.all_reduce(self._told, torch.distributed.ReduceOp.MAX)
            self._agreed = 0 if earlier is None else int(earlier)
        return self._agreed > 0

    def leave(self, message: str) -> NoReturn:
        """End this process with the status of the signal, as shells and clusters expect it."""
        number = self._agreed or self._heard
        if not self._fabric.is_global_zero:
            raise SystemExit(0)  # the first process speaks for all; another status here would have it killed
        _say(f"stopping on {signal.Signals(number).name}: {message}")
        raise SystemExit(128 + number)


def _give_up(number: int) -> None:
    _say(
        f"stopping on {signal.Signals(number).name}: a step and its saving took longer than {PATIENCE:g} seconds"
    )
    os._exit(128 + number)


def _say(text: str) -> None:
    with suppress(OSError):  # the signal may have ended whoever reads this
        print(text, file=sys.stderr, flush=True)
