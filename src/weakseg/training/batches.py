"""Batches of a training: data workers, and one sentence where one of them dies."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from weakseg.errors import InputError
from weakseg.training.fabric import Fabric
from weakseg.training.sampling import PositionedSamples, PositionSampler
from weakseg.training.stop import StopRequest

DEATH = re.compile(r"DataLoader worker \(pid")
"""What torch's error for a dead data worker begins with; a living one's error says `in DataLoader worker process`."""
ERROR = f"{InputError.__module__}.{InputError.__qualname__}: "
"""What stands before a sentence in a traceback."""
HEARD = 1.0
"""Seconds within which torch hears of a death."""


def batches(
    fabric: Fabric,
    samples: PositionedSamples,
    stop: StopRequest,
    positions: range,
    batch_size: int,
    workers: int,
) -> Iterator[dict[str, Tensor]]:
    """This process's share of the batches, on its device; images channels-last, clips (five dimensions) as they are.

    They end early where a signal to all processes ended the data workers.

    Args:
        fabric: the processes that train together.
        samples: by their positions.
        stop: knows of signals.
        positions: of all processes together.
        batch_size: of all processes together.
        workers: data workers of this process.

    Raises:
        InputError: a sample cannot be read.
    """
    loader = DataLoader(
        samples,
        batch_size=batch_size // fabric.world_size,
        sampler=PositionSampler(positions.start, positions.stop, fabric.global_rank, fabric.world_size),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=fabric.device.type == "cuda",
        worker_init_fn=_start_worker,
    )
    try:
        for batch in cast(Any, fabric.setup_dataloaders(loader, use_distributed_sampler=False)):
            if batch["image"].ndim == 4:
                batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
            yield batch
    except InputError as error:  # from a worker it comes with the worker's traceback before it
        raise InputError(str(error).rpartition(f"\n{ERROR}")[2].rstrip("\n")) from None
    except (RuntimeError, OSError, EOFError):  # torch's word for a dead worker, or a broken pipe to it
        if not stop.heard:
            raise


def _start_worker(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)  # the cores belong to the computation
    torch.set_num_threads(1)
    # A signal to the terminal or to the training's process group is the training's to answer, with the worker alive.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def worker_deaths() -> Iterator[None]:
    """One sentence for a data worker that died: torch raises it wherever the training stands.

    Raises:
        InputError: in place of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not DEATH.match(str(error)):
            raise
        raise _died(error) from error
    except (OSError, EOFError) as error:
        # A pipe to a worker may break before torch hears of its death, which it then raises wherever that finds us.
        try:
            time.sleep(HEARD)
        except RuntimeError as heard:
            raise _died(heard) from error
        raise


def _died(error: RuntimeError) -> InputError:
    return InputError(
        f"a process that prepares images died ({str(error).splitlines()[0].strip(' .')}); it was killed or memory "
        "ran out: run again, which goes on from the last state, or lower training.workers."
    )
