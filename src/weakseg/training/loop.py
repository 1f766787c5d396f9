"""The training loop."""

import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from weakseg.errors import InputError
from weakseg.storage.lock import take
from weakseg.training.batches import batches, worker_deaths
from weakseg.training.checkpoint import Checkpoints, clear_aside, clear_remains, set_aside
from weakseg.training.exhausted import told_of_memory
from weakseg.training.fabric import Fabric
from weakseg.training.history import History, Measured, Progress
from weakseg.training.meter import Meter
from weakseg.training.parameters import ParameterGroup
from weakseg.training.sampling import PositionedSamples, Samples, seed_step
from weakseg.training.schedule import rate_factor
from weakseg.training.settings import TrainingConfig
from weakseg.training.stop import StopRequest

LOG_EVERY = 10


class Measure(Protocol):
    """What is measured at each checkpoint, beside the losses."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values; other rows of the history leave them empty."""
        ...

    def __call__(self, network: nn.Module) -> dict[str, float | None]:
        """Column → value of the network, which is in evaluation mode and without gradients; `None` if undefined."""
        ...


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
    training: TrainingConfig,
    output: Path | None = None,
    measure: Measure | None = None,
) -> None:
    """Train `network` (a `Trainable`) in place.

    Args:
        fabric: the processes, launched.
        network: offers `losses` and `parameter_groups`.
        samples: the training data.
        state: folder of the checkpoint and history; a training found there with the same `mark` goes on.
        mark: fingerprint of everything that determines this training.
        training: how it is trained; `batch_size` counts over all processes.
        output: what the training is for; its progress file lies beside it. `None` for no such file.
        measure: looked at by the first process at each checkpoint; it changes nothing in the training.

    SIGTERM and SIGINT save the state and end the process with the signal's status.

    Raises:
        InputError: the loss is no longer finite, a data worker died, memory ran out, `batch_size` does not divide over
            the processes, or their shares are too small for the network (`least_share`).
    """
    least = int(getattr(network, "least_share", 1))
    iterations, batch_size = training.iterations, training.batch_size
    if batch_size % fabric.world_size or batch_size // fabric.world_size < least:
        raise InputError(
            f"batch_size is {batch_size} in {fabric.world_size} processes; a multiple of their number was expected, "
            f"{least} or more for each."
        )
    with _alone(fabric, state, mark), StopRequest(fabric) as stop, worker_deaths(), ExitStack() as ends:
        network.train().to(memory_format=torch.channels_last)
        groups = cast(Trainable, network).parameter_groups()
        solver = _optimizer(groups, training, fabric.device.type)
        model, stepper = fabric.setup(network, solver)
        model.mark_forward_method("losses")
        # Only now: setup moves the network, not what the optimiser would have been given before.
        precision = fabric.strategy.precision
        checkpoints = Checkpoints(state, mark, network, solver, precision, enabled=fabric.is_global_zero)
        start, rows = checkpoints.resume()
        if start and fabric.is_global_zero:
            print(f"resuming {state} at iteration {start} of {iterations}", file=sys.stderr)
        ordered = PositionedSamples(samples, training.seed, batch_size)
        positions = range(start * batch_size, iterations * batch_size)
        stream = batches(fabric, ordered, stop, positions, batch_size, training.workers)
        history = History(state, rows, enabled=fabric.is_global_zero)
        progress = Progress(_shown(state.parent), start, iterations, fabric.is_global_zero, output)
        ends.callback(progress.close)
        meter = Meter(fabric, start)

        for iteration in range(start, iterations):
            batch = None
            with told_of_memory(lambda: _too_large(iteration + 1, batch_size, batch, checkpoints)):  # noqa: B023
                batch = next(stream, None)
                if stop.agreed() or batch is None:
                    checkpoints.save(iteration, history.rows)
                    stop.leave(
                        f"{state} holds iteration {iteration} of {iterations}; the same command goes on from there"
                    )
                rate = training.learning_rate * rate_factor(iteration, training)
                for group in solver.param_groups:
                    group["lr"] = rate * group["rate"]
                seed_step(
                    training.seed, iteration, fabric.global_rank
                )  # after loading, which draws from torch too
                loss, losses, norm = _step(fabric, model, stepper, batch, training.clip_gradient)
            progress.advance()
            meter.add(loss, losses, norm)

            done = iteration + 1
            is_checkpoint = done % training.checkpoint_every == 0 or done == iterations
            if done % LOG_EVERY == 0 or is_checkpoint:
                means, broken = meter.read(done)
                if broken is not None:
                    names = ordered.names((broken - 1) * batch_size, broken * batch_size)
                    raise _diverged(means["loss"], broken, names, checkpoints)
                row: Measured = {
                    "iteration": done,
                    "epoch": done * batch_size / len(samples),
                    "learning_rate": rate,
                    **means,
                }
                if measure is not None and fabric.is_global_zero:
                    row |= (
                        _measured(fabric, network, measure)
                        if is_checkpoint
                        else dict.fromkeys(measure.columns)
                    )
                history.add(row)
                progress.report(row)
            if is_checkpoint:
                checkpoints.save(done, history.rows)
        history.close()
        if fabric.is_global_zero:
            clear_aside(state)


def _measured(fabric: Fabric, network: nn.Module, measure: Measure) -> dict[str, float | None]:
    """What `measure` says; the network's modes and the random numbers that the training draws stay as they were."""
    training = [module for module in network.modules() if module.training]
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad(), fabric.autocast():
        found = measure(network.eval())
    for module in training:
        module.training = True
    return found


def _shown(folder: Path) -> str:
    """A training's name in log lines: `attention`, `segmenter/round-1`."""
    return f"{folder.parent.name}/{folder.name}" if folder.name.startswith("round-") else folder.name


def _step(
    fabric: Fabric, model: Any, stepper: Any, batch: dict[str, Tensor], clip_gradient: float
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """One optimisation step: the loss, what it is the sum of, and the norm of its gradient before clipping."""
    with fabric.autocast():  # on one device Fabric applies it to forward() alone
        losses = model.losses(batch)
    loss = torch.stack(list(losses.values())).sum()
    fabric.backward(loss)
    # Clipping to infinity multiplies by exactly 1; it undoes the loss scale of fp16 and measures, as any clipping does.
    largest = clip_gradient or math.inf
    norm = fabric.clip_gradients(model, stepper, max_norm=largest, error_if_nonfinite=False)
    stepper.step()
    stepper.zero_grad(set_to_none=True)
    return loss, losses, cast(Tensor, norm)


def _too_large(
    iteration: int, batch_size: int, batch: dict[str, Tensor] | None, checkpoints: Checkpoints
) -> str:
    of = "crops" if batch is None else f"crops of {batch['image'].shape[-1]}"
    return (
        f"memory ran out at iteration {iteration} with batches of {batch_size} {of}: lower training.batch_size or "
        f"training.crop, or give more memory ({checkpoints.describe()})."
    )


def _diverged(loss: float, iteration: int, names: list[str], checkpoints: Checkpoints) -> InputError:
    return InputError(
        f"the loss became {loss} in iteration {iteration}, on the images {', '.join(names)}; a finite number was "
        f"expected: lower learning_rate or set precision to fp32 ({checkpoints.describe()})."
    )


def _optimizer(groups: list[ParameterGroup], training: TrainingConfig, kind: str) -> torch.optim.Optimizer:
    options = [
        {"params": group.parameters, "rate": group.rate, "weight_decay": training.weight_decay * group.decay}
        for group in groups
    ]
    rate = training.learning_rate
    if training.optimizer == "adamw":
        # One pass over the parameters: a tenth of a training step on a processor. On a GPU Fabric clips no gradients
        # of a fused optimiser in fp16.
        return torch.optim.AdamW(options, lr=rate, fused=kind == "cpu")
    return torch.optim.SGD(options, lr=rate, momentum=training.momentum, nesterov=training.nesterov)


@contextmanager
def _alone(fabric: Fabric, state: Path, mark: str) -> Iterator[None]:
    """Keep two trainings of one state apart; the kernel drops the lock when its holder dies."""
    lock = take(state / "lock", partial(_waits, state)) if fabric.is_global_zero else None
    try:
        if fabric.is_global_zero:
            clear_remains(state)
            set_aside(state, mark)
        fabric.barrier()  # until the first process has the lock, the state may still be another's
        yield
    finally:
        if lock is not None:
            lock.release()


def _waits(state: Path) -> None:
    print(f"another training works in {state}; waiting until it ends", file=sys.stderr, flush=True)
