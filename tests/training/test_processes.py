"""Two processes that train together: the curve of one, kills, and what a second process remembers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from weakseg.training.checkpoint import CHECKPOINT, load_checkpoint
from weakseg.training.history import HISTORY, read_history

pytestmark = pytest.mark.slow

PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from brightness import OPTIONS, Images
import torch
from torch import nn
from weakseg.attention.networks.oaa import Oaa, OaaSettings
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.settings import TrainingConfig

state, processes, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
fabric = launch(TrainingConfig(precision="fp32", processes=processes))
torch.manual_seed(5)
class Slow(Oaa):
    def losses(self, batch):
        time.sleep(pause)
        return super().losses(batch)

network = Slow("vgg_small", 2, OaaSettings(), new_layers_rate=1.0)  # faster, rounding grows into other curves
for layer in network.modules():
    if isinstance(layer, nn.BatchNorm2d):
        layer.eval()  # statistics of half a batch are not those of a whole one
        layer.train = lambda mode=True, layer=layer: layer
network.memory.enrol([(str(n), ["bright"] if n % 2 else ["dark"]) for n in range(42)])

class Labelled(Images):
    def sample(self, item, generator):
        sample = super().sample(item, generator)
        bright = item % 2
        image = sample["image"].repeat_interleave(4, 1).repeat_interleave(4, 2)
        slots = torch.tensor([-1, item]) if bright else torch.tensor([item, -1])
        view = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0])
        return {{"image": image, "labels": torch.eye(2)[bright], "slots": slots, "view": view}}

fit(fabric, network, Labelled(), state, "m", TrainingConfig(**OPTIONS))
if fabric.is_global_zero:
    torch.save(network.state_dict(), state / "end.pt")
"""


def start(folder: Path, state: Path, processes: int, pause: float = 0.0) -> "subprocess.Popen[str]":
    program = folder / "program.py"
    program.write_text(PROGRAM.format(tests=str(Path(__file__).parents[1])), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(program), str(state), str(processes), str(pause)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", state: Path) -> dict[str, torch.Tensor]:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    end: dict[str, torch.Tensor] = torch.load(state / "end.pt", weights_only=True)
    return end


def curve(state: Path) -> list[float]:
    return [float(row["loss"]) for row in read_history(state / HISTORY)]


def test_two_processes_follow_the_curve_of_one_and_survive_a_kill(tmp_path: Path) -> None:
    one, two, killed = (tmp_path / name for name in ("one", "two", "killed"))
    alone = finish(start(tmp_path, one, 1), one)
    together = finish(start(tmp_path, two, 2), two)
    # The same samples, halved; sums in another order.
    np.testing.assert_allclose(curve(two), curve(one), rtol=5e-3, atol=1e-5)
    assert curve(one)[-1] < curve(one)[0]
    assert torch.equal(alone["memory.visits"], together["memory.visits"])  # each image counted once
    difference = alone["memory.maps"].float() - together["memory.maps"].float()
    assert difference.abs().max() <= 2  # of 255

    process = start(tmp_path, killed, 2, pause=0.05)
    deadline = time.monotonic() + 120
    while not (killed / CHECKPOINT).exists():
        assert time.monotonic() < deadline, "no checkpoint appeared"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    time.sleep(0.3)  # some steps past the checkpoint
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)  # the other one ends by itself
    assert not alive
    saved = load_checkpoint(killed, "m")
    assert saved is not None
    assert saved["iteration"] < 40
    resumed = finish(start(tmp_path, killed, 2), killed)
    assert all(torch.equal(resumed[name], together[name]) for name in together)
