"""Time and memory of a walk by affinities on one core: a photograph of 375×500 pixels at stride 4, three classes.

python benchmarks/affinity.py
"""

import argparse
import json
import resource
import time

import numpy as np

from weakseg.affinity.neighbours import neighbours
from weakseg.affinity.walk import STEPS, walk

RADIUS, POWER = 5, 10.0
"""IRNet's at inference."""


def main() -> None:
    """Print one JSON line: seconds of a walk (median of five, compiled before) and the memory it adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(94, 125), help="Rows and columns of the grid.")
    parser.add_argument("--classes", type=int, default=3)
    asked = parser.parse_args()
    generator = np.random.default_rng(0)
    walk(np.ones((len(neighbours(RADIUS)), 2, 2)), np.ones((1, 2, 2)), RADIUS, POWER)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    affinities = generator.random((len(neighbours(RADIUS)), *asked.size), np.float32)
    scores = generator.random((asked.classes, *asked.size), np.float32)
    times = []
    for _ in range(5):
        start = time.process_time()
        walk(affinities, scores, RADIUS, POWER)
        times.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "grid": list(asked.size),
        "classes": asked.classes,
        "steps": STEPS,
        "core_seconds": round(sorted(times)[2], 3),
        "added_mb": round((peak - before) * 1024 / 1e6, 1),
        "process_mb": round(peak * 1024 / 1e6, 1),
    }
    from machine import describe  # imports torch, which the walk does not need

    print(json.dumps(found | {"machine": describe()}))


if __name__ == "__main__":
    main()
