"""What a user sees when a command fails."""

import errno
import os

import pytest

import weakseg.cli
from weakseg.errors import InputError


def _raised(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int | str | None:
    """Exit status of a command that fails with `error`."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(weakseg.cli, "weakseg", fail)
    with pytest.raises(SystemExit) as caught:
        weakseg.cli.main()
    return caught.value.code


def test_a_mistake_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _raised(monkeypatch, InputError("a.csv is missing; add it.")) == 2
    assert capsys.readouterr().err == "weakseg: a.csv is missing; add it.\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    assert _raised(monkeypatch, OSError(number, os.strerror(number), "results/a")) == 2
    assert capsys.readouterr().err == (
        f"weakseg: results/a could not be opened or written ({os.strerror(number)}); free disk space or fix its "
        "permissions, then run the same command again.\n"
    )


def test_an_error_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionError):
        _raised(monkeypatch, ConnectionError(errno.ECONNRESET, "reset"))


def test_memory_that_runs_out_anywhere_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _raised(monkeypatch, RuntimeError("in a worker\n  numpy: Unable to allocate 3.00 GiB\n")) == 2
    said = capsys.readouterr().err
    assert said.startswith("weakseg: memory ran out (numpy: Unable to allocate 3.00 GiB); ")
    assert _raised(monkeypatch, MemoryError()) == 2
    assert capsys.readouterr().err.startswith("weakseg: memory ran out (MemoryError); ")
