"""The loop learns, resumes bit for bit, and refuses what is not its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from brightness import OPTIONS, Brightness, Images, network, same
from weakseg.errors import InputError
from weakseg.training.checkpoint import (
    CHECKPOINT,
    Checkpoints,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from weakseg.training.history import HISTORY, read_history
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.sampling import PositionedSamples
from weakseg.training.settings import TrainingConfig

FP32 = TrainingConfig(precision="fp32")


def options(**changes: Any) -> TrainingConfig:
    """Also values that a configuration may not have."""
    return TrainingConfig(**OPTIONS).model_copy(update=changes)


def train(state: Path, mark: str = "m", precision: str = "fp32", **changes: Any) -> Brightness:
    model = network()
    fit(
        launch(TrainingConfig(precision=precision)),
        model,
        Images(),
        state,
        mark,
        options(**changes),
    )
    return model


def test_it_learns_and_writes_its_history(tmp_path: Path) -> None:
    train(tmp_path)
    rows = read_history(tmp_path / HISTORY)
    assert [int(row["iteration"]) for row in rows] == [10, 20, 30, 40]
    assert list(rows[0]) == [
        "iteration",
        "epoch",
        "learning_rate",
        "loss",
        "loss_bright",
        "gradient_norm",
        "seconds",
    ]
    losses = [float(row["loss"]) for row in rows]
    assert min(losses) < 0.5 * losses[0]  # a batch of one kind is unreadable to batch normalisation


def test_a_share_that_is_too_small_for_the_network_is_one_sentence(tmp_path: Path) -> None:
    class Pooled(Brightness):
        least_share = 2

    fabric = launch(FP32)
    with pytest.raises(InputError, match=r"batch_size is 1 in 1 processes.* 2 or more for each"):
        fit(fabric, Pooled(), Images(), tmp_path, "m", options(batch_size=1))
    fit(
        fabric,
        Pooled(),
        Images(),
        tmp_path,
        "m",
        options(batch_size=2, iterations=1),
    )


def test_data_workers_do_not_change_the_result(tmp_path: Path) -> None:
    assert same(train(tmp_path / "a"), train(tmp_path / "b", workers=2))


def test_nesterovs_first_step_is_longer_by_the_momentum(tmp_path: Path) -> None:
    """After one gradient g the step is g + 0.9 · g, not g (Sutskever et al., 2013)."""
    start = [parameter.detach().clone() for parameter in network().parameters()]
    options = {"iterations": 1, "weight_decay": 0.0, "clip_gradient": 0.0}
    steps = []
    for nesterov in (False, True):
        model = train(tmp_path / str(nesterov), nesterov=nesterov, **options)
        steps.append(
            torch.cat([(p - s).detach().flatten() for p, s in zip(model.parameters(), start, strict=True)])
        )
    assert steps[0].abs().max() > 1e-4
    torch.testing.assert_close(steps[1], 1.9 * steps[0], rtol=1e-3, atol=1e-7)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
sys.path.insert(0, {shared!r})
import test_loop
slow = test_loop.Brightness.losses
def losses(self, batch):
    time.sleep(0.05)
    return slow(self, batch)
test_loop.Brightness.losses = losses
test_loop.train(Path({state!r}))
"""


def test_killed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    program = KILLED.format(
        tests=str(Path(__file__).parent),
        shared=str(Path(__file__).parents[1]),
        state=str(tmp_path / "killed"),
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / CHECKPOINT).exists():
        assert time.monotonic() < deadline, "no checkpoint appeared"
        assert process.poll() is None, "the training ended before it could be killed"
        time.sleep(0.02)
    time.sleep(0.12)  # some steps past the checkpoint
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    saved = load_checkpoint(tmp_path / "killed", "m")
    assert saved is not None
    assert saved["iteration"] < 40
    assert same(train(tmp_path / "killed"), train(tmp_path / "whole"))
    rows = read_history(tmp_path / "killed" / HISTORY)
    assert [int(row["iteration"]) for row in rows] == [10, 20, 30, 40]


def test_a_fused_optimizer_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    adamw = {"optimizer": "adamw", "learning_rate": 1e-3, "schedule": "constant"}
    train(tmp_path / "stopped", iterations=20, **adamw)
    saved = load_checkpoint(tmp_path / "stopped", "m")
    assert saved is not None
    assert all(group["fused"] for group in saved["optimizer"]["param_groups"])
    assert same(train(tmp_path / "stopped", **adamw), train(tmp_path / "whole", **adamw))


def test_another_fingerprint_starts_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, mark="old", iterations=20)
    assert same(train(tmp_path, mark="new"), train(tmp_path / "fresh", mark="new"))
    assert "other settings" in capsys.readouterr().err


def test_a_training_of_other_data_that_failed_costs_no_history(tmp_path: Path) -> None:
    """Found by the campaign: a training of damaged labels was refused; with whole ones the first one was done."""
    train(tmp_path)
    rows = read_history(tmp_path / HISTORY)
    with pytest.raises(InputError, match="the loss became nan"):
        train(tmp_path, mark="damaged", learning_rate=1e30)
    train(tmp_path)
    assert read_history(tmp_path / HISTORY) == rows
    assert [int(row["iteration"]) for row in rows] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:200], "it has no checksum"),
        (lambda content: content[:300] + b"?" + content[301:], "does not match its checksum"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes], reason: str
) -> None:
    save_checkpoint(tmp_path, "m", {"iteration": 5, "history": []})
    path = tmp_path / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    assert load_checkpoint(tmp_path, "m") is None
    assert re.search(f"discarding .*checkpoint.pt: .*{reason}", capsys.readouterr().err)
    for iteration in (10, 15):
        save_checkpoint(tmp_path, "m", {"iteration": iteration, "history": []})
    path.write_bytes(damage(path.read_bytes()))
    assert load_checkpoint(tmp_path, "m") == {"iteration": 10, "history": []}
    assert reason in capsys.readouterr().err


def test_a_training_whose_checkpoint_was_damaged_ends_with_the_same_weights(tmp_path: Path) -> None:
    train(tmp_path / "damaged", iterations=20)
    path = tmp_path / "damaged" / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    saved = load_checkpoint(tmp_path / "damaged", "m")
    assert saved is not None
    assert saved["iteration"] == 10
    assert same(train(tmp_path / "damaged", iterations=20), train(tmp_path / "whole", iterations=20))


def test_what_a_kill_left_half_written_goes_away(tmp_path: Path) -> None:
    (tmp_path / f".{CHECKPOINT}.4711.tmp").write_bytes(b"half")
    train(tmp_path, iterations=10)
    assert not list(tmp_path.glob(".*.tmp"))


def test_fingerprint_depends_on_every_part() -> None:
    assert fingerprint(a=1, b=[2]) == fingerprint(b=[2], a=1)
    assert fingerprint(a=1, b=[2]) != fingerprint(a=1, b=[3])


def test_a_diverging_loss_stops_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lower learning_rate .* \(none was saved\)"):
        train(tmp_path, learning_rate=1e30, clip_gradient=0.0)
    assert not list(tmp_path.glob("*.pt"))


class Poisoned(Images):
    """One image of many gives a loss that is no number."""

    def __init__(self, name: str) -> None:
        self._name = name

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        sample = super().sample(item, generator)
        return sample | {"bright": torch.tensor(float("nan"))} if self.name(item) == self._name else sample


def test_a_loss_that_is_no_number_names_its_step_and_images(tmp_path: Path) -> None:
    eighth = PositionedSamples(Images(), OPTIONS["seed"]).names(28, 32)  # four images a step
    with pytest.raises(InputError) as caught:
        fit(launch(FP32), network(), Poisoned(eighth[2]), tmp_path, "m", options(checkpoint_every=3))
    assert f"became nan in iteration 8, on the images {', '.join(eighth)};" in str(caught.value)
    assert f"the last good state is of iteration 6, in {tmp_path})" in str(caught.value)
    saved = load_checkpoint(tmp_path, "m")
    assert saved is not None
    assert saved["iteration"] == 6
    assert all(bool(torch.isfinite(value).all()) for value in saved["network"].values())


def test_weights_that_broke_under_a_finite_loss_are_not_saved(tmp_path: Path) -> None:
    model = network()
    solver = torch.optim.SGD(model.parameters(), momentum=0.9)
    checkpoints = Checkpoints(tmp_path, "m", model, solver, launch(FP32).strategy.precision)
    checkpoints.save(10, [])
    with torch.no_grad():
        model.layers[4].weight[0, 0] = float("inf")
    with pytest.raises(InputError, match=r"after iteration 20 .* not finite; .* is of iteration 10, in "):
        checkpoints.save(20, [])
    saved = load_checkpoint(tmp_path, "m")
    assert saved is not None
    assert saved["iteration"] == 10


@pytest.mark.parametrize(("precision", "expected"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_convolutions_compute_in_the_precision_asked_for(
    tmp_path: Path, precision: str, expected: torch.dtype
) -> None:
    model = network()
    found = set()
    model.layers[0].register_forward_hook(lambda module, inputs, output: found.add(output.dtype))
    fit(
        launch(TrainingConfig(precision=precision)),
        model,
        Images(),
        tmp_path,
        "m",
        options(iterations=10),
    )
    assert found == {expected}
    assert next(model.parameters()).dtype == torch.float32
    assert float(read_history(tmp_path / HISTORY)[0]["loss"]) < 1.0


class Hungry(Images):
    """From the eighth step on an image asks for more memory than there is."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._greedy = PositionedSamples(Images(), OPTIONS["seed"]).names(30, 31)[0]

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        if self.name(item) == self._greedy:
            self._ask()
        return super().sample(item, generator)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "ask",
    [
        lambda: np.empty(2**50, np.uint8),
        lambda: torch.empty(2**50),
        lambda: cv2.resize(np.zeros((2, 2, 3), np.uint8), (2**20, 2**20)),
    ],
    ids=["numpy", "torch", "opencv"],
)
def test_memory_that_runs_out_while_images_are_prepared_is_one_sentence(
    tmp_path: Path, ask: Callable[[], object], workers: int
) -> None:
    with pytest.raises(InputError) as caught:
        fit(launch(FP32), network(), Hungry(ask), tmp_path, "m", options(checkpoint_every=3, workers=workers))
    assert str(caught.value) == (
        "memory ran out at iteration 8 with batches of 4 crops: lower training.batch_size or training.crop, or give "
        f"more memory (the last good state is of iteration 6, in {tmp_path})."
    )


@pytest.mark.parametrize(
    "ask", [lambda: torch.empty(2**50), lambda: _raise(torch.OutOfMemoryError("CUDA out of memory."))]
)
def test_memory_that_runs_out_in_a_step_names_its_sizes_and_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]
) -> None:
    steps = iter(range(40))
    backward = Tensor.backward

    def greedy(self: Tensor, *args: Any, **options: Any) -> None:
        if next(steps) == 7:
            ask()
        backward(self, *args, **options)

    monkeypatch.setattr(Tensor, "backward", greedy)
    with pytest.raises(InputError) as caught:
        train(tmp_path, checkpoint_every=3)
    assert "ran out at iteration 8 with batches of 4 crops of 12: lower training.batch_size" in str(
        caught.value
    )
    assert f"the last good state is of iteration 6, in {tmp_path})" in str(caught.value)
    monkeypatch.undo()
    assert same(train(tmp_path), train(tmp_path / "whole"))


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("workers", [0, 1])
def test_a_workers_sentence_is_whole(tmp_path: Path, workers: int) -> None:
    """Only its last line was told; a file may have a line break in its name."""
    sentence = "the image two\nlines.jpg cannot be read (weakseg.errors: why); " + "replace it. " * 40
    samples = Hungry(lambda: _raise(InputError(sentence)))
    with pytest.raises(InputError) as caught:
        fit(launch(FP32), network(), samples, tmp_path, "m", options(workers=workers))
    assert str(caught.value) == sentence


def test_a_workers_error_of_our_own_is_no_death(tmp_path: Path) -> None:
    """Torch's word for it begins like that for a dead worker, and its cause was cut off."""
    samples = Hungry(lambda: _raise(RuntimeError("the very cause")))
    with pytest.raises(RuntimeError, match="the very cause"):
        fit(launch(FP32), network(), samples, tmp_path, "m", options(workers=1))


def test_a_value_taken_back_goes_on_with_its_own_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped value costs nothing: the finished training of the old value is still there."""

    class Interrupted(Images):
        def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
            raise KeyboardInterrupt

    before = train(tmp_path, mark="old", iterations=20)
    save_checkpoint(tmp_path / "other", "mistyped", load_checkpoint(tmp_path, "old") or {})
    with pytest.raises(KeyboardInterrupt):
        fit(launch(FP32), network(), Interrupted(), tmp_path, "mistyped", options())
    assert "other settings" in capsys.readouterr().err
    (tmp_path / "other" / CHECKPOINT).replace(tmp_path / CHECKPOINT)  # as far as the mistyped one had come
    assert same(train(tmp_path, mark="old", iterations=20), before)
    assert "at iteration 20 of 20" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("checkpoint*.pt")] == [
        CHECKPOINT
    ]  # one is finished: no other is kept
