"""The progress file of a training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from weakseg.storage.progress import progress_path, read_progress
from weakseg.training.history import Progress
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.parameters import ParameterGroup
from weakseg.training.settings import TrainingConfig

TRAINING: dict[str, Any] = {"iterations": 25, "batch_size": 2, "crop": 32, "workers": 0, "precision": "fp32"}


class Watched(nn.Module):
    """Notes what the progress file says in every step."""

    def __init__(self, output: Path) -> None:
        super().__init__()
        self.layer, self.output = nn.Linear(1, 1), output
        self.seen: list[tuple[int, int, str]] = []

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        progress = read_progress(self.output)
        assert progress is not None
        assert progress.unit == "iteration"
        self.seen.append((progress.done, progress.total, progress.note))
        return {"loss_a": self.layer(batch["image"]).square().mean()}

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup([*self.parameters()], 1.0, 1.0)]


class Numbers:
    def __len__(self) -> int:
        return 8

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        return {"image": torch.ones(1)}

    def name(self, item: int) -> str:
        return str(item)


def test_a_training_says_how_far_it_is_with_its_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weakseg.storage.progress.INTERVAL", 0.0)
    output = tmp_path / "weights.pt"
    training = TrainingConfig(**TRAINING)
    network = Watched(output)
    fit(launch(training), network, Numbers(), tmp_path / "state", "m", training, output)
    assert [(done, total) for done, total, _ in network.seen] == [(step, 25) for step in range(25)]
    assert network.seen[9][2] == ""
    assert network.seen[10][2].startswith("loss ")
    assert not progress_path(output).exists()


def test_of_several_processes_one_writes(tmp_path: Path) -> None:
    output = tmp_path / "weights.pt"
    other = Progress("attention", 0, 10, enabled=False, output=output)
    other.advance()
    assert list(tmp_path.iterdir()) == []
    other.close()
    first = Progress("attention", 4, 10, enabled=True, output=output)
    progress = read_progress(output)
    assert progress is not None
    assert (progress.done, progress.first) == (4, 4)
    first.close()
    assert list(tmp_path.iterdir()) == []
