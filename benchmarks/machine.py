"""What the machine is and what it can do at best."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

PEAK_SIDE = {"cpu": 4096, "cuda": 8192}
"""Sides of the square matrices whose product is the peak."""


def describe() -> dict[str, Any]:
    """Processor, cores, GPU and the versions that matter."""
    import numba

    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    fields = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in text.splitlines()}
    flags = {
        flag
        for flag in fields.get("flags", "").split()
        if flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    }
    return {
        "processor": fields.get("model name", platform.processor()).strip(),
        "instructions": sorted(flags),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
    }


def seconds(work: Callable[[], Any], device: torch.device, repeats: int = 5) -> float:
    """Median time of a call, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[repeats // 2]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product, a multiplication and an addition counting two."""
    side = PEAK_SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2.0 * side**3 / seconds(lambda: a @ b, device)
