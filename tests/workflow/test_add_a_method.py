"""A method is one file and one line: toys are added to a copy of the package and used like any other.

Nothing else of the copy is touched; a real run trains both, is stopped and resumed, predicts and exports.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.storage.labels import read_labels, write_labels

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "weakseg"
TOYS = {"segmenter": "toy_segmenter.py", "attention": "toy_attention.py"}
"""Room → the file that is added to its networks."""
CLASSES = ["cat", "dog"]
BACKBONE = {"architecture": "vgg_small", "weights": "none"}
TRAINING = {"iterations": 2, "batch_size": 2, "crop": 64, "workers": 0, "precision": "fp32"}
SETTINGS: dict[str, Any] = {
    "run": "toys",
    "shards": 1,
    "dataset": {
        "source": "table",
        "classes": CLASSES,
        "table": {"images": "data/images", "labels": "data/labels.csv", "masks": "data/masks"},
    },
    "saliency": {"method": "unsupervised"},
    "attention": {
        "method": "toy",
        "toy": {"sharpness": 1.5},
        "schedule_of": None,
        "backbone": BACKBONE,
        "training": TRAINING,
        "maps": {"size": 64},
    },
    "segmenter": {
        "method": "toy",
        "toy": {"hidden": 6},
        "backbone": BACKBONE,
        "training": TRAINING | {"iterations": 400, "checkpoint_every": 5},
    },
}
RUN = ("--cores", "1", "--configfile", "toys.yaml")
FOLDER = "results/toys"
WANTED = (
    f"{FOLDER}/configs/run.json",
    f"{FOLDER}/segmenter/weights.pt",
    f"{FOLDER}/segmenter/round-1/predictions/crf/shard-1-of-1.csv",
)


@pytest.fixture(scope="module")
def extended(ran: Any) -> Any:
    """A checkout whose package has the toys, and six images to learn from."""
    package = ran.folder / "src" / "weakseg"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for room, file in TOYS.items():
        networks = package / room / "networks"
        shutil.copy(HERE / file, networks / "toy.py")
        table = networks / "__init__.py"
        first = f'    "weakseg.{room}.networks",\n'
        before = table.read_text(encoding="utf-8")
        assert before.count(first) == 1
        table.write_text(before.replace(first, f'{first}    "toy.ToySettings",\n'), encoding="utf-8")
    _draw(ran.folder / "data")
    (ran.folder / "toys.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(package.parent))
        yield ran


def _draw(folder: Path) -> None:
    """Six images of a bright square, their masks and their table."""
    rng = np.random.default_rng(0)
    rows = ["image,labels,split"]
    (folder / "images").mkdir(parents=True)
    for number in range(6):
        kind = number % 2
        mask = np.zeros((64, 72), np.uint8)
        mask[16:40, 20 + number : 44 + number] = kind + 1
        pixels = np.where(mask[..., None] > 0, (220, 90 + 100 * kind, 60), 70) + rng.normal(0, 9, (64, 72, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{number}.png")
        write_labels(folder / "masks" / f"{number}.png", mask)
        rows.append(f"{number}.png,{CLASSES[kind]},{'val' if number > 3 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _weakseg(checkout: Any, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from weakseg.cli import main; main()", *words],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_toys_are_trained_resumed_predicted_with_and_exported(extended: Any) -> None:
    process = extended.start(*WANTED, *RUN)
    history = extended.folder / FOLDER / "segmenter" / "round-1" / "state" / "history.csv"
    for _ in range(6000):
        if history.is_file() and len(history.read_text().splitlines()) > 2:
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert not (extended.folder / WANTED[1]).exists()

    status, output = extended.snakemake(*WANTED, *RUN)
    assert status == 0, output
    log = (extended.folder / FOLDER / "logs" / "segmenter_train" / "round-1.log").read_text(encoding="utf-8")
    assert re.search(r"resuming .*round-1/state at iteration \d+ of 400", log)
    assert "rule attention_train:" not in output  # it was finished

    source = ["data/images", "--run", FOLDER]
    assert "predicted 6 of 6 images" in _weakseg(extended, "predict", *source, "--out", "masks")
    assert read_labels(extended.folder / "masks" / "5.png").shape == (64, 72)
    assert "its logits differ from torch's by at most" in _weakseg(
        extended, "export", "--run", FOLDER, "--out", "toy.onnx"
    )


def test_a_toys_own_constraint_and_backbones_are_told(extended: Any) -> None:
    for settings, sentence in (
        ("segmenter={toy: {hidden: 1}, balance: foreground}", "toy.hidden is 1; with balance 2 or more"),
        (
            "segmenter={backbone: {architecture: resnet50, weights: none}}",
            "backbone.architecture is resnet50; toy stands on vgg_small",
        ),
        ("segmenter={toy: {hiden: 1}}", "did you mean 'hidden'?"),
    ):
        status, output = extended.snakemake("-n", *RUN, "--config", settings)
        assert status == 1
        assert sentence in output.splitlines()[-1]
