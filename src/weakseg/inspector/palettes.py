"""Class colours of the page: the VOC palette, and one that is safe for colour-blind people."""

import colorsys

import numpy as np

from weakseg.storage.drawing import UNDECIDED_COLOUR, overlay_palette
from weakseg.storage.labels import UNDECIDED

OKABE_ITO = ("56B4E9", "E69F00", "009E73", "CC79A7", "F0E442", "0072B2", "D55E00")
"""Okabe and Ito, Color Universal Design, 2008, without black."""
TOL_MUTED = ("332288", "88CCEE", "117733", "999933", "CC6677", "882255", "AA4499", "44AA99", "DDCC77")
"""Tol, Colour Schemes, technical note SRON/EPS/TN/09-002, issue 3.2, 2021, figure 3."""
GOLDEN = 0.618034  # step of the hue between further classes


def safe_palette() -> np.ndarray:
    """RGB `uint8` 256×3; classes 1…16 are distinct for colour-blind people, further ones mostly by lightness."""
    palette = np.zeros((256, 3), np.uint8)
    palette[0] = overlay_palette()[0]
    for number in range(1, UNDECIDED):
        palette[number] = _colour(number - 1)
    palette[UNDECIDED] = UNDECIDED_COLOUR
    return palette


def _colour(place: int) -> tuple[int, ...]:
    known = OKABE_ITO + TOL_MUTED
    if place < len(known):
        return tuple(bytes.fromhex(known[place]))
    lightness = (0.35, 0.6, 0.8)[place % 3]
    return tuple(round(255 * part) for part in colorsys.hls_to_rgb(place * GOLDEN % 1, lightness, 0.6))


PALETTES = {"voc": overlay_palette(), "safe": safe_palette()}
"""Name → RGB `uint8` 256×3; background and undecided are greys in both."""
