"""What the CRF sees of a large image, how its answer is brought back, and what memory that takes."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from weakseg.crf.memory import peak_mb
from weakseg.crf.settings import PRESETS, CrfConfig
from weakseg.crf.size import largest, seen_size, shrunk


def test_enlarging_one_class_at_a_time_equals_all_at_once() -> None:
    values = np.random.default_rng(0).normal(size=(6, 11, 13)).astype(np.float32)
    all_of_them = [cv2.resize(value, (47, 39), interpolation=cv2.INTER_LINEAR) for value in values]
    labels, best = largest(values, (39, 47))
    np.testing.assert_array_equal(labels, np.argmax(all_of_them, axis=0))
    np.testing.assert_array_equal(best, np.max(all_of_them, axis=0))


@pytest.mark.parametrize(("height", "width"), [(1, 5000), (3000, 2), (1500, 1025), (1025, 1024), (700, 500)])
def test_shrinking_enlarges_no_side(height: int, width: int) -> None:
    """Where one side grew, `INTER_AREA` would alias."""
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = seen_size(image, 1024)
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    assert max(rows, columns) <= 1024
    assert shrunk(image, 1024).shape == (rows, columns, 3)
    assert (shrunk(image, 1024) is image) == (max(height, width) <= 1024)
    assert shrunk(image, None) is image


def test_memory_follows_pixels_and_labels_up_to_the_bound() -> None:
    assert peak_mb(500, 375, 3) < peak_mb(1024, 768, 3) < peak_mb(1024, 768, 21) < peak_mb(4000, 3000, 21)
    assert peak_mb(4000, 3000, 3, longest=None) > 3 * peak_mb(4000, 3000, 3)
    assert peak_mb(4000, 3000, 4) < 2000, "a photograph of 12 million pixels fits what the rule asks for"


def test_memory_is_foretold_without_the_libraries_that_need_it() -> None:
    code = (
        "import sys, weakseg.crf.memory; print([name for name in ('numpy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PEAK = """
import resource, sys
import numpy as np
from weakseg.crf.settings import CrfConfig
from weakseg.proxy.settings import RefineConfig
from weakseg.proxy.stages import refine
height, width, longest = (int(word) for word in sys.argv[1:])
image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
labels = np.zeros((height, width), np.uint8)
labels[height // 4 : height // 2, width // 4 : width // 2] = 1
crf = CrfConfig(longest=longest).model_copy(update={"iterations": 2})
found = refine(image, labels, [1, 2], RefineConfig().model_copy(update={"crf": crf}))
assert found.shape == (height, width) and (found == 1).any()
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_a_large_photograph_takes_what_was_foretold() -> None:
    """Noise, the most that its size can take: unbounded, these 4 million pixels took 2.6 GB."""
    command = [sys.executable, "-c", PEAK, "1700", "2300", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < peak_mb(2300, 1700, 3, longest=400) * 1e6 < 1.2e9


def test_presets_are_bounded() -> None:
    assert {CrfConfig(preset=preset).longest for preset in PRESETS} == {1024}  # type: ignore[arg-type]
    assert CrfConfig(longest=None).longest is None
