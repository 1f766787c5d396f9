"""Downloads from a server that cuts, stalls and lies: one sentence, nothing left behind, and the next try succeeds."""

import hashlib
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faulty.downloads import fetch as fetch_voc
from faulty.servers import FAULTS, NO_LENGTH, OVERLOADED_ONCE, faulty_server

from weakseg.errors import InputError
from weakseg.storage import timeout
from weakseg.storage.progress import Progress, read_progress
from weakseg.weights import cache
from weakseg.weights.known import KNOWN, Known

Serve = Callable[[str], AbstractContextManager[None]]
CONTENT = bytes(range(256)) * 12_000  # three megabytes


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(timeout, "SECONDS", 0.5)
    monkeypatch.setattr(cache, "AGAIN", 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_goes_wrong_leaves_nothing(tmp_path: Path, fault: str) -> None:
    assert fetch_voc(tmp_path, fault).problem == ""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
    """Weights of three megabytes, and an empty cache."""
    for name in ("WEAKSEG_CACHE", "TORCH_HOME", "U2NET_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    digest = hashlib.sha256(CONTENT).hexdigest()
    return replace(KNOWN["u2netp"], name="three", file="three.onnx", size=len(CONTENT), sha256=digest)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Make a server with a fault the place that weights come from."""

    @contextmanager
    def serve(fault: str) -> Iterator[None]:
        with faulty_server(CONTENT, fault) as address:
            monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", address)
            yield

    return serve


def left() -> list[str]:
    return sorted(path.name for path in cache.folder().iterdir() if path.suffix != ".lock")


REASONS = {
    "drops": "the connection broke off",
    "stalls": "no data came for 0.5 s",
    "claims less": "what came has another SHA-256",
    "sends other bytes": "what came has another SHA-256",
    "is overloaded": "the server answered 503",
    "has it no more": "the server answered 404",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_come_wrong_are_not_kept(known: Known, served: Serve, fault: str) -> None:
    with served(fault), pytest.raises(InputError) as refused:
        cache.fetch(known)
    assert "could not be fetched from http://127.0.0.1:" in str(refused.value)
    assert f"three.onnx ({REASONS[fault]}" in str(refused.value)
    assert str(refused.value).endswith(
        "or fetch that file elsewhere and run 'weakseg weights add three FILE'."
    )
    assert left() == []
    with served("none"):
        assert cache.ready(known).read_bytes() == CONTENT
    assert left() == ["three.onnx"]


@pytest.mark.parametrize("mood", [OVERLOADED_ONCE, NO_LENGTH])
def test_what_a_second_try_or_the_checksum_settles_is_no_fault(
    known: Known,
    served: Serve,
    monkeypatch: pytest.MonkeyPatch,
    mood: str,
) -> None:
    monkeypatch.setattr(cache, "AGAIN", 1)
    with served(mood):
        assert cache.fetch(known).read_bytes() == CONTENT


def test_a_cut_download_without_a_length_is_not_kept(known: Known, served: Serve) -> None:
    """Of some files the first digits are known alone: nothing but they tells that bytes are missing."""
    short = replace(known, sha256=hashlib.sha256(CONTENT + b"the end").hexdigest()[:8])
    with served(NO_LENGTH), pytest.raises(InputError, match="another SHA-256"):
        cache.fetch(short)
    assert left() == []


def test_no_network_is_one_sentence(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"three \(3\.1 MB\) could not be fetched from .* \(no connection\)"):
        cache.fetch(known)


def test_a_full_disk_is_told_before_and_during_a_download(
    known: Known,
    served: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with served("none"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        try:
            with pytest.raises(
                InputError, match=r"three\.onnx could not be written .* free 3\.1 MB, or set WEAKSEG_CACHE"
            ):
                cache.fetch(known)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2_000_000))
        with pytest.raises(InputError, match=r"has 2 MB free, and three needs 3\.1 MB"):
            cache.fetch(known)
    assert left() == []


def test_two_that_fetch_at_once_ask_the_server_once(
    known: Known, served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Path] = []
    asked: list[str] = []
    downloaded = cache._downloaded

    def spy(*arguments: Any) -> Path:
        asked.append(threading.current_thread().name)
        return downloaded(*arguments)

    monkeypatch.setattr(cache, "_downloaded", spy)
    with served("none"):
        both = [threading.Thread(target=lambda: fetched.append(cache.fetch(known))) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert [path.read_bytes() == CONTENT for path in fetched] == [True, True]
    assert len(asked) == 1
    assert left() == ["three.onnx"]


def test_a_stage_tells_how_far_its_download_is(
    known: Known,
    served: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weakseg.storage.progress.INTERVAL", 0.0)
    output, seen = tmp_path / "stamp.json", []
    update = cache._Bar.update

    def spy(bar: cache._Bar, count: int) -> None:
        update(bar, count)
        seen.append(read_progress(output))

    monkeypatch.setattr(cache._Bar, "update", spy)
    with served("none"):
        cache.fetch(known, output=output)
    first, last = seen[0], seen[-1]
    assert isinstance(first, Progress) and isinstance(last, Progress)
    assert (first.done, first.total, first.unit) == (0, 3, "MB")
    assert last.done == 3
    assert read_progress(output) is None
