"""What is measured of a network at each checkpoint of its training."""

from pathlib import Path

import torch
from torch import nn

from brightness import Images, network, same
from weakseg.training.history import HISTORY, read_history
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.settings import TrainingConfig

TRAINING = TrainingConfig(
    iterations=10, batch_size=4, learning_rate=0.01, checkpoint_every=5, workers=0, seed=3, precision="fp32"
)


class Looks:
    """A measure that draws random numbers and would change batch statistics in training mode."""

    columns = ("bright",)

    def __init__(self) -> None:
        self.modes: list[bool] = []

    def __call__(self, network: nn.Module) -> dict[str, float | None]:
        self.modes.append(any(module.training for module in network.modules()))
        value = network.layers(torch.rand(4, 3, 12, 12)).mean()  # type: ignore[union-attr,operator]
        assert not value.requires_grad
        return {"bright": float(value)}


def test_what_is_measured_at_checkpoints_changes_nothing_and_is_in_the_history(tmp_path: Path) -> None:
    plain, watched, stopped = network(), network(), network()
    looks = Looks()
    fit(launch(TRAINING), plain, Images(), tmp_path / "plain", "mark", TRAINING)
    fit(launch(TRAINING), watched, Images(), tmp_path / "watched", "mark", TRAINING, measure=looks)
    assert same(plain, watched)
    assert looks.modes == [False, False]
    assert watched.training
    shorter = TRAINING.model_copy(update={"iterations": 5, "schedule": "constant"})
    longer = shorter.model_copy(update={"iterations": 10})
    fit(launch(TRAINING), stopped, Images(), tmp_path / "stopped", "mark", shorter, measure=Looks())
    resumed, whole = network(), network()
    fit(launch(TRAINING), resumed, Images(), tmp_path / "stopped", "mark", longer, measure=Looks())
    fit(launch(TRAINING), whole, Images(), tmp_path / "whole", "mark", longer)
    assert same(resumed, whole)
    rows = read_history(tmp_path / "stopped" / HISTORY)
    assert [row["iteration"] for row in rows] == ["5", "10"]
    assert all(float(row["bright"]) == float(row["bright"]) for row in rows)


def test_rows_between_checkpoints_leave_a_measure_empty(tmp_path: Path) -> None:
    training = TRAINING.model_copy(update={"iterations": 15, "checkpoint_every": 15})
    fit(launch(training), network(), Images(), tmp_path, "mark", training, measure=Looks())
    assert [row["bright"] != "" for row in read_history(tmp_path / HISTORY)] == [False, True]
