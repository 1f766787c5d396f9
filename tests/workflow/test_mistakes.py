"""Twenty mistakes of a first hour: each is answered by one screen of text whose last line says what to do.

Each is made in a small data set and told by the program that can first know it: the planning of Snakemake, `weakseg
check` where pixels are needed, or the start of the run. `docs/your_images.md` shows what `weakseg check` prints.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from PIL import Image

from weakseg.storage.lock import take

pytestmark = pytest.mark.slow

LINES, WIDTH = 24, 100
CLASSES = ["cat", "dog"]


@dataclass
class Project:
    """A checkout with twelve images, cats and dogs in turn, the last four for validation."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("photos", "masks"):
            (self.folder / name).mkdir()
        rows = ["image,labels,split"]
        for number in range(12):
            name, split = f"{number + 1:03}", "train" if number < 8 else "val"
            pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(
                self.folder / "photos" / f"{name}.jpg"
            )
            mask = np.zeros((48, 64), np.uint8)
            mask[10:30, 10:40] = number % 2 + 1
            Image.fromarray(mask).save(self.folder / "masks" / f"{name}.png")
            rows.append(f"{name}.jpg,{CLASSES[number % 2]},{split}")
        self.table.write_text("\n".join(rows) + "\n")
        self.configure()

    @property
    def table(self) -> Path:
        return self.folder / "labels.csv"

    def configure(self, **changes: Any) -> None:
        """Write `my-run.yaml`; `table` is laid over the section of that name."""
        small = {"architecture": "vgg_small", "weights": "none"}
        table = {"images": "photos", "labels": "labels.csv", "masks": "masks"} | changes.pop("table", {})
        values = {
            "run": "mine",
            "dataset": {"source": "table", "classes": CLASSES, "table": table},
            "saliency": {"method": "unsupervised"},
            "attention": {"method": "cam", "backbone": small},
            "segmenter": {"backbone": small},
        }
        (self.folder / "my-run.yaml").write_text(yaml.safe_dump(values | changes))

    def edit(self, change: Callable[[str], str]) -> None:
        self.table.write_bytes(change(self.table.read_text()).encode())

    def rename(self, folder: str, change: Callable[[str], str]) -> None:
        for path in sorted((self.folder / folder).iterdir()):
            path.rename(path.with_name(change(path.name)))

    def masks(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        for path in sorted((self.folder / "masks").iterdir()):
            Image.fromarray(change(np.array(Image.open(path)))).save(path)

    def run(self, *words: str, folder: Path | None = None, limit: int = 0) -> tuple[int, list[str]]:
        """Run a program of this environment: its exit status, and the lines of both streams."""
        program = "import sys; from weakseg.cli import main; main()"
        command = (
            [sys.executable, "-c", program] if words[0] == "weakseg" else [sys.executable, "-m", words[0]]
        )
        start = time.monotonic()
        found = subprocess.run(
            [*command, *words[1:]],
            cwd=folder or self.folder,
            env=os.environ | {"COLUMNS": str(WIDTH)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        lines = [line for line in found.stdout.splitlines() if line.strip()]
        print(f"{time.monotonic() - start:.1f} s: {' '.join(words)}", *lines, sep="\n")
        return found.returncode, lines

    def plan(self) -> tuple[int, list[str]]:
        return self.run("snakemake", "-n", "--configfile", "my-run.yaml")

    def check(self) -> tuple[int, list[str]]:
        return self.run("weakseg", "check", "my-run.yaml", "--no-time")


@pytest.fixture(scope="module")
def checkout(planned: Any) -> Path:
    folder: Path = planned.folder
    return folder


@pytest.fixture
def project(checkout: Path) -> Iterator[Project]:
    """The checkout with fresh data; all that a test makes in it goes."""
    before = {*checkout.iterdir()}
    yield Project(checkout)
    for path in {*checkout.iterdir()} - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def one_screen(lines: list[str]) -> str:
    """The text, which fits on a screen and has no traceback; a long line takes several of the screen."""
    assert sum(-(-len(line) // WIDTH) for line in lines) <= LINES, lines
    text = "\n".join(lines)
    assert "Traceback" not in text
    assert "Error in rule" not in text
    return text


def refused(answer: tuple[int, list[str]], found: str, last: str) -> None:
    """The run is refused: what was found is said, and the last line says what to do."""
    status, lines = answer
    text = one_screen(lines)
    assert status != 0
    assert found in " ".join(text.split()), text
    assert last in lines[-1], text


def told(answer: tuple[int, list[str]], found: str) -> None:
    """The run could start, and the check says what looks wrong."""
    status, lines = answer
    text = one_screen(lines)
    assert status == 0, text
    assert found in " ".join(text.split()), text
    assert lines[-1] == "Start it: snakemake --cores all --configfile my-run.yaml"


def test_nothing_wrong_is_told_of_good_data(project: Project) -> None:
    told(
        project.check(), "images 8 train, 4 val classes train/val cat 4/2, dog 4/2 masks 12 of 12 sizes 64×48"
    )


# ------------------------------------------------------------------------------------- files and the table


def test_1_a_wrong_folder(project: Project) -> None:
    project.configure(table={"images": "photo"})
    found = f"dataset.table.images is photo, which does not exist in {project.folder}, where the command was started"
    refused(project.plan(), found, "photos holds 001.jpg: set dataset.table.images to photos.")


def test_2_a_wrong_extension(project: Project) -> None:
    project.rename("photos", lambda name: name.replace(".jpg", ".png") if name < "010" else name)
    found = "9 of 12 images cannot be used: 9 images (001.jpg, 002.jpg, 003.jpg and 6 more) are not in photos"
    refused(project.plan(), found, "Mend them, drop their rows")


def test_3_lost_zeros(project: Project) -> None:
    project.edit(lambda text: text.replace("\n00", "\n"))
    found = "for '1.jpg', 001.jpg is there (spreadsheets drop the zeros before a number: give the column the type text)"
    refused(project.plan(), found, "Mend them, drop their rows")


def test_4_line_ends_of_windows_are_no_mistake(project: Project) -> None:
    project.edit(lambda text: text.replace("\n", "\r\n"))
    status, lines = project.plan()
    assert status == 0, lines


def test_5_capital_letters(project: Project) -> None:
    project.edit(lambda text: text.replace("cat", "Cat"))
    found = "6 images (001.jpg, 003.jpg, 005.jpg and 3 more) have the unknown class 'Cat'"
    refused(project.plan(), found, "did you mean 'cat'?")


def test_6_classes_joined_by_a_comma(project: Project) -> None:
    project.edit(lambda text: text.replace("cat", '"dog, cat"'))
    found = "6 images (001.jpg, 003.jpg, 005.jpg and 3 more) have labels such as 'dog, cat'"
    refused(project.plan(), found, "several classes are joined by '|': write dog|cat.")


# ---------------------------------------------------------------------------------------------------- masks


def test_7_missing_masks(project: Project) -> None:
    for number in range(1, 10):
        (project.folder / "masks" / f"{number:03}.png").unlink()
    told(
        project.check(),
        "masks 3 of 12 (train 0 of 8, val 3 of 4); without one, and not scored: 001, 002, 003 and 6",
    )
    project.configure(table={"masks": "mask"})
    refused(project.plan(), "dataset.table.masks is mask, which does not exist", "did you mean masks?")


def test_8_masks_in_colours(project: Project) -> None:
    colours = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)
    project.masks(lambda mask: colours[mask])
    found = "12 images (001, 002, 003 and 9 more) have masks in colours (RGB, 2 colours in masks/001.png)"
    refused(project.check(), found, "Correct this, then: weakseg check my-run.yaml")


def test_9_names_of_masks(project: Project) -> None:
    project.rename("masks", lambda name: name.replace(".png", "_mask.png"))
    found = "masks are PNGs named like the images, 001.png, and 001_mask.png is there"
    refused(project.plan(), found, "rename or convert them, or set dataset.table.masks to null.")


def test_10_the_order_of_the_classes(project: Project) -> None:
    project.masks(lambda mask: np.array([0, 2, 1], np.uint8)[mask])
    found = "they would agree if 0 meant background, 1 dog, 2 cat"
    refused(project.check(), found, "Correct this, then: weakseg check my-run.yaml")


# --------------------------------------------------------------------------------------- the place and the run


def test_11_missing_weights(project: Project) -> None:
    vgg = {"architecture": "vgg16", "weights": "weights/vgg16.npz"}
    project.configure(attention={"method": "cam", "backbone": vgg})
    refused(
        project.plan(),
        "attention.backbone.weights is weights/vgg16.npz, which does not exist",
        "correct the path",
    )


def test_12_a_full_disk(project: Project) -> None:
    program = (
        "import shutil, sys; usage = shutil.disk_usage;"
        "shutil.disk_usage = lambda path: usage(path)._replace(free=1_000_000);"
        "from weakseg.cli import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, "check", "my-run.yaml", "--no-time"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "results/mine may need" in found.stdout
    assert "1.0 MB are free: free some, or start the run on another disk" in " ".join(found.stdout.split())


def test_13_another_folder(project: Project, tmp_path: Path) -> None:
    answer = project.run("weakseg", "check", "my-run.yaml", folder=tmp_path)
    refused(answer, f"in {tmp_path}, where the command was started", "correct the path.")
    shutil.copy(project.folder / "my-run.yaml", tmp_path)
    answer = project.run("weakseg", "check", "my-run.yaml", folder=tmp_path)
    refused(answer, f"{tmp_path} has no workflow", "Correct this, then: weakseg check my-run.yaml")


def test_14_two_runs_of_one_name(project: Project) -> None:
    (project.folder / "results" / "mine").mkdir(parents=True)
    held = take(project.folder / "results" / "mine" / ".lock", lambda: None)
    answer = project.run("snakemake", "--cores", "1", "--configfile", "my-run.yaml")
    held.release()
    status, lines = answer
    assert status != 0
    assert "another snakemake works on results/mine" in lines[-1], lines
    assert "wait for it or stop it" in lines[-1]


# --------------------------------------------------------------------------------------------------- labels


def test_15_a_class_without_images(project: Project) -> None:
    project.edit(lambda text: text.replace("dog,train", "cat,train"))
    project.edit(lambda text: text.replace("002.jpg,cat", "002.jpg,"))
    project.configure(table={"masks": None})
    told(project.check(), "! in no training image: dog; nothing can learn it")


def test_16_all_images_with_all_classes(project: Project) -> None:
    project.edit(lambda text: text.replace("cat", "cat|dog").replace(",dog", ",cat|dog"))
    found = "every training image shows 'cat', 'dog', and the classifier has nothing to tell them from"
    refused(project.plan(), found, "add images without them to the split train")


def test_17_no_image_for_validation(project: Project) -> None:
    project.edit(lambda text: text.replace(",val", ",train"))
    refused(project.plan(), "no image is in the split 'val'", "write val into the column split of a tenth")


def test_18_a_moved_folder(project: Project) -> None:
    (project.folder / "pictures").mkdir()
    (project.folder / "photos").rename(project.folder / "pictures" / "photos")
    answer = project.plan()
    refused(
        answer,
        "dataset.table.images is photos, which does not exist",
        "set dataset.table.images to pictures/photos",
    )


# -------------------------------------------------------------------------------------------- while it runs


def stopped(project: Project, checkout: Any, stop: Callable[[Any], None]) -> list[str]:
    """The lines of a run that is stopped by `stop` during the training of the attention network."""
    training = {"iterations": 100_000, "batch_size": 2, "crop": 64, "checkpoint_every": 1}
    small = {"architecture": "vgg_small", "weights": "none"}
    project.configure(attention={"method": "cam", "backbone": small, "training": training})
    weights = "results/mine/attention/weights.pt"
    process = replace(checkout, shown=()).start("--cores", "1", "--configfile", "my-run.yaml", "--", weights)
    history = project.folder / "results" / "mine" / "attention" / "state" / "history.csv"
    for _ in range(6000):
        if history.is_file() and len(history.read_text().splitlines()) > 2:
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    start = time.monotonic()
    stop(process)
    lines = [line for line in process.communicate()[0].splitlines() if line.strip()]
    print(f"{time.monotonic() - start:.1f} s", *lines, sep="\n")
    assert process.returncode != 0
    assert "Traceback" not in "\n".join(lines)
    return lines


def test_19_ctrl_c(project: Project, planned: Any) -> None:
    lines = stopped(project, planned, lambda process: os.killpg(process.pid, signal.SIGINT))
    assert re.search(r"(holds|saved at) iteration \d+ of 100,?000", "\n".join(lines))
    assert "the same command goes on" in lines[-1]


def test_20_a_killed_job(project: Project, planned: Any) -> None:
    def kill(process: Any) -> None:
        jobs = psutil.Process(process.pid).children(recursive=True)
        training = [job for job in jobs if {"attention", "train", "--state"} <= {*job.cmdline()}]
        job = min(training, key=lambda job: float(job.create_time()))  # the others are its data workers
        job.kill()

    lines = stopped(project, planned, kill)
    assert "killed" in "\n".join(lines[-6:])
    assert "same command" in lines[-1]
