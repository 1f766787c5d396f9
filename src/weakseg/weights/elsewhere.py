"""Files of weights that other programs fetched: torch, rembg and, for timm, Hugging Face's own client."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from weakseg.weights.declaration import Known

_REPOSITORY = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/([^/]+)$")


def found_elsewhere(known: Known) -> Iterator[Path]:
    """Existing files that may be the published one, by their place alone."""
    folders = (
        Path(os.environ.get("TORCH_HOME") or _usual("torch"), "hub", "checkpoints"),
        Path(os.environ.get("U2NET_HOME") or "~/.u2net"),
    )
    candidates = [folder.expanduser() / known.file_name for folder in folders]
    yield from (path for path in (*candidates, *_snapshots(known)) if path.is_file())


def told_elsewhere(known: Known) -> Known | None:
    """Weights without a SHA-256 as the cache of Hugging Face's client has them; `None`: it has none.

    It keeps a file under its SHA-256, and links to that from a folder for each revision.
    """
    for path in _snapshots(known):
        sha256, revision = path.resolve().name, path.parent.name
        if re.fullmatch(r"[0-9a-f]{64}", sha256) and re.fullmatch(r"[0-9a-f]{40}", revision):
            pinned = re.sub(r"/resolve/[^/]+/", f"/resolve/{revision}/", known.address)
            if known.revision in (None, revision):
                return replace(known, address=pinned, size=path.stat().st_size, sha256=sha256)
    return None


def _snapshots(known: Known) -> list[Path]:
    """All revisions of a file in the cache of Hugging Face's client, the newest first."""
    found = _REPOSITORY.search(known.address)
    if found is None:
        return []
    home = os.environ.get("HF_HOME") or _usual("huggingface")
    root = Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    folder = root / f"models--{found.group(1).replace('/', '--')}" / "snapshots"
    paths = [path for path in folder.glob(f"*/{found.group(2)}") if path.is_file()]
    return sorted(paths, key=lambda path: path.lstat().st_mtime, reverse=True)


def _usual(name: str) -> str:
    return f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/{name}"
