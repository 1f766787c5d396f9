"""Memory that runs out is recognised, and answered by smaller batches."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from weakseg.errors import InputError
from weakseg.training.exhausted import Halving, OutOfMemory, on_image, ran_out


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_librarys_word_for_it(error: Exception) -> None:
    assert ran_out(error)


@pytest.mark.parametrize(
    "error",
    [ValueError("no room"), OSError(errno.ENOSPC, "No space left on device"), InputError("out of memory")],
)
def test_other_errors_are_not(error: Exception) -> None:
    assert not ran_out(error)


class Machine:
    """Fits so many items; notes how many it was asked for."""

    def __init__(self, fits: int) -> None:
        self.fits, self.asked = fits, list[int]()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.asked.append(len(items))
        if len(items) > self.fits:
            torch.empty(2**50)
        return [item * item for item in items]


def test_batches_are_halved_until_they_fit_and_stay_so(capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(3)
    halving = Halving(machine, "image", "lower the size")
    assert halving(range(10)) == [item * item for item in range(10)]
    assert machine.asked == [10, 5, 2, 2, 2, 2, 2]
    assert halving(range(3)) == [0, 1, 4]
    assert machine.asked[7:] == [2, 1]
    assert capsys.readouterr().err.splitlines() == [
        "memory ran out on 10 images at once; going on with 5",
        "memory ran out on 5 images at once; going on with 2",
    ]


def test_one_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(
        OutOfMemory, match=r"^memory ran out on a single image: lower the size, or give more memory\.$"
    ):
        Halving(Machine(0), "image", "lower the size")(range(4))
    with (
        pytest.raises(
            OutOfMemory, match=r"^memory ran out on the image a/b: lower it, or give more memory\.$"
        ),
        on_image("a/b", "lower it"),
    ):
        np.empty(2**50, np.uint8)


def test_other_errors_are_neither_halved_nor_hidden() -> None:
    def broken(_: Sequence[int]) -> list[int]:
        raise KeyError("a")

    with pytest.raises(KeyError):
        Halving(broken, "image", "lower the size")(range(4))
    with pytest.raises(KeyError), on_image("a", "lower it"):
        broken([])


def test_nothing_heavy_is_imported() -> None:
    program = "import sys, weakseg.training.exhausted; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
