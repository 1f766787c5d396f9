"""Weights whose SHA-256 the hub tells: it is asked once, and the answer is recorded beside the file.

Hugging Face answers a request for the head of a file with the commit (`X-Repo-Commit`), the size (`X-Linked-Size`) and
the SHA-256 (`X-Linked-Etag`) of what it stores outside of git, and an address to fetch that from. A later run, and
another one with the same cache, use exactly the recorded file.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from weakseg.errors import InputError
from weakseg.storage import timeout
from weakseg.storage.atomic import write_text
from weakseg.weights.declaration import Known

if TYPE_CHECKING:
    from requests import Response

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_REDIRECTS = 5
"""Of a repository that got another name."""


class NoHash(Exception):
    """The source tells no SHA-256."""


def record_path(file: Path) -> Path:
    """The record of a file of weights."""
    return file.with_name(f"{file.name}.json")


def settled(known: Known, file: Path) -> Known:
    """Weights with what the record of their file tells; without a record, as they are.

    Raises:
        InputError: the record is damaged.
    """
    path = record_path(file)
    if known.sha256 or not path.is_file():
        return known
    try:
        return _read(known, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}, the record of {known.name}, is damaged; delete it and {file.name}, and run the same command "
            "again."
        ) from None


def _read(known: Known, content: dict[str, Any]) -> Known:
    sha256, size = str(content["sha256"]), int(content["size"])
    if not _SHA256.fullmatch(sha256):
        raise ValueError("no SHA-256")
    return replace(known, address=content["address"] or known.address, size=size, sha256=sha256)


def write_record(known: Known, file: Path, fetched: bool = True) -> None:
    """Record what was fetched, or added by hand: name, address with its revision, SHA-256, size, licence, time."""
    content = {
        "name": known.name,
        "address": known.address if fetched else None,
        "revision": known.revision if fetched else None,
        "sha256": known.sha256,
        "size": known.size,
        "licence": known.licence,
        "fetched" if fetched else "added": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_text(record_path(file), json.dumps(content, indent=2) + "\n")


def ask(known: Known, source: str, again: int) -> Known:
    """Weights with the revision, size and SHA-256 that their source tells.

    Args:
        known: without a SHA-256.
        source: an address that answers as Hugging Face does, or a copy of a cache: a folder or address where the record
            lies beside the file.
        again: how often a question that failed is repeated.

    Raises:
        NoHash: it tells none.
        OSError: it cannot be asked; errors of requests are such.
    """
    if "://" not in source:
        return _recorded(known, Path(source))
    import requests  # comes with pooch
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    overloaded = Retry(
        again,
        backoff_factor=1,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
        respect_retry_after_header=False,  # it may be minutes, in which nothing is said
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=overloaded))
        if source != known.address:
            answer = session.get(f"{source}.json", timeout=timeout.SECONDS)
            if answer.ok:
                return _parsed(known, answer.text)
        answer = _head(session, source)
        if _told(answer) is None:
            raise NoHash
        return _from_hub(known, answer)


def _head(session: Any, source: str) -> "Response":
    """The answer that tells of the file; the hub redirects to where it stores its content, and that is not followed."""
    for _ in range(_MOST_REDIRECTS):
        answer: Response = session.head(
            source, allow_redirects=False, timeout=timeout.SECONDS, headers={"Accept-Encoding": "identity"}
        )
        answer.raise_for_status()
        target = urljoin(source, answer.headers.get("Location", source))
        if (
            _told(answer) is not None
            or target == source
            or urlsplit(target).netloc != urlsplit(source).netloc
        ):
            break
        source = target
    return answer


def _told(answer: "Response") -> str | None:
    """The SHA-256 that an answer tells; of small files it tells the hash of git instead."""
    found = answer.headers.get("X-Linked-Etag", "").removeprefix("W/").strip('"')
    return found if _SHA256.fullmatch(found) else None


def _from_hub(known: Known, answer: "Response") -> Known:
    commit, size = answer.headers.get("X-Repo-Commit", ""), answer.headers.get("X-Linked-Size", "")
    pinned = re.sub(r"/resolve/[^/]+/", f"/resolve/{commit}/", known.address)
    return replace(
        known,
        address=pinned if re.fullmatch(r"[0-9a-f]{40}", commit) else known.address,
        size=int(size) if size.isdigit() else known.size,
        sha256=_told(answer) or "",
    )


def _recorded(known: Known, file: Path) -> Known:
    if not record_path(file).is_file():
        raise NoHash
    return _parsed(known, record_path(file).read_text(encoding="utf-8"))


def _parsed(known: Known, text: str) -> Known:
    try:
        return _read(known, json.loads(text))
    except (ValueError, KeyError, TypeError):
        raise NoHash from None
