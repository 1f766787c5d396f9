"""What follows from the machine, and from the number and the size of the images."""

import os
from collections.abc import Sequence
from statistics import median
from typing import Any

from weakseg.devices import may_have_gpu

EPOCHS = 8
STEP = 25
"""Iterations are multiples of this, the interval of checkpoints."""
ATTENTION = {"batch": 16, "least": 300}
SEGMENTER = {"batch": 10, "least": 800}
"""Images a step, and the fewest iterations, as in the preset."""
USUAL = 400
"""Longest side, pixels, from which images take the preset's sizes."""
PER_SHARD = 100
SIZED = ("quick", "photographs")
"""The presets whose iterations and sizes follow from the images; the others are published schedules."""


def preset() -> str:
    """The preset that suits this machine: with a GPU, `photographs`; without one, `quick`."""
    return "photographs" if may_have_gpu() else "quick"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shards(images: int, count: int) -> int:
    """Parts of a per-image stage: one a core, more for thousands of images, with ten images or more in each.

    Args:
        images: number of images.
        count: number of cores.
    """
    return max(1, -(-images // PER_SHARD), min(count, images // 10))


def iterations(images: int, batch: int, least: int) -> int:
    """Iterations of a training on so many images: eight epochs, but not fewer than `least`."""
    return max(least, -(-EPOCHS * images // (batch * STEP)) * STEP)


def sizes(sides: Sequence[int]) -> dict[str, Any]:
    """Settings for small images, which are not enlarged to the preset's sizes; nothing where they are large enough.

    A network then sees as many pixels of the scene as of larger images, or all that there are.

    Args:
        sides: longest side of some images, pixels.
    """
    if not sides or median(sides) >= USUAL:
        return {}
    side = _multiple(median(sides))
    crop = min(224, side)
    return {
        "attention": {
            "training": {"resize": min(256, side), "crop": crop},
            "maps": {"size": min(320, side)},
        },
        "segmenter": {
            "training": {
                "resize": side,
                "scales": [min(0.9, round(225 / side, 2)), 1.25],
                "crop": min(225, crop + 1),
            },
            "prediction": {"longest": side, "scales": [1.0]},
        },
    }


def _multiple(side: float) -> int:
    """The multiple of 32 next to a size, at least 64: what networks divide without a rest."""
    return max(64, round(side / 32) * 32)
