"""Peak memory of `weakseg predict --format geotiff` on generated scenes: SIDE... in pixels, 4 bands of 16 bits.

python benchmarks/scene_memory.py RUN FOLDER 1000 10000
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rasterio

COMMAND = (
    "predict {scene} --run {run} --out {out} --format geotiff --bands 4,3,2 --stretch percentile --window 513"
)


def write_scene(path: Path, side: int) -> None:
    """Smooth noise, seed 0, written a strip at a time."""
    random = np.random.default_rng(0)
    shape = {"count": 4, "height": side, "width": side, "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", tiled=True, **shape) as file:
        for top in range(0, side, 256):
            rows = min(256, side - top)
            coarse = random.integers(0, 3000, (4, -(-rows // 32), -(-side // 32)), dtype=np.uint16)
            values = coarse.repeat(32, axis=1).repeat(32, axis=2)[:, :rows, :side]
            file.write(values, window=rasterio.windows.Window(0, top, side, rows))


def main() -> None:
    """Write, predict and remove one scene after the other, smallest first."""
    run, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for side in sorted(map(int, sys.argv[3:])):
        scene, out = folder / f"{side}.tif", folder / f"out-{side}"
        write_scene(scene, side)
        size, start = scene.stat().st_size, time.monotonic()
        words = COMMAND.format(scene=scene, run=run, out=out).split()
        subprocess.run(
            [sys.executable, "-c", "from weakseg.cli import main; main()", *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{side}×{side}: {size / 1e6:.0f} MB file, {time.monotonic() - start:.0f} s, {peak:.0f} MB",
            flush=True,
        )
        scene.unlink()
        (out / scene.name).unlink()
        out.rmdir()


main()
