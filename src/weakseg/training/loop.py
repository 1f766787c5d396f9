"""The training loop."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from weakseg.errors import InputError
from weakseg.training.checkpoint import load_checkpoint, save_checkpoint
from weakseg.training.history import History, Progress
from weakseg.training.parameters import ParameterGroup
from weakseg.training.sampling import PositionedSamples, PositionSampler, Samples, seed_step
from weakseg.training.schedule import rate_factor

LOG_EVERY = 10


class Trainable(Protocol):
    """What a network offers to be trained."""

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named scalar losses of a batch; their sum is minimised."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once, with its multipliers."""
        ...


def fit(
    fabric: Fabric,
    network: nn.Module,
    samples: Samples,
    state: Path,
    mark: str,
    *,
    iterations: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    schedule: str,
    step_at: float,
    warmup: int,
    clip_gradient: float,
    checkpoint_every: int,
    workers: int,
    seed: int,
) -> None:
    """Train `network` (a `Trainable`) in place.

    Args:
        fabric: the processes, launched.
        network: offers `losses` and `parameter_groups`.
        samples: the training data.
        state: folder of the checkpoint and history; a training found there with the same `mark` goes on.
        mark: fingerprint of everything that determines this training.
        iterations, batch_size, …: as in the configuration; `batch_size` counts over all processes.

    Raises:
        InputError: the loss is no longer finite, or `batch_size` does not divide over the processes.
    """
    if batch_size % fabric.world_size:
        raise InputError(
            f"batch_size is {batch_size} in {fabric.world_size} processes; a multiple of their number was expected."
        )
    with _lock(state) if fabric.is_global_zero else nullcontext():
        fabric.barrier()  # until the first process has the lock, the state may still be another's
        network.train().to(memory_format=torch.channels_last)
        groups = cast(Trainable, network).parameter_groups()
        solver = _optimizer(optimizer, groups, learning_rate, momentum, weight_decay)
        saved = load_checkpoint(state, mark)
        start = saved["iteration"] if saved else 0
        if saved:
            network.load_state_dict(saved["network"])
            solver.load_state_dict(saved["optimizer"])
            if fabric.is_global_zero:
                print(f"resuming {state} at iteration {start} of {iterations}", file=sys.stderr)
        model, solver = fabric.setup(network, solver)
        model.mark_forward_method("losses")
        batches = _batches(fabric, samples, start, iterations, batch_size, workers, seed)
        history = History(state, start, enabled=fabric.is_global_zero)
        progress = Progress(state.parent.name, start, iterations, enabled=fabric.is_global_zero)
        totals, since, clock = {}, start, time.perf_counter()  # type: ignore[var-annotated]

        for iteration in range(start, iterations):
            factor = rate_factor(iteration, iterations, schedule, step_at, warmup)
            for group in solver.param_groups:
                group["lr"] = learning_rate * factor * group["rate"]
            batch = next(batches)
            seed_step(seed, iteration, fabric.global_rank)  # after loading, which draws from torch too
            with fabric.autocast():  # on one device Fabric applies it to forward() alone
                losses = model.losses(batch)
            loss = torch.stack(list(losses.values())).sum()
            fabric.backward(loss)
            if clip_gradient:
                fabric.clip_gradients(model, solver, max_norm=clip_gradient, error_if_nonfinite=False)
            solver.step()
            solver.zero_grad(set_to_none=True)
            progress.advance()
            for name, value in ({"loss": loss} | losses).items():
                totals[name] = totals.get(name, 0.0) + value.detach()

            done = iteration + 1
            is_checkpoint = done % checkpoint_every == 0 or done == iterations
            if done % LOG_EVERY == 0 or is_checkpoint:
                means = {name: _mean(fabric, value) / (done - since) for name, value in totals.items()}
                _require_finite(means["loss"], done, state)
                row: dict[str, float | int] = {
                    "iteration": done,
                    "epoch": done * batch_size / len(samples),
                    "learning_rate": learning_rate * factor,
                    **means,
                    "seconds": time.perf_counter() - clock,
                }
                history.add(row)
                progress.report(row)
                totals, since, clock = {}, done, time.perf_counter()
            if is_checkpoint and fabric.is_global_zero:
                contents = {
                    "iteration": done,
                    "network": network.state_dict(),
                    "optimizer": solver.state_dict(),
                }
                save_checkpoint(state, mark, contents)
        history.close()
        progress.close()


def _mean(fabric: Fabric, value: Tensor) -> float:
    """The same number over all processes."""
    return float(cast(Tensor, fabric.all_reduce(value, reduce_op="mean")))


def _batches(
    fabric: Fabric, samples: Samples, start: int, iterations: int, batch_size: int, workers: int, seed: int
) -> Iterator[dict[str, Tensor]]:
    """Batches from iteration `start` on, on the device; images channels-last, clips (five dimensions) as they are."""
    sampler = PositionSampler(
        start * batch_size, iterations * batch_size, fabric.global_rank, fabric.world_size
    )
    loader = DataLoader(
        PositionedSamples(samples, seed),
        batch_size=batch_size // fabric.world_size,
        sampler=sampler,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=fabric.device.type == "cuda",
        worker_init_fn=_start_worker,
    )
    for batch in cast(Any, fabric.setup_dataloaders(loader, use_distributed_sampler=False)):
        if batch["image"].ndim == 4:
            batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
        yield batch


def _start_worker(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)  # the cores belong to the computation
    torch.set_num_threads(1)


def _optimizer(
    name: str, groups: list[ParameterGroup], learning_rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    options = [
        {"params": group.parameters, "rate": group.rate, "weight_decay": weight_decay * group.decay}
        for group in groups
    ]
    if name == "adamw":
        return torch.optim.AdamW(options, lr=learning_rate)
    return torch.optim.SGD(options, lr=learning_rate, momentum=momentum)


def _require_finite(loss: float, iteration: int, state: Path) -> None:
    if loss != loss or abs(loss) == float("inf"):
        raise InputError(
            f"the loss became {loss} by iteration {iteration}; a finite number was expected: lower "
            f"learning_rate or set precision to fp32 (the last good state is in {state})."
        )


@contextmanager
def _lock(state: Path) -> Iterator[None]:
    """Keep two trainers of one state apart; the kernel drops the lock when its holder dies."""
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another training works in {state}; waiting until it ends", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
