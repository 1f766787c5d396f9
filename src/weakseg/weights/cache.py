"""Finds, fetches and checks published weights.

They lie in one folder for all runs: `WEAKSEG_CACHE`, or the user's cache. Files that torch, rembg and Hugging Face's
client fetched are used where they are. `WEAKSEG_WEIGHTS_FROM` names another address, or a folder, that holds the files.
"""

import os
import shutil
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from weakseg.errors import InputError
from weakseg.storage import timeout
from weakseg.storage.atomic import atomic_path
from weakseg.storage.disguised import refuse_disguised
from weakseg.storage.lock import take
from weakseg.storage.progress import Reporter, reporting
from weakseg.weights.declaration import Known
from weakseg.weights.elsewhere import found_elsewhere, told_elsewhere
from weakseg.weights.record import NoHash, ask, settled, write_record

AGAIN = 2
"""How often a download that failed is repeated, after one and two seconds."""
CHUNK = 2**18  # bytes
MEGA = 10**6


def folder() -> Path:
    """Where fetched weights lie."""
    chosen = os.environ.get("WEAKSEG_CACHE")
    if chosen:
        return Path(chosen).expanduser() / "weights"
    import pooch

    return Path(pooch.os_cache("weakseg")) / "weights"


def address(known: Known) -> str:
    """Where a file is fetched from."""
    other = os.environ.get("WEAKSEG_WEIGHTS_FROM")
    return f"{other.rstrip('/')}/{known.file_name}" if other else known.address


def locate(known: Known) -> Path | None:
    """The file in the cache, or else one that another program fetched, if its checksum is right; `None` without one."""
    own = folder() / known.file_name
    if own.is_file():
        return own
    return _elsewhere(recorded(known))


def _elsewhere(known: Known) -> Path | None:
    """The published file where another program keeps it."""
    return next((path for path in found_elsewhere(known) if is_same(known, path)), None)


def ready(known: Known) -> Path:
    """The verified file; it is fetched if the cache lacks it.

    Raises:
        InputError: it cannot be fetched, is damaged, or its licence was not accepted.
    """
    path = locate(known)
    return fetch(known) if path is None else verified(known, path)


def recorded(known: Known) -> Known:
    """Weights whose SHA-256 a hub tells, with what it told; as they are before it was asked."""
    return settled(known, folder() / known.file_name)


def digest(path: Path) -> str:
    """SHA-256 of a file, read once per process."""
    found = path.stat()
    return _digest(path.resolve(), found.st_size, found.st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed: int) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_same(known: Known, path: Path) -> bool:
    """Whether a file is the published one, by its SHA-256."""
    return bool(known.sha256) and digest(path).startswith(known.sha256)


def provenance(known: Known, path: Path) -> dict[str, str]:
    """What a training records of weights that it starts from: `source`, `sha256` and, of a hub's file, `revision`."""
    revision = recorded(known).revision
    return {"source": known.name, "sha256": digest(path)} | ({"revision": revision} if revision else {})


def verified(known: Known, path: Path) -> Path:
    """The path of a file in the cache.

    Raises:
        InputError: its content is another, or nothing tells what it should be.
    """
    known = recorded(known)
    if not known.sha256:
        raise InputError(
            f"{path} lies in the cache without a record of its SHA-256; move it elsewhere and run 'weakseg weights add "
            f"{known.name} FILE'."
        )
    if not is_same(known, path):
        raise InputError(
            f"weights file {path} is damaged: its SHA-256 starts with {digest(path)[:8]}, and {known.sha256[:8]} of "
            f"{known.name} was expected; delete it and run the same command again."
        )
    return path


def add(known: Known, file: Path) -> Path:
    """Copy a file that the user fetched into the cache.

    Raises:
        InputError: it is missing or another file, or the cache cannot be written.
    """
    if not file.is_file():
        raise InputError(f"{file} is missing; give the path of {known.file_name}, from {known.address}.")
    refuse_disguised(file, "weights file")
    target = folder() / known.file_name
    expected = recorded(known)
    by_hand = not expected.sha256
    if by_hand:
        _refuse_format(known, file)
        expected = replace(known, sha256=digest(file), size=file.stat().st_size)
    if not is_same(expected, file):
        raise InputError(
            f"{file} is not {known.name}: its SHA-256 starts with {digest(file)[:8]}, and {expected.sha256[:8]} "
            f"was expected; fetch it again from {expected.address}."
        )
    with atomic_path(target) as temporary:
        shutil.copyfile(file, temporary)
    if by_hand:
        write_record(expected, target, fetched=False)
    return target


def _refuse_format(known: Known, file: Path) -> None:
    """Where no SHA-256 is known, at least the format has to be that of the name."""
    with file.open("rb") as opened:
        length, first = int.from_bytes(opened.read(8), "little"), opened.read(1)
    if known.file_name.endswith(".safetensors") and not (first == b"{" and length < file.stat().st_size):
        raise InputError(f"{file} is no safetensors file; give model.safetensors of {known.page}.")


def fetch(known: Known, accepted: Collection[str] = (), output: Path | None = None) -> Path:
    """Fetch a file into the cache, unless it is there or another program fetched it.

    Two processes do not fetch one file at once. A download that fails leaves nothing.

    Args:
        known: which.
        accepted: licences without commercial use that the user accepts.
        output: a stage's first output, beside which the progress is written; `None`: a bar on a terminal.

    Raises:
        InputError: no network, another content than expected, a full disk, or a licence that was not accepted.
    """
    refuse_licence(
        known, accepted, f"run 'weakseg weights fetch {known.name} --accept-license {known.licence}'"
    )
    place = folder()
    target, part = place / known.file_name, place / f".part-{known.name}"
    lock = take(
        place / f".{known.name}.lock", lambda: _say(f"another process fetches {known.name}; waiting for it")
    )
    try:
        if target.is_file():
            return verified(known, target)
        shutil.rmtree(part, ignore_errors=True)  # of a killed one
        told = recorded(known)
        wanted = told if told.sha256 else told_elsewhere(known) or _asked(known)
        found = _elsewhere(wanted)
        if found is None:
            _refuse_full(wanted, place)
            found = _downloaded(wanted, part, output)
        if wanted is not told:
            write_record(wanted, target)
        return found.replace(target) if found.parent == part else found
    except OSError as error:
        raise InputError(
            f"{target} could not be written ({error.strerror or error}); nothing was left half-written: free "
            f"{known.megabytes}, or set WEAKSEG_CACHE to another folder, then run the same command again."
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        lock.release()


def refuse_licence(known: Known, accepted: Collection[str], remedy: str) -> None:
    """Refuse weights without commercial use, or with terms of their own, whose licence the user did not accept.

    Raises:
        InputError: they are such.
    """
    if not known.commercial and known.licence not in accepted:
        sets = "sets terms of its own" if known.commercial is None else "forbids commercial use"
        raise InputError(
            f"{known.name} is under the licence {known.licence}, which {sets} (see {known.page}); if that is fine, "
            f"{remedy}."
        )


def _refuse_full(known: Known, place: Path) -> None:
    free = shutil.disk_usage(place).free
    if free < known.size:
        raise InputError(
            f"{place} has {free / MEGA:.0f} MB free, and {known.name} needs {known.megabytes}: free disk space, or set "
            "WEAKSEG_CACHE to another folder, then run the same command again."
        )


def _asked(known: Known) -> Known:
    """Weights with the revision and the SHA-256 that their source tells.

    Raises:
        InputError: it tells none, or cannot be asked.
    """
    source = address(known)
    try:
        return ask(known, source, AGAIN)
    except NoHash:
        raise InputError(
            f"{source} tells no SHA-256 of {known.name}, and none is known; fetch the file yourself and give its path, "
            f"or run 'weakseg weights add {known.name} FILE'."
        ) from None
    except OSError as error:
        raise _not_fetched(known, source, error) from None


def _downloaded(known: Known, part: Path, output: Path | None) -> Path:
    import pooch

    source = address(known)
    part.mkdir(parents=True)
    if "://" not in source:
        return _copied(known, Path(source), part)
    pooch.get_logger().setLevel("WARNING")
    library = pooch.create(
        part,
        base_url="",
        registry={known.file_name: known.whole_sha256},
        urls={known.file_name: source},
        retry_if_failed=AGAIN,
    )
    try:
        fetched = Path(library.fetch(known.file_name, downloader=_downloader(known, output)))
        if known.whole_sha256 is None and not is_same(known, fetched):
            raise ValueError("another hash")
        return fetched
    except (OSError, ValueError) as error:  # errors of requests are OSErrors without a number
        if getattr(error, "errno", None) is not None:
            raise
        raise _not_fetched(known, source, error) from None


def _copied(known: Known, source: Path, part: Path) -> Path:
    if not source.is_file():
        raise InputError(
            f"{source} is missing; WEAKSEG_WEIGHTS_FROM names a folder without {known.file_name}."
        )
    verified(known, source)
    return Path(shutil.copyfile(source, part / known.file_name))


def _not_fetched(known: Known, source: str, error: Exception) -> InputError:
    return InputError(
        f"the weights {known.name} ({known.megabytes}) could not be fetched from {source} ({_reason(known, error)}); "
        f"run again with a network, or fetch that file elsewhere and run 'weakseg weights add {known.name} FILE'."
    )


def _reason(known: Known, error: Exception) -> str:
    """Why a download failed, in a few words: the messages of requests name its inner objects."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"the server answered {status}: it wants an agreement to its terms, or has no such file"
    if status is not None:
        return f"the server answered {status}"
    if isinstance(error, ValueError) and "hash" in str(error):
        return f"what came has another SHA-256 than {known.sha256[:8]}…"
    if "timed out" in str(error).lower():
        return f"no data came for {timeout.SECONDS:g} s"
    if "Incomplete" in str(error) or "Connection broken" in str(error):
        return "the connection broke off"
    return (
        "no connection" if type(error).__name__ == "ConnectionError" else " ".join(str(error).split())[:200]
    )


def _downloader(known: Known, output: Path | None) -> Callable[[str, str, Any], None]:
    from pooch import HTTPDownloader

    def download(url: str, file: str, library: Any) -> None:
        options = {"chunk_size": CHUNK, "timeout": timeout.SECONDS}
        if output is None:
            HTTPDownloader(progressbar=sys.stderr.isatty(), **options)(url, file, library)
            return
        with reporting(output, max(known.size // MEGA, 1), "MB") as reporter:
            HTTPDownloader(progressbar=_Bar(reporter), **options)(url, file, library)

    return download


class _Bar:
    """What pooch tells a progress bar, passed on in megabytes."""

    total = 0  # set by pooch

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._rest = reporter, 0

    def update(self, count: int) -> None:
        """`count` more bytes came."""
        whole, self._rest = divmod(self._rest + count, MEGA)
        self._reporter.advance(whole)

    def reset(self) -> None:
        """All came: what pooch adds next is their sum."""
        self.update = lambda count: None  # type: ignore[method-assign]

    def close(self) -> None:
        """Nothing is open."""


def _say(sentence: str) -> None:
    print(f"weakseg: {sentence}", file=sys.stderr, flush=True)
