"""Generated label maps with what is hard to write and read: holes, thin parts, touching corners, undecided pixels."""

import cv2
import numpy as np

CLASSES = ["cat", "dog", "Größe", "red kite"]


def label_map(seed: int) -> np.ndarray:
    """A label map H×W `uint8` of `CLASSES`, 255 undecided; a few seeds are extremes."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(24, 90, 2))
    labels = np.zeros((height, width), np.uint8)
    extremes = {1: 0, 2: 255, 3: 4}
    if seed in extremes:
        return np.full_like(labels, extremes[seed])
    if seed == 4:
        return np.indices((height, width)).sum(axis=0).astype(np.uint8) % 2 * 3  # a chessboard: corners touch
    if seed == 5:
        return rng.choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), (height, width))
    for _ in range(int(rng.integers(3, 9))):
        _draw(labels, rng)
    labels[rng.random(labels.shape) < 0.01] = rng.integers(0, len(CLASSES) + 1)
    labels[: int(rng.integers(0, 4))] = 255
    return labels


def _draw(labels: np.ndarray, rng: np.random.Generator) -> None:
    """A shape of a random class, perhaps with a hole or of one pixel's width."""
    height, width = labels.shape
    label = int(rng.choice([*range(len(CLASSES) + 1), 255]))
    centre = int(rng.integers(0, width)), int(rng.integers(0, height))
    axes = int(rng.integers(2, 25)), int(rng.integers(2, 25))
    kind = rng.integers(4)
    if kind == 0:
        cv2.ellipse(labels, centre, axes, float(rng.integers(180)), 0, 360, label, -1)
    elif kind == 1:
        cv2.ellipse(labels, centre, axes, 0, 0, 360, label, int(rng.integers(1, 4)))  # a ring
    elif kind == 2:
        end = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.line(labels, centre, end, label, 1)
    else:
        cv2.rectangle(labels, centre, (centre[0] + axes[0], centre[1] + axes[1]), label, -1)
        inner = (centre[0] + axes[0] // 3, centre[1] + axes[1] // 3)
        cv2.rectangle(labels, inner, (inner[0] + axes[0] // 4, inner[1] + axes[1] // 4), 0, -1)


def wide_map(seed: int) -> np.ndarray:
    """A label map of regions that are at least 10 pixels wide everywhere, holes and their margins, too."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((160, 200), np.uint8)
    for place in range(4):
        x, y = 50 + 100 * (place % 2), 40 + 80 * (place // 2)
        axes = int(rng.integers(22, 45)), int(rng.integers(22, 36))
        label = place + 1
        if rng.random() < 0.5:
            cv2.ellipse(labels, (x, y), axes, float(rng.integers(180)) * (max(axes) < 36), 0, 360, label, -1)
        else:
            cv2.rectangle(labels, (x - axes[0], y - axes[1]), (x + axes[0], y + axes[1]), label, -1)
        if rng.random() < 0.7:
            cv2.circle(labels, (x, y), int(rng.integers(5, 11)), 0, -1)
    return labels


def decided(labels: np.ndarray) -> np.ndarray:
    """A label map as a format without undecided pixels has it."""
    return np.where(labels == 255, 0, labels).astype(np.uint8)


def class_iou(labels: np.ndarray, others: np.ndarray) -> dict[int, float]:
    """Intersection over union of every class that one of two label maps shows."""
    shown = [label for label in np.union1d(labels, others).tolist() if label not in (0, 255)]
    return {
        label: float(
            ((labels == label) & (others == label)).sum() / ((labels == label) | (others == label)).sum()
        )
        for label in shown
    }
