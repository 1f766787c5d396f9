"""The workflow out of a wheel: built from a clean copy, installed alone, run in a folder without a checkout.

The environment is new, but sees the packages of the one that runs the tests, except weakseg: installing torch again
would take minutes and prove nothing about weakseg.
"""

import os
import signal
import site
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from weakseg.config.layers import laid

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CARRIED = ("Snakefile", "config.yaml", "workflow", "envs", "profiles")
SMALL = {
    "shards": 1,
    "dataset": {"demo": {"train": 12, "val": 4, "saliency": 4, "size": 64}},
    "saliency": {"small": {"training": {"iterations": 2, "batch_size": 4, "crop": 64}}},
    "attention": {
        "training": {"iterations": 40, "batch_size": 4, "crop": 64, "checkpoint_every": 10},
        "maps": {"size": 64},
    },
    "segmenter": {"training": {"iterations": 2, "batch_size": 4, "crop": 64}},
    "evaluation": {"sample": 1, "worst": 1},
}
ONE_THREAD = ("--max-threads", "1")
"""Where tests share two cores, threads of one training wait for each other and it takes six times as long."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with weakseg's wheel, and a folder beside it to start in."""

    folder: Path
    wheel: Path
    started: "list[subprocess.Popen[str]]"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A program of the environment, in a process group of its own; nothing of the checkout is on its path."""
        programs = self.folder / "env" / "bin"
        surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        surroundings["PATH"] = os.pathsep.join([str(programs), os.defpath])
        process = subprocess.Popen(
            [str(programs / words[0]), *words[1:]],
            cwd=self.work,
            env=surroundings,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        """Run a program to its end: exit status and output."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=900)
        return process.returncode, output


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files of the repository, as a clone has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def installed(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The wheel of a clean copy, in an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    clone = folder / "clone"
    for name in tracked:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    # PYTHONPATH could show pip the checkout's own weakseg.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(clone))
    subprocess.run([*pip, *build], check=True, timeout=300, env=surroundings)
    clone.rename(folder / "elsewhere")  # nothing may remember it
    (wheel,) = folder.glob("*.whl")
    environment = Environment(folder, wheel, [])
    environment.work.mkdir()
    venv.create(folder / "env", symlinks=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # Folders that a .pth file adds are searched for packages, not for .pth files, such as that of an editable weakseg.
    (packages / "others.pth").write_text("".join(f"{path}\n" for path in site.getsitepackages()))
    python = folder / "env" / "bin" / "python"
    subprocess.run(
        [*pip, "--python", str(python), "install", "--no-deps", str(wheel)],
        check=True,
        timeout=300,
        env=surroundings,
    )
    program = python.with_name("snakemake")
    program.write_text(f"#!{python}\nfrom snakemake.cli import main\n\nmain()\n")
    program.chmod(0o755)
    yield environment
    for process in environment.started:  # of a test that failed
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _wait(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for a condition; the process must live until then."""
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def test_the_wheel_carries_the_workflow_as_it_is(installed: Environment, tracked: list[str]) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    inside = {name for name in held if name.startswith("weakseg/pipeline/")}
    expected = {f"weakseg/pipeline/{name}" for name in tracked if name.split("/")[0] in CARRIED}
    assert inside == expected
    source = installed.folder / "elsewhere"
    assert all(
        held[name] == (source / name.removeprefix("weakseg/pipeline/")).read_bytes() for name in inside
    )


def test_it_is_the_wheel_that_is_imported(installed: Environment) -> None:
    code = "import weakseg.installed as found; print(found.workflow())"
    status, output = installed.run("python", "-c", code)
    assert status == 0, output
    place = Path(output.strip())
    assert place.is_relative_to(installed.folder / "env")
    assert (place / "Snakefile").is_file()


def test_the_demo_runs_to_its_report_through_a_kill_and_a_second_start(installed: Environment) -> None:
    """With the lock, the profile and the resuming of a checkout, by a plain `snakemake --cores all`."""
    status, output = installed.run("weakseg", "init", "--demo")
    assert status == 0, output
    command = output.splitlines()[-1].split()
    assert command == ["snakemake", "--cores", "all"]
    written = installed.work / "demo.yaml"
    values = laid(yaml.safe_load(written.read_text(encoding="utf-8")), SMALL)
    written.write_text(yaml.safe_dump(values), encoding="utf-8")

    # All is killed, as by a power failure, after the first checkpoint. The next start goes on; a second is kept out.
    results = installed.work / "results" / "demo"
    history, log = results / "attention/state/history.csv", results / "logs/attention_train.log"
    process = installed.start(*command, *ONE_THREAD)
    _wait(lambda: history.is_file() and len(history.read_text().splitlines()) > 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    log.unlink()
    process = installed.start(*command, *ONE_THREAD)
    _wait(lambda: log.is_file() and "resuming" in log.read_text(encoding="utf-8"), process)
    status, output = installed.run(*command)
    assert status == 1
    assert output.splitlines()[-1].startswith("weakseg: another snakemake works on results/demo")
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    assert (results / "report.html").stat().st_size > 100_000
    started = time.monotonic()
    status, output = installed.run(*command)
    assert status == 0, output
    assert "Nothing to be done" in output
    assert time.monotonic() - started < 30
    assert not [path for path in installed.work.iterdir() if path.name in ("workflow", "config.yaml")]
