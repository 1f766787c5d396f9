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
    """What a run reads, copied; `results/` starts empty."""

    folder: Path

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Snakemake in the background, in a process group of its own, both streams in one.

        Its jobs have one thread: where two test processes share two cores, threads of one training wait for each other
        and it takes six times as long.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--max-threads", "1", *map(str, arguments)],
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
    for name in ("voc-animals/labels.csv", "weights/u2netp.onnx", "weights/vgg16_imagenet_conv_bgr_fp16.npz"):
        path = folder / "shared" / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return copy_workflow(folder / "checkout")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy for real runs."""
    return copy_workflow(tmp_path_factory.mktemp("run") / "checkout")
