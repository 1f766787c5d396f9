"""The checksum at the end of a file."""

from pathlib import Path

import pytest

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_file
from weakseg.storage.seal import check, flaw, seal


def _written(path: Path, content: bytes) -> Path:
    with atomic_file(path) as file:
        file.write(content)
        seal(file)
    return path


@pytest.mark.parametrize("length", [0, 1, 81, 2**20, 2**20 + 5])
def test_what_was_sealed_is_whole(tmp_path: Path, length: int) -> None:
    path = _written(tmp_path / "a", b"x" * length)
    assert flaw(path) is None
    assert path.read_bytes()[:length] == b"x" * length


def test_a_file_that_was_never_sealed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"short", b"x" * 1000):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"a has no checksum at its end: it was truncated, or another program"
        ):
            check(path)


def test_a_change_anywhere_or_in_the_length_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "a", b"x" * (2**20 + 5))
    whole = path.read_bytes()
    for damaged in (
        b"y" + whole[1:],
        whole[: 2**20] + b"y" + whole[2**20 + 1 :],
        whole[1:],
        whole[:-2] + b"0\n",
    ):
        path.write_bytes(damaged)
        with pytest.raises(
            InputError, match=r"a is damaged: its content does not match its checksum; delete it"
        ):
            check(path)


def test_a_file_that_is_missing_is_no_matter_of_checksums(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "a")
