"""The demo's score against the number of corrected masks, through CVAT's format.

    python benchmarks/corrections.py --folder FOLDER [--counts 0 10 50 500] [--share 0.5]

runs the demo as `corrections` and then, for each number, exports that many proxies for CVAT, repaints them with the
true masks as a patient person would, imports them, and runs the workflow again, which trains nothing but the segmenter.
Prints a row for each: what was imported, the ledger's line, the score, and how many predicted pixels changed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from weakseg.dataset.index import Index, read_index
from weakseg.storage.labels import UNDECIDED, read_labels, voc_palette

ROOT = Path(__file__).parents[1]
RUN = ROOT / "results" / "corrections"
PREDICTIONS = RUN / "segmenter" / "round-1" / "predictions" / "crf"


def command(*words: str) -> str:
    """Run a command in the checkout; what it printed."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


def weakseg(*words: str | Path) -> str:
    """Run `weakseg`."""
    return command("-c", "from weakseg.cli import main; main()", *map(str, words))


def workflow(share: float | None, extra: list[str]) -> float:
    """Run the workflow; minutes."""
    values = {} if share is None else {"corrected_share": share}
    config = [f"segmenter={json.dumps(values)}"] * bool(values)
    start = time.monotonic()
    command("-m", "snakemake", "--cores", "all", "--config", f"run={RUN.name}", *config, *extra)
    return (time.monotonic() - start) / 60


def correct(folder: Path, count: int, index: Index) -> str:
    """Export the first `count` proxies, repaint them and import them; the last line of the import."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = np.random.default_rng(0).permutation(len(index.split("train")))[:count]
    records = [index.split("train")[int(number)] for number in sorted(chosen)]
    (folder / "ids.txt").write_text("".join(f"{record.id}\n" for record in records))
    task = folder / "task.zip"
    weakseg("export-masks", RUN, "--format", "cvat", "--out", task, "--ids", folder / "ids.txt")
    shutil.unpack_archive(task, folder / "task")
    for record in records:
        truth = index.read_mask(record)
        colours = voc_palette()[np.where(truth == UNDECIDED, 0, truth)]
        Image.fromarray(colours).save(folder / "task" / "SegmentationClass" / f"{record.id}.png")
    words = ("--run", RUN, "--format", "cvat", "--undecided", "background")
    return weakseg("review", "import", folder / "task", *words).splitlines()[-1].rpartition(": ")[2]


def predictions() -> np.ndarray:
    """All predicted pixels, in the order of the images."""
    return np.concatenate([read_labels(file).ravel() for file in sorted(PREDICTIONS.rglob("*.png"))])


def main() -> None:
    """Print a row for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="Folder for the exports.")
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 10, 50, 500], help="Ascending.")
    parser.add_argument("--share", type=float, help="segmenter.corrected_share.")
    parser.add_argument("--config", nargs="*", default=[], help="Further values for snakemake's --config.")
    given = parser.parse_args()
    print(
        "| corrected | imported | ledger | mIoU | predicted pixels that changed | minutes |\n|---|---|---|---|---|---|"
    )
    first: np.ndarray | None = None
    for count in given.counts:
        imported = "–"
        if count:
            index = read_index(RUN / "dataset" / "index.csv", RUN / "dataset" / "classes.csv")
            imported = correct(given.folder.resolve(), count, index)
        minutes = workflow(given.share, given.config)
        found = predictions()
        first = found if first is None else first
        score = json.loads((RUN / "evaluation" / "segmenter-crf.json").read_text())["miou"]
        line = json.loads((RUN / "evaluation" / "supervision.json").read_text())["line"]
        changed = f"{(found != first).mean():.1%}"
        print(f"| {count} | {imported} | {line} | {score:.3f} | {changed} | {minutes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
