"""Memory of the dense CRF, for the workflow's `mem_mb`; no heavy imports here: planning uses this file."""

from weakseg.crf.settings import LONGEST

PROCESS_MB = 750
"""Python, its libraries and the compiler of the filters; torch adds 250."""
LATTICE_BYTES = 640
"""Bytes per pixel in the CRF: its lattice points (worst case: noise) and three labels."""
LABEL_BYTES = 20
"""Bytes per such pixel and label: energy, probabilities and messages."""
IMAGE_BYTES = 25
"""Bytes per pixel of the full image: decoded image, label maps and one enlarged probability."""


def peak_mb(width: int, height: int, labels: int, longest: int | None = LONGEST) -> int:
    """Upper bound of the peak memory in MB (10⁶ bytes) of refining images one after the other.

    Measured on random pixels, which give the largest lattice; photographs take about half of the CRF's part.

    Args:
        width, height: of the largest image, pixels.
        labels: number of labels of the CRF with background: all for a segmenter, those of one image for a proxy.
        longest: the CRF's `longest`.
    """
    scale = 1.0 if longest is None else min(1.0, longest / max(width, height, 1))
    seen, pixels = width * height * scale**2, width * height
    return round(PROCESS_MB + ((LATTICE_BYTES + LABEL_BYTES * labels) * seen + IMAGE_BYTES * pixels) / 1e6)
