"""Which arithmetic a network computes in."""

from contextlib import AbstractContextManager, nullcontext

import torch

_FABRIC = {"bf16": "bf16-mixed", "fp16": "16-mixed", "fp32": "32-true"}
_TORCH = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve(precision: str) -> str:
    """`auto` → `bf16` where the GPU, or the processor by AMX or AVX-512, computes in it, else `fp32`."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def fabric_precision(precision: str) -> str:
    """Lightning Fabric's name of a precision."""
    return _FABRIC[resolve(precision)]


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Context in which a network is evaluated."""
    name = resolve(precision)
    if name == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=_TORCH[name])
