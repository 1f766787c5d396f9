"""Signals and deaths during a training: what is saved, how fast it ends, and what is said."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch.utils.data import DataLoader

from weakseg.errors import InputError
from weakseg.training.batches import batches, worker_deaths
from weakseg.training.checkpoint import CHECKPOINT, load_checkpoint
from weakseg.training.launch import launch
from weakseg.training.sampling import PositionedSamples
from weakseg.training.settings import TrainingConfig
from weakseg.training.stop import StopRequest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from brightness import OPTIONS, Brightness, Images, network
import torch
from torch import nn
from weakseg.cli import main
import weakseg.cli
from weakseg.errors import InputError
from weakseg.training import stop
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.settings import TrainingConfig

state, processes, workers, pause, patience = Path(sys.argv[1]), *map(float, sys.argv[2:6])
stop.PATIENCE = patience
fabric = launch(TrainingConfig(precision="fp32", processes=int(processes)))

class Slow(Brightness):
    def losses(self, batch):
        time.sleep(pause)
        return super().losses(batch)

class Torn(Images):
    def sample(self, item, generator):
        if item == 41 and len(sys.argv) > 6:
            raise InputError(sys.argv[6])
        return super().sample(item, generator)

torch.manual_seed(5)
model = Slow()
if processes > 1:
    model.layers[1] = nn.Identity()  # statistics of half a batch are not those of a whole one
weakseg.cli.weakseg = lambda: fit(
    fabric, model, Torn(), state, "m", TrainingConfig(**(OPTIONS | {{"workers": int(workers), "checkpoint_every": 40}}))
)
main()
if fabric.is_global_zero:
    torch.save(model.state_dict(), state / "end.pt")
"""


class Training:
    """A training in a process of its own, whose state lies in `state`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.state = folder / name
        self._program = folder / "program.py"
        self._program.write_text(PROGRAM.format(tests=str(Path(__file__).parents[1])), encoding="utf-8")

    def start(
        self,
        processes: int = 1,
        workers: int = 0,
        pause: float = 0.0,
        patience: float = 8.0,
        *words: str,
    ) -> "subprocess.Popen[str]":
        numbers = map(str, (processes, workers, pause, patience))
        return subprocess.Popen(
            [sys.executable, str(self._program), str(self.state), *numbers, *words],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_rows(self, process: "subprocess.Popen[str]", rows: int) -> None:
        """Until the history has so many rows of ten iterations each."""
        history, deadline = self.state / "history.csv", time.monotonic() + 120
        while not history.is_file() or len(history.read_text(encoding="utf-8").splitlines()) <= rows:
            assert time.monotonic() < deadline, "the training did not get that far"
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)

    def end(self) -> dict[str, torch.Tensor]:
        """The finished network's state."""
        found: dict[str, torch.Tensor] = torch.load(self.state / "end.pt", weights_only=True)
        return found


def _finished(
    training: Training, processes: int = 1, workers: int = 0
) -> tuple[dict[str, torch.Tensor], str]:
    process = training.start(processes, workers)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return training.end(), said


def _equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """What a training ends with that nobody disturbed."""
    return _finished(Training(tmp_path_factory.mktemp("calm"), "whole"))[0]


@pytest.mark.parametrize(
    ("number", "workers", "to_group"), [(signal.SIGTERM, 0, False), (signal.SIGINT, 1, True)]
)
def test_a_signal_saves_and_the_same_command_ends_with_the_same_weights(
    tmp_path: Path, whole: dict[str, torch.Tensor], number: signal.Signals, workers: int, to_group: bool
) -> None:
    training = Training(tmp_path, "stopped")
    process = training.start(workers=workers, pause=0.05)
    training.wait_for_rows(process, 1)
    heard = time.monotonic()
    os.killpg(process.pid, number) if to_group else os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - heard < 10
    assert process.returncode == 128 + number
    found = re.search(
        rf"stopping on {number.name}: .*stopped holds iteration (\d+) of 40; the same command", said
    )
    assert found, said
    assert 10 <= int(found[1]) < 40
    end, said = _finished(training, workers=workers)
    assert f"at iteration {found[1]} of 40" in said
    assert _equal(end, whole)


def test_a_signal_to_every_process_saves_though_the_data_workers_end(tmp_path: Path) -> None:
    """As a cluster signals a job."""
    training = Training(tmp_path, "stopped")
    process = training.start(workers=2, pause=0.05)
    training.wait_for_rows(process, 1)
    everyone = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    assert len(everyone) == 3
    for pid in everyone:
        os.kill(pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    saved = load_checkpoint(training.state, "m")
    assert saved is not None
    assert 10 <= saved["iteration"] < 40


def test_a_step_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    training = Training(tmp_path, "slow")
    process = training.start(pause=3.0, patience=0.5)
    lock, deadline = training.state / "lock", time.monotonic() + 60
    while not lock.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.5)  # within the first step
    heard = time.monotonic()
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - heard < 2.5
    assert process.returncode == 128 + signal.SIGTERM
    assert "took longer than 0.5 seconds" in said
    assert not (training.state / CHECKPOINT).exists()


def test_a_signal_to_one_of_two_processes_stops_both_at_one_step(tmp_path: Path) -> None:
    training = Training(tmp_path, "stopped")
    process = training.start(processes=2, pause=0.05)
    training.wait_for_rows(process, 1)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 1
    children[0].send_signal(signal.SIGTERM)  # not even the first one
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert _equal(_finished(training, processes=2)[0], _finished(Training(tmp_path, "whole"), processes=2)[0])


def test_a_killed_data_worker_is_one_sentence(tmp_path: Path) -> None:
    training = Training(tmp_path, "killed")
    process = training.start(workers=1, pause=0.05)
    training.wait_for_rows(process, 1)
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.fullmatch(
        r"weakseg: a process that prepares images died \(DataLoader worker .*\); it was killed or memory ran out: .*",
        said.splitlines()[-1],
    )
    assert "Traceback" not in said


def test_a_pipe_that_breaks_before_the_death_is_heard_of_is_the_same_sentence() -> None:
    before = {*psutil.Process().children()}  # such as the tracker of resources that other tests started
    stream = iter(DataLoader(list(range(1000)), num_workers=1))  # type: ignore[arg-type]
    next(stream)
    (worker,) = {*psutil.Process().children()} - before
    with (
        pytest.raises(InputError, match=rf"images died \(DataLoader worker \(pid {worker.pid}\)"),
        worker_deaths(),
    ):
        worker.kill()
        raise ConnectionResetError(104, "Connection reset by peer")


def test_another_broken_pipe_is_told_as_it_is() -> None:
    with pytest.raises(ConnectionResetError), worker_deaths():
        raise ConnectionResetError(104, "Connection reset by peer")


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"), EOFError()])
def test_a_broken_pipe_after_a_signal_ends_the_batches(error: Exception) -> None:
    """The signal reached the data workers, too, while one of them handed a batch over."""

    class Broken:
        def __len__(self) -> int:
            return 3

        def sample(self, item: int, generator: np.random.Generator) -> dict[str, torch.Tensor]:
            raise error

        def name(self, item: int) -> str:
            return str(item)

    fabric, samples = launch(TrainingConfig(precision="fp32")), PositionedSamples(Broken(), 0)
    with StopRequest(fabric) as stop:
        with pytest.raises(type(error)):
            list(batches(fabric, samples, stop, range(3), 1, 0))
        os.kill(os.getpid(), signal.SIGTERM)
        assert list(batches(fabric, samples, stop, range(3), 1, 0)) == []


def test_a_worker_that_dies_of_the_same_signal_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """During one long call, as a backward pass is, both signals arrive; only after it does Python answer them."""
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    together = {signal.SIGTERM, signal.SIGCHLD}
    before = signal.signal(signal.SIGCHLD, lambda *_: None)  # torch's
    try:
        with StopRequest(launch(TrainingConfig(precision="fp32"))) as stop:
            signal.pthread_sigmask(signal.SIG_BLOCK, together)
            for number in together:  # to this thread: others have not blocked them
                signal.pthread_kill(threading.get_ident(), number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, together)
            assert stop.heard
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert said == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_read_is_one_sentence(tmp_path: Path, workers: int) -> None:
    process = Training(tmp_path, "torn").start(1, workers, 0.0, 8.0, "x.png is damaged; delete it.")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said.splitlines()[-1] == "weakseg: x.png is damaged; delete it."
    assert "Traceback" not in said
