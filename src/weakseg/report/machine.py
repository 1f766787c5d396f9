"""The machine that this process runs on, and the versions of what weakseg is built on."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from weakseg import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "snakemake",
    "numpy",
    "opencv-python-headless",
    "numba",
    "h5py",
    "onnxruntime",
)
"""Distributions whose versions explain most differences."""


def processor() -> str:
    """The processor's name, or its architecture if the system does not tell."""
    with suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """Names of the GPUs that torch can use."""
    import torch

    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return ["Apple GPU"] if torch.backends.mps.is_available() else []


def machine() -> str:
    """Processor, cores and GPUs in a line."""
    return f"{processor()}, {cores()} cores, {', '.join(gpus()) or 'no GPU'}"


def versions() -> dict[str, str]:
    """Package → version, weakseg and Python first; `not installed` where one is missing."""
    found = {"weakseg": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
