"""The device for networks."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

GPUS = ("nvidia[0-9]*", "nvgpu", "dxg", "kfd")
"""In /dev: devices of NVIDIA's drivers, of Windows' under Linux, and of AMD's."""


def device() -> "torch.device":
    """An NVIDIA or AMD GPU (`cuda`), else an Apple GPU (`mps`), else the processor (`cpu`).

    No test of weakseg has run on `mps`; `autocast` computes in fp32 there.
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def may_have_gpu(folder: Path = Path("/dev")) -> bool:
    """Whether there is a driver of a GPU that computes `cuda`. Asking torch takes two seconds of CPU time."""
    return any(True for pattern in GPUS for _ in folder.glob(pattern))
