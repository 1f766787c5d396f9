"""`auto` takes the arithmetic in which this machine is faster."""

from typing import Any

import pytest
import torch

from weakseg.training.precision import resolve

BFLOAT16 = pytest.mark.skipif(
    torch.cuda.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="a GPU decides, or a processor without bfloat16",
)


@BFLOAT16
@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        ({"cpu_name": "Intel Xeon", "amx_bf16": True}, "bf16"),
        ({"cpu_name": "Intel Xeon", "amx_bf16": False}, "fp32"),  # AMX hidden by a virtual machine
        ({"cpu_name": "AMD EPYC 9654", "amx_bf16": False}, "bf16"),
        ({}, "bf16"),  # an older torch does not tell
    ],
)
def test_auto_takes_bfloat16_where_it_gains(
    monkeypatch: pytest.MonkeyPatch, processor: dict[str, Any], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
    assert resolve("auto") == expected


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp32"])
def test_what_is_asked_for_is_taken(precision: str) -> None:
    assert resolve(precision) == precision
