"""Which arithmetic a network computes in."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from weakseg.devices import device

_FABRIC = {"bf16": "bf16-mixed", "fp16": "16-mixed", "fp32": "32-true"}
_TORCH = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve(precision: str) -> str:
    """`auto` → `bf16` where the GPU or the processor is faster in it, else `fp32`."""
    if precision != "auto":
        return precision
    kind = device().type
    if kind == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if kind == "mps" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "fp32"
    return "bf16" if _gains_by_bfloat16(getattr(torch.cpu, "get_capabilities", dict)()) else "fp32"


def _gains_by_bfloat16(processor: Mapping[str, Any]) -> bool:
    """Whether a processor with bfloat16 instructions trains faster by them, as far as torch tells which it is.

    Intel's do by AMX. Where a virtual machine hides AMX, AVX-512's bfloat16 alone took 1.5 times as long as float32 (a
    SeeNet step on Emerald Rapids, two cores). AMD's AVX-512 gains.
    """
    return bool(processor.get("amx_bf16")) or not str(processor.get("cpu_name", "")).startswith("Intel")


def fabric_precision(precision: str) -> str:
    """Lightning Fabric's name of a precision."""
    return _FABRIC[resolve(precision)]


def autocast(precision: str, on: torch.device) -> AbstractContextManager[object]:
    """Context in which a network is evaluated on a device."""
    name = resolve(precision)
    if name == "fp32" or on.type == "mps":
        return nullcontext()
    return torch.autocast(on.type, dtype=_TORCH[name])
