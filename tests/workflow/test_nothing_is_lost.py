"""A finished run over the user's own images: what moves, what is replaced, what is mistyped, what is trained again."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.storage.labels import write_labels

pytestmark = pytest.mark.slow

CLASSES = ["cat", "dog"]
TRAINING = {"iterations": 2, "batch_size": 2, "crop": 64, "workers": 0}
SETTINGS: dict[str, Any] = {
    "run": "mine",
    "shards": 1,
    "dataset": {
        "source": "table",
        "classes": CLASSES,
        "table": {"images": "data/images", "labels": "data/labels.csv", "masks": "data/masks"},
    },
    "saliency": {"method": "unsupervised"},
    "attention": {"training": TRAINING, "maps": {"size": 64}},
    "proxy": {"refine": {"crf": {"preset": "irn"}}},
    "segmenter": {"training": TRAINING, "prediction": {"crf": {"preset": "deeplab"}}},
}
RUN = ("--cores", "2", "--configfile", "mine.yaml")
TRAINED = {"attention_train", "segmenter_train"}


def _draw(folder: Path) -> None:
    """Six images of a bright square or disc, their masks and their table."""
    rng = np.random.default_rng(0)
    rows = ["image,labels,split"]
    (folder / "images").mkdir(parents=True)
    for number in range(6):
        kind = number % 2
        mask = np.zeros((64, 72), np.uint8)
        mask[16:40, 20 + number : 44 + number] = kind + 1
        pixels = np.where(mask[..., None] > 0, (220, 90 + 100 * kind, 60), 70) + rng.normal(
            0, 12, (64, 72, 3)
        )
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{number}.png")
        write_labels(folder / "masks" / f"{number}.png", mask)
        rows.append(f"{number}.png,{CLASSES[kind]},{'val' if number > 3 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def finished(ran: Any) -> Any:
    """A checkout with the run `mine`, finished; tests leave it as they found it."""
    _draw(ran.folder / "data")
    (ran.folder / "mine.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    status, output = ran.snakemake(*RUN)
    assert status == 0, output
    return ran


@pytest.fixture
def mine(finished: Any) -> Iterator[Any]:
    """The finished run; whatever a test did to it or to its data is undone."""
    kept = finished.folder.with_name("kept")
    shutil.copytree(finished.folder, kept, copy_function=shutil.copy2)
    yield finished
    shutil.rmtree(finished.folder)
    kept.rename(finished.folder)


def _planned(checkout: Any, *settings: str) -> set[str]:
    status, output = checkout.snakemake("-n", *RUN, *(["--config", *settings] if settings else []))
    assert status == 0, output
    return set(re.findall(r"^(\w+) +\d+$", output.partition("Job stats:")[2].partition("total")[0], re.M))


def _content(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of every artefact of a run."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.relative_to(folder).parts[0] not in ("logs", "previous") and not path.name.startswith(".")
    }


def _weakseg(checkout: Any, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from weakseg.cli import main; main()", *words],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
    )


def test_moved_images_make_nothing_again(mine: Any) -> None:
    before = _content(mine.folder / "results" / "mine")
    (mine.folder / "data").rename(mine.folder / "elsewhere")
    status, output = mine.snakemake("-n", *RUN)
    assert status == 1
    assert "data/labels.csv cannot be read (No such file or directory" in output.splitlines()[-1]
    table = {"images": "elsewhere/images", "labels": "elsewhere/labels.csv", "masks": "elsewhere/masks"}
    moved = ["--config", f"dataset={{table: {json.dumps(table)}}}"]
    assert _planned(mine, moved[1]) == {"stage_config", "run_config", "report", "all"}
    status, output = mine.snakemake(*RUN, *moved)
    assert status == 0, output
    assert not re.search(r"rule (\w+_train|\w+_maps|dataset_index|dataset_masks):", output)
    after = _content(mine.folder / "results" / "mine")
    changed = {path for path in before if before[path] != after.get(path)}
    assert changed == {"configs/dataset.json", "configs/run.json", "dataset/files.csv", "report.html"}
    shown = _weakseg(mine, "show", "results/mine", "0", "--out", "shown.png")
    assert shown.returncode == 0, shown.stderr
    predicted = _weakseg(mine, "predict", "elsewhere/images", "--run", "results/mine", "--out", "predicted")
    assert predicted.returncode == 0, predicted.stderr
    compared = _weakseg(mine, "inspect", "results/mine", "--help")
    assert compared.returncode == 0, compared.stderr


def test_a_replaced_image_trains_again_and_a_touched_one_does_not(mine: Any) -> None:
    image = mine.folder / "data" / "images" / "1.png"
    os.utime(image)
    assert _planned(mine) == set()
    pixels = np.array(Image.open(image))
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(image)
    assert _planned(mine) >= TRAINED


def test_a_corrected_mask_is_scored_and_trains_nothing(mine: Any) -> None:
    path = mine.folder / "data" / "masks" / "5.png"
    mask = np.array(Image.open(path))
    mask[:4] = 0
    mask[-4:] = 2
    write_labels(path, mask)
    planned = _planned(mine)
    assert {"dataset_masks", "evaluate_labels", "evaluate_summary"} <= planned
    assert not planned & {*TRAINED, "dataset_index", "proxy_refine", "segmenter_predict"}
    status, output = mine.snakemake(*RUN)
    assert status == 0, output
    assert _planned(mine) == set()


def test_missing_images_are_told_before_anything_is_planned(mine: Any) -> None:
    before = _content(mine.folder / "results" / "mine")
    (mine.folder / "data" / "images" / "2.png").unlink()
    status, output = mine.snakemake(*RUN)
    assert status == 1
    assert "weakseg: 1 of 6 images cannot be used" in output
    assert "Building DAG" not in output
    assert _content(mine.folder / "results" / "mine").items() >= before.items()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("dataset={classes: [cat, dgo]}", "does not list: dog (3: dgo?)"),
        ("attention={backbone: {architecture: vgg16, weights: odd.npz}}", "odd.npz"),
    ],
)
def test_a_mistake_costs_nothing_of_a_finished_run(mine: Any, settings: str, sentence: str) -> None:
    (mine.folder / "odd.npz").write_text("no weights")
    before = _content(mine.folder / "results" / "mine")
    extra = ["segmenter={backbone: {weights: none}}"] if "odd" in settings else []
    status, output = mine.snakemake(*RUN, "--config", settings, *extra)
    assert status == 1
    assert sentence in output.strip().splitlines()[-1]
    assert _content(mine.folder / "results" / "mine") == before
    assert _planned(mine) == set()


def test_a_damaged_new_image_is_refused_before_the_index_is_removed(mine: Any) -> None:
    before = _content(mine.folder / "results" / "mine")
    (mine.folder / "data" / "images" / "9.png").write_text("no image")
    with (mine.folder / "data" / "labels.csv").open("a") as table:
        table.write("9.png,cat,train\n")
    status, output = mine.snakemake(*RUN)
    assert status == 1
    assert "9.png is not in a supported image format" in output
    assert _content(mine.folder / "results" / "mine").items() >= before.items()


def test_what_is_trained_again_is_said_and_the_finished_one_is_kept(mine: Any) -> None:
    results = mine.folder / "results" / "mine"
    before = _content(results)
    slower = "attention={training: {learning_rate: 0.5, iterations: 100000}}"
    process = mine.start(*RUN, "--config", slower)
    state = results / "attention" / "state" / "history.csv"
    for _ in range(600):
        if state.is_file() and not (results / "attention" / "weights.pt").exists():
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate()[0]
    (line,) = (line for line in output.splitlines() if "results/mine/attention is trained again" in line)
    assert "training.learning_rate: 0.02 → 0.5" in line
    assert "results/mine/previous" in line
    for name in ("attention/weights.pt", "segmenter/weights.pt", "evaluation/summary.json", "report.html"):
        kept = hashlib.sha256((results / "previous" / name).read_bytes()).hexdigest()
        assert kept == before[name]
    # With the old values the finished training is taken up as it was: the weights are the same, nothing is trained.
    status, output = mine.snakemake(*RUN)
    assert status == 0, output
    assert "at iteration 2 of 2" in (results / "logs" / "attention_train.log").read_text(encoding="utf-8")
    assert not (results / "previous").exists()
    after = _content(results)
    for name in ("attention/weights.pt", "segmenter/weights.pt", "evaluation/refined.json"):
        assert after[name] == before[name]


def test_corrections_from_another_tool_train_again_and_unchanged_ones_do_not(mine: Any) -> None:
    run = mine.folder / "results" / "mine"
    exported = _weakseg(mine, "export-masks", "results/mine", "--format", "cvat", "--out", "task.zip")
    assert exported.returncode == 0, exported.stderr
    words = ("review", "import", "task", "--run", "results/mine", "--format", "cvat")
    shutil.unpack_archive(mine.folder / "task.zip", mine.folder / "task")
    taken = _weakseg(mine, *words)
    assert taken.stdout.endswith(" 0 new, 0 changed, 4 unchanged\n"), taken.stderr
    assert _planned(mine) == set()
    path = mine.folder / "task" / "SegmentationClass" / "1.png"
    pixels = np.array(Image.open(path).convert("RGB"))
    pixels[:20, :20] = (128, 0, 0)
    Image.fromarray(pixels).save(path)
    taken = _weakseg(mine, *words)
    assert taken.stdout.endswith(" 1 new, 0 changed, 3 unchanged\n"), taken.stderr
    planned = _planned(mine)
    assert "segmenter_train" in planned
    assert not planned & {"attention_train", "proxy_refine", "dataset_index"}
    status, output = mine.snakemake(*RUN)
    assert status == 0, output
    ledger = json.loads((run / "evaluation" / "supervision.json").read_text(encoding="utf-8"))
    assert "1 corrected label map" in ledger["line"]
    assert ledger["pixel_labels"] is True
    assert _weakseg(mine, *words).stdout.endswith(" 0 new, 0 changed, 4 unchanged\n")
    assert _planned(mine) == set()
