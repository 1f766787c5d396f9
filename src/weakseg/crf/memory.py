"""How much memory refining takes, for the workflow's `mem_mb`; no heavy import here, as it plans with this."""

from weakseg.crf.settings import LONGEST

PROCESS_MB = 750
"""The program itself: Python, its libraries and the compiler of the filters; with torch 250 more."""
LATTICE_BYTES = 640
"""Of each pixel that the CRF sees: its place in the lattices, at its worst in an image of noise, and three labels."""
LABEL_BYTES = 20
"""Of each such pixel and label: energy, probabilities and messages."""
IMAGE_BYTES = 25
"""Of each pixel of the image itself: the file decoded, label maps, and one enlarged probability."""


def peak_mb(width: int, height: int, labels: int, longest: int | None = LONGEST) -> int:
    """Upper bound of the peak memory in MB (10⁶ bytes) of refining images one after the other.

    Measured on random pixels, whose lattice is the largest there is; photographs take about half of the CRF's part.

    Args:
        width, height: of the largest image, pixels.
        labels: how many the CRF decides between, background included: all of a segmenter's, an image's own of a proxy.
        longest: the CRF's `longest`.
    """
    scale = 1.0 if longest is None else min(1.0, longest / max(width, height, 1))
    seen, pixels = width * height * scale**2, width * height
    return round(PROCESS_MB + ((LATTICE_BYTES + LABEL_BYTES * labels) * seen + IMAGE_BYTES * pixels) / 1e6)
