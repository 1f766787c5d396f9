"""A copy of the workflow in which tests run real Snakemake."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Checkout:
    """What a run reads, copied; `results/` starts empty.

    Attributes:
        folder: the copy.
        shown: options of what Snakemake shows; here its own output, whose words tests look for.
    """

    folder: Path
    shown: tuple[str, ...] = ("--logger-weakseg-off",)

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Snakemake in the background, in a process group of its own, both streams in one.

        Its jobs have one thread: where two test processes share two cores, threads of one training wait for each other
        and it takes six times as long.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--max-threads", "1", *self.shown, *map(str, arguments)],
            cwd=self.folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str | Path) -> tuple[int, str]:
        """Run Snakemake to its end: exit status and output."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=1500)
        return process.returncode, output


def copy_workflow(folder: Path) -> Checkout:
    """Copy the workflow into `folder`, which is made."""
    folder.mkdir(parents=True)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    return Checkout(folder)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy for dry runs; `../shared` beside it holds stand-ins for the files that presets name."""
    folder = tmp_path_factory.mktemp("plan")
    data = folder / "shared" / "data"
    for name in ("weights/u2netp.onnx", "weights/vgg16_imagenet_conv_bgr_fp16.npz"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    _stand_in(data / "voc-animals")
    return copy_workflow(folder / "checkout")


def _stand_in(folder: Path) -> None:
    """The table of voc-animals with its images and masks as empty files: planning looks at names alone."""
    rows = ["image,labels,split"]
    for name in ("JPEGImages", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    for split in ("train", "val"):
        for image in (ROOT / "workflow" / "presets" / "voc-animals" / f"{split}.txt").read_text().split():
            rows.append(f"{image},{('cat', 'dog')[len(rows) % 2]},{split}")
            (folder / "JPEGImages" / f"{image}.jpg").touch()
            (folder / "SegmentationClass" / f"{image}.png").touch()
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy for real runs."""
    return copy_workflow(tmp_path_factory.mktemp("run") / "checkout")
