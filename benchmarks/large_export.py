"""Time and memory of `weakseg export-masks` on one label map of 24 megapixels, for each format.

    OMP_NUM_THREADS=1 python benchmarks/large_export.py

The label map is generated (seed 0): three classes in about a thousand regions, and a corner of undecided pixels. Each
export is a process of its own; prints its core-seconds, its most memory and the bytes that it wrote.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from weakseg.formats import FORMATS
from weakseg.storage.labels import UNDECIDED, write_labels

HEIGHT, WIDTH = 4000, 6000
ENDINGS = {"coco": ".json", "cvat": ".zip"}


def generate(folder: Path) -> None:
    """`masks/a.png` and `images/a.jpg`."""
    rng = np.random.default_rng(0)
    field = cv2.resize(
        rng.normal(size=(60, 90)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    labels = np.digitize(field, [-0.3, 0.3, 0.8]).astype(np.uint8)
    labels[:200, :200] = UNDECIDED
    write_labels(folder / "masks" / "a.png", labels)
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images" / "a.jpg"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def measure(folder: Path, name: str) -> str:
    """A row of the table."""
    out = folder / f"{name}{ENDINGS.get(name, '')}"
    words = ["export-masks", str(folder / "masks"), "--format", name, "--out", str(out), "--classes", "a,b,c"]
    script = "from weakseg.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words, "--images", str(folder / "images")], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed")
    written = sum(
        file.stat().st_size for file in ([out] if out.is_file() else out.rglob("*")) if file.is_file()
    )
    seconds = used.ru_utime + used.ru_stime
    return f"| `{name}` | {seconds:.1f} | {used.ru_maxrss / 1024:.0f} | {written / 1e6:.1f} |"


def main() -> None:
    """Print the table. The label map is made in a process of its own, whose memory would count for its children's."""
    if len(sys.argv) > 1:
        generate(Path(sys.argv[1]))
        return
    print("| format | core-seconds | memory, MB | written, MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, name], check=True)
        for format_name in FORMATS:
            print(measure(folder, format_name), flush=True)


if __name__ == "__main__":
    main()
