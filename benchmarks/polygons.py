"""What simplified polygons cost and lose: corners, pixels and classes by the tolerance.

    python benchmarks/polygons.py

on the label maps that the tests generate: a hundred with regions at least 10 pixels wide, and a hundred with thin
parts, single pixels, chessboards and noise.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from label_maps import class_iou, decided, label_map, wide_map
from weakseg.formats.regions import keyhole, paint, polygons

TOLERANCES = (0.0, 0.25, 0.5, 1.0, 2.0)


def row(tolerance: float, maps: list[np.ndarray]) -> str:
    """Corners a region, pixels that change, and the worst IoU of a class in an image."""
    corners, regions, changed, total, worst = 0, 0, 0, 0, 1.0
    for labels in maps:
        expected, found = decided(labels), np.zeros_like(labels)
        for region in polygons(labels, tolerance):
            ring = keyhole(region.rings)
            corners, regions = corners + len(ring), regions + 1
            paint(found, [ring], region.label)
        changed, total = changed + int((found != expected).sum()), total + expected.size
        worst = min([worst, *class_iou(expected, found).values()])
    return f"| {tolerance:g} | {corners / regions:.1f} | {changed:,} of {total:,} | {worst:.3f} |"


def main() -> None:
    """Print a table for each kind of label maps."""
    for title, make in (("at least 10 pixels wide", wide_map), ("thin parts and noise", label_map)):
        print(f"\n{title}:\n\n| tolerance | corners a region | pixels that change | worst IoU of a class |")
        print("|---|---|---|---|")
        for tolerance in TOLERANCES:
            print(row(tolerance, [make(seed) for seed in range(100)]), flush=True)


if __name__ == "__main__":
    main()
