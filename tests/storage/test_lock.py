"""Locks keep two processes apart, also where the file system has none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weakseg.errors import InputError
from weakseg.storage.lock import take

NO_LOCKS = r"""
#include <errno.h>
int flock(int descriptor, int operation) { errno = ENOLCK; return -1; }
"""
HOLD = """
import sys, time
from pathlib import Path
from weakseg.storage.lock import take
lock = take(Path(sys.argv[1]), lambda: sys.exit(7))
print("taken", flush=True)
time.sleep(float(sys.argv[2]))
"""


def _start(lock: Path, seconds: float, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


@pytest.fixture(scope="module")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `flock` answers as on NFS without its lock service."""
    folder = tmp_path_factory.mktemp("flock")
    (folder / "flock.c").write_text(NO_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c"], check=True)
    return {"LD_PRELOAD": str(folder / "flock.so")}


def _keeps_two_apart(lock: Path, **environment: str) -> str:
    first = _start(lock, 60, **environment)
    assert first.stdout is not None
    assert first.stdout.readline() == "taken\n"
    second = _start(lock, 0, **environment)
    _, said = second.communicate()
    assert second.returncode == 7
    first.send_signal(signal.SIGKILL)
    first.communicate()
    third = _start(lock, 0, **environment)
    output, _ = third.communicate()
    assert (third.returncode, output) == (0, "taken\n")  # it died with its process
    return said


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    assert _keeps_two_apart(tmp_path / "deep" / ".lock") == ""


@pytest.mark.slow
def test_without_locks_a_lock_file_keeps_two_apart(tmp_path: Path, no_locks: dict[str, str]) -> None:
    said = _keeps_two_apart(tmp_path / ".lock", **no_locks)
    assert said == f"the file system has no locks for {tmp_path / '.lock'}; a lock file is used\n"


def test_a_folder_that_cannot_be_written_names_the_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"the lock .*file/\.lock cannot be written"):
        take(tmp_path / "file" / ".lock", lambda: None)
