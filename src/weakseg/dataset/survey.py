"""Digests and keys of a data set: stages depend on its content, not on the folder it lies in.

`index.csv`, `classes.csv` and `masks.csv` describe the content, `files.csv` the paths. `made_from.json` holds the
digest of the whole source and the key that Snakemake compares. While the digest stays the same, so does the key, and
no stage runs again: a moved folder changes `files.csv` only.
"""

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.dataset.files import ImageFiles
from weakseg.dataset.index import Index
from weakseg.storage.atomic import write_text

FIRST = "first"
"""Key of an index that does not exist yet."""
MADE_FROM = "made_from.json"


@dataclass(frozen=True)
class Keys:
    """Keys that Snakemake compares: a changed key runs all dependent stages again.

    Attributes:
        data: of ids, labels, splits, classes and the content of the images.
        masks: of the content of the masks.
    """

    data: str
    masks: str


def digests(index: Index, found: Sequence[ImageFiles], also: Any = None) -> tuple[str, str]:
    """SHA-256 of the data, and of their masks.

    Args:
        index: the whole source.
        found: the files of its records.
        also: other plain values that determine the images.
    """
    data, masks = hashlib.sha256(), hashlib.sha256()
    data.update(json.dumps([index.classes, index.mask_values, also]).encode())
    for record, files in zip(index.records, found, strict=True):
        data.update(json.dumps([record.id, record.split, record.labels, files.image.sha256]).encode())
        if files.mask is not None:
            masks.update(json.dumps([record.id, files.mask.sha256]).encode())
    return data.hexdigest(), masks.hexdigest()


@dataclass(frozen=True)
class Origin:
    """The state of the source from which an index, or its list of masks, was made.

    Attributes:
        key: the one that Snakemake compares.
        digest: of the whole source.
        largest: height and width of the largest image.
    """

    key: str
    digest: str
    largest: tuple[int, int] = (0, 0)


def read_origins(folder: Path) -> dict[str, Origin]:
    """`data` and `masks` → their origin, as far as it is recorded."""
    try:
        content = json.loads((folder / MADE_FROM).read_text(encoding="utf-8"))
        return {name: _origin(item) for name, item in content.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def largest_image(folder: Path) -> tuple[int, int]:
    """Height and width of the largest image of an index.

    Raises:
        FileNotFoundError: there is no index yet.
    """
    index = folder / "index.csv"
    if not index.exists():
        raise FileNotFoundError(errno.ENOENT, "not made yet", str(index))
    made = read_origins(folder).get("data")
    return (0, 0) if made is None else made.largest


def _origin(item: Mapping[str, Any]) -> Origin:
    height, width = item["largest"]
    return Origin(str(item["key"]), str(item["digest"]), (int(height), int(width)))


def write_origin(folder: Path, name: str, origin: Origin) -> None:
    """Record the origin of `data` or `masks`."""
    content = read_origins(folder) | {name: origin}
    values = {name: vars(item) for name, item in content.items()}
    write_text(folder / MADE_FROM, json.dumps(values, indent=2) + "\n")


def keys(origins: Mapping[str, Origin], data: str, masks: str) -> Keys:
    """The current keys: those of `origins` if the digests are unchanged."""

    def key(name: str, digest: str) -> str:
        before = origins.get(name)
        if before is None:
            return FIRST
        return before.key if before.digest == digest else digest[:16]

    return Keys(key("data", data), key("masks", masks))
