"""The demo's classes: outlines, textures, and which of them belong together.

An object's own frame is in units of its radius, x right, y down, so that outlines lie within about [-1, 1].
"""

from collections.abc import Callable

import cv2
import numpy as np


def _polar(radii: list[float]) -> np.ndarray:
    """Corners N×2 at equal angles around the centre, the first at the top."""
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii)) - np.pi / 2
    return np.asarray(np.array(radii)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _cross(arm: float = 0.36) -> np.ndarray:
    quarter = np.array([[arm, -arm], [arm, -1.0], [-arm, -1.0]])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    return np.concatenate([quarter @ np.linalg.matrix_power(turn, k) for k in range(4)])


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -y - 2.5], axis=1) / 16


def _crescent() -> np.ndarray:
    t = np.linspace(0.35 * np.pi, 1.65 * np.pi, 32)
    outer = np.stack([np.cos(t), np.sin(t)], axis=1)
    return np.concatenate([outer, outer[::-1] * [0.55, 0.8] + [0.2, 0.0]])


OUTLINES: dict[str, np.ndarray] = {
    "disc": _polar([0.92] * 48),
    "square": np.array([[-0.78, -0.78], [0.78, -0.78], [0.78, 0.78], [-0.78, 0.78]]),
    "triangle": _polar([1.2] * 3) + np.array([0.0, 0.15]),
    "star": _polar([1.15, 0.58] * 5),
    "cross": _cross(),
    "heart": _heart(),
    "hexagon": _polar([0.95] * 6),
    "ellipse": _polar([1.0] * 48) * [1.1, 0.62],
    "crescent": _crescent() * 1.05,
    "kite": np.array([[0.0, -1.15], [0.75, -0.2], [0.0, 1.1], [-0.75, -0.2]]),
}
"""Name → corners N×2 in units of the radius."""

Texture = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(x, y, rng) → height; x, y are h×w in periods from the object's centre; height 0 separates the two colours."""


def _speckle(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Irregular grains, like granite: a random field with three points to a period, smooth between them."""
    field = rng.standard_normal((32, 32)).astype(np.float32)
    spots = cv2.remap(field, 3.2 * x + 16, 3.2 * y + 16, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return np.asarray(1.6 * spots, np.float32)


TEXTURES: dict[str, Texture] = {
    "stripes": lambda x, y, rng: np.sin(2 * np.pi * y),
    "checks": lambda x, y, rng: 2 * np.sin(0.8 * np.pi * x) * np.sin(0.8 * np.pi * y),
    "dots": lambda x, y, rng: 1.5 * (np.cos(1.7 * np.pi * x) + np.cos(1.7 * np.pi * y) - 0.55),
    "rings": lambda x, y, rng: np.sin(2 * np.pi * np.hypot(x, y)),
    "chevrons": lambda x, y, rng: np.sin(2 * np.pi * (x + 1.2 * np.abs((0.6 * y) % 1 - 0.5))),
    "bars": lambda x, y, rng: np.sin(2 * np.pi * x),
    "speckle": _speckle,
    "waves": lambda x, y, rng: np.sin(2 * np.pi * (x + 0.3 * np.sin(np.pi * y))),
    "mesh": lambda x, y, rng: 3 * np.maximum(np.cos(2 * np.pi * x), np.cos(2 * np.pi * y)) - 2.4,
}

FAMILIES = {
    "disc": "stripes",
    "square": "checks",
    "triangle": "dots",
    "star": "rings",
    "cross": "chevrons",
    "heart": "bars",
}
"""Class → its texture; its outline has its name."""
CLASSES = tuple(FAMILIES)
"""Class names; class i of a mask is `CLASSES[i - 1]`."""
FOREIGN = tuple(name for name in OUTLINES if name not in FAMILIES)
"""Outlines that belong to no class. Clutter uses these, so that it never shows an unlabelled class."""
