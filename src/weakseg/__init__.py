"""weakseg: from image-level labels to a segmentation model.

import weakseg
run = weakseg.load("results/demo")
labels = run.predict("photo.jpg")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weakseg.report.loaded import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`load`, imported on demand: `weakseg --help` needs no torch."""
    if name != "load":
        raise AttributeError(f"module 'weakseg' has no attribute {name!r}")
    from weakseg.report.loaded import load

    return load
