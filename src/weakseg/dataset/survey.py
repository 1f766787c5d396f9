"""What the images of a data set are, whatever folder they lie in: stages depend on the first and not on the second.

`index.csv`, `classes.csv` and `masks.csv` say what the images, labels and masks are; `files.csv` where they lie.
`made_from.json` holds what the index was made from: a digest of all that was offered, and the key that Snakemake knows
it by. As long as the digest stays the same, so does the key, and nothing is made again: a moved folder changes
`files.csv` alone.
"""

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.dataset.files import Found
from weakseg.dataset.index import Index
from weakseg.storage.atomic import write_text

FIRST = "first"
"""Key of an index that has not been made yet."""
MADE_FROM = "made_from.json"


@dataclass(frozen=True)
class Keys:
    """What Snakemake compares: another key makes what follows from it again.

    Attributes:
        data: of ids, labels, splits, classes and the content of the images.
        masks: of the content of the masks.
    """

    data: str
    masks: str


def digests(index: Index, found: Sequence[Found], also: Any = None) -> tuple[str, str]:
    """SHA-256 of what the data are, and of what their masks are.

    Args:
        index: everything that was offered.
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
class Made:
    """What an index, or its list of masks, was made from.

    Attributes:
        key: what Snakemake knows it by.
        digest: of everything that was offered.
        largest: height and width of the largest image.
    """

    key: str
    digest: str
    largest: tuple[int, int] = (0, 0)


def read_made(folder: Path) -> dict[str, Made]:
    """`data` and `masks` → what they were made from; without those that were not made or cannot be read."""
    try:
        content = json.loads((folder / MADE_FROM).read_text(encoding="utf-8"))
        return {name: _made(item) for name, item in content.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def largest_image(folder: Path) -> tuple[int, int]:
    """Height and width of the largest image of an index.

    Raises:
        FileNotFoundError: the index is not made yet.
    """
    index = folder / "index.csv"
    if not index.exists():
        raise FileNotFoundError(errno.ENOENT, "not made yet", str(index))
    made = read_made(folder).get("data")
    return (0, 0) if made is None else made.largest


def _made(item: Mapping[str, Any]) -> Made:
    height, width = item["largest"]
    return Made(str(item["key"]), str(item["digest"]), (int(height), int(width)))


def write_made(folder: Path, name: str, made: Made) -> None:
    """Remember what `data` or `masks` were made from."""
    content = read_made(folder) | {name: made}
    values = {name: vars(item) for name, item in content.items()}
    write_text(folder / MADE_FROM, json.dumps(values, indent=2) + "\n")


def keys(made: Mapping[str, Made], data: str, masks: str) -> Keys:
    """The keys of what is offered now: those it was made under, if its digest is the same."""

    def key(name: str, digest: str) -> str:
        before = made.get(name)
        if before is None:
            return FIRST
        return before.key if before.digest == digest else digest[:16]

    return Keys(key("data", data), key("masks", masks))
