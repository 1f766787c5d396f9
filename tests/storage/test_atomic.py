"""Files appear whole or not at all, and a full disk is one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_file, atomic_path, write_text


class Interrupted(Exception):
    """Stands for anything that goes wrong while a file is written."""


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt])
def test_error_leaves_the_old_content(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(error), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        assert path.read_text() == "old"
        raise error
    with pytest.raises(error), atomic_file(path) as file:
        file.write(b"half of the n")
        raise error
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


def test_success_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file.txt"
    write_text(path, "größer")
    write_text(path, "new")
    with atomic_file(path.with_name("binary")) as file:
        file.write(b"12345")
        file.seek(1)
        file.write(b"xy")
        file.truncate(4)
    assert path.read_text() == "new"
    assert path.with_name("binary").read_bytes() == b"1xy4"
    assert sorted(item.name for item in path.parent.iterdir()) == ["binary", "file.txt"]


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(InputError, match=r"could not be written \(.+\); nothing was left half-written"):
        write_text(tmp_path / "folder" / "file.txt", "text")


# A file size limit stands for a full disk: the write fails half-way in the same place, with another number.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from weakseg.errors import InputError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, kind, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
produced = 0

def maps():
    global produced
    for produced in range(1, 41):
        yield f"image{produced}", {"cat": rng.random((100, 100)), "dog": rng.random((100, 100))}

def write():
    if kind == "shard":
        from weakseg.storage.shards import write_shard
        write_shard(folder / "out", maps())
    elif kind == "weights":
        import torch
        from weakseg.storage.weights import Weights, save_weights
        save_weights(folder / "out", Weights("attention", {"w": torch.rand(50_000)}, {}, []))
    elif kind == "labels":
        from weakseg.storage.labels import write_labels
        write_labels(folder / "out", rng.integers(0, 256, (200, 200), dtype=np.uint8))
    else:
        from weakseg.storage.atomic import write_text
        write_text(folder / "out", "x" * 100_000)

write()
(folder / "out").write_bytes(b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write()
except InputError as error:
    print(error)
    print("images computed:", produced)
    sys.exit(2)
"""


@pytest.mark.parametrize("limit", [0, 600, 30_000])
@pytest.mark.parametrize("kind", ["shard", "weights", "labels", "text"])
def test_full_disk(tmp_path: Path, kind: str, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), kind, str(limit)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr == ""  # neither a traceback nor a library's own complaints
    sentence, computed = done.stdout.splitlines()
    assert sentence.startswith(f"{tmp_path / 'out'} could not be written (File too large)")
    assert "free disk space" in sentence
    assert [item.name for item in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"
    if kind == "shard":
        assert int(computed.split()[-1]) < 40  # no image is computed for a shard that is lost already
