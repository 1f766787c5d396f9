"""People's decisions about images: one list per decision, and corrected label maps.

    review/rejected.csv         ids left out of training the segmenter and the detector
    review/accepted.csv         ids reviewed as good
    review/flagged.csv          ids to review later
    review/corrected/<id>.png   label maps that replace the refined proxy label, with the names of their classes

A list is a sorted CSV of one column; there is no file for an empty list. The workflow retrains when `decided` changes,
but not when an image is flagged.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weakseg.errors import InputError
from weakseg.storage.atomic import write_text
from weakseg.storage.labels import UNDECIDED, read_classes, read_labels

LISTS = ("accepted", "rejected", "flagged")
CORRECTED = "corrected"


@dataclass(frozen=True)
class Review:
    """Decisions about the images of one run.

    Attributes:
        accepted: ids reviewed as good.
        rejected: ids left out of training the segmenter and the detector.
        flagged: ids to review later.
        corrected: id → label map that replaces the refined proxy label.
    """

    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    flagged: frozenset[str] = frozenset()
    corrected: Mapping[str, Path] = field(default_factory=dict)


def read_review(folder: Path) -> Review:
    """Read a run's `review` folder; a missing one means no decisions.

    Raises:
        InputError: a list is damaged.
    """
    lists = {name: read_list(folder, name) for name in LISTS}
    return Review(**lists, corrected=corrected_files(folder))


def decided(folder: Path, index: Path) -> str:
    """Digest of the decisions about training images that change proxy labels; empty if there are none.

    Without an index, all images count as training images.

    Raises:
        InputError: a list is damaged, or a corrected label map cannot be read.
    """
    review = read_review(folder)
    ids = {*review.rejected, *review.corrected}
    if ids and index.is_file():
        ids &= _training_ids(index)
    rejected = sorted(ids & review.rejected)
    corrected = [(name, _sha256(review.corrected[name])) for name in sorted(ids - review.rejected)]
    if not ids:
        return ""
    return hashlib.sha256(json.dumps([rejected, corrected]).encode()).hexdigest()


def _training_ids(index: Path) -> set[str]:
    with index.open(encoding="utf-8", errors="replace", newline="") as file:
        return {row["id"] for row in csv.DictReader(file) if row.get("split") == "train"}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); a corrected label map was expected: replace or delete it."
        ) from None


def read_corrected(path: Path, classes: Sequence[str]) -> np.ndarray:
    """A corrected label map H×W `uint8`, 255 undecided.

    Args:
        path: its file.
        classes: current names without background.

    Raises:
        InputError: unreadable, or it holds an index that is not a class or was another class when it was drawn.
    """
    labels = read_labels(path)
    drawn = read_classes(path) or classes  # without stored names, only the number of classes can be checked
    for number in np.setdiff1d(labels, [0, UNDECIDED]):
        before, now = (names[number - 1] if number <= len(names) else None for names in (drawn, classes))
        if now is None or now != before:
            drawn_as = "" if before is None else f", drawn as '{before}',"
            found = "no class" if now is None else f"'{now}'"
            raise InputError(
                f"{path} holds the index {number}{drawn_as} where the run has {found}; correct the image again in "
                "`weakseg inspect`, or delete the file."
            )
    return labels


def corrected_files(folder: Path) -> dict[str, Path]:
    """Id → corrected label map, sorted by id."""
    root = folder / CORRECTED
    files = sorted(root.rglob("*.png"))
    return {file.relative_to(root).as_posix().removesuffix(".png"): file for file in files}


def read_list(folder: Path, name: str) -> frozenset[str]:
    """The ids of one list; none if it does not exist.

    Raises:
        InputError: another header, or not text.
    """
    path = folder / f"{name}.csv"
    if not path.is_file():
        return frozenset()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); a CSV with the column id was expected.") from None
    if not rows or rows[0][0] != "id":
        raise InputError(f"{path} has no column 'id'; a CSV with that column first was expected: correct it.")
    return frozenset(row[0] for row in rows[1:])


def write_list(folder: Path, name: str, ids: Iterable[str]) -> None:
    """Write one list, atomically and sorted; without ids remove it."""
    path = folder / f"{name}.csv"
    items = sorted(set(ids))
    if not items:
        path.unlink(missing_ok=True)
        return
    quoted = ('"{}"'.format(item.replace('"', '""')) if set(item) & set('",') else item for item in items)
    write_text(path, "\n".join(["id", *quoted]) + "\n")


def corrected_file(folder: Path, image_id: str) -> Path:
    """The file of an image's corrected label map.

    Args:
        folder: the run's `review`.
        image_id: of the run's index, which has no `..`.

    Raises:
        InputError: a link below `review/` leads out of it.
    """
    path = folder / CORRECTED / f"{image_id}.png"
    if not path.resolve().is_relative_to(folder.resolve() / CORRECTED):
        raise InputError(f"{path} leads out of {folder}; remove the link that is in the way.")
    return path


def decide(folder: Path, decisions: Mapping[str, Mapping[str, bool]]) -> int:
    """Put images on lists and take them off; who is accepted is no longer rejected, and the reverse.

    Args:
        folder: the run's `review`.
        decisions: id → list → whether the image belongs on it; lists that are not named stay.

    Returns:
        Number of images for which a list changed.
    """
    before = {name: read_list(folder, name) for name in LISTS}
    after = {name: set(ids) for name, ids in before.items()}
    for image_id, wanted in decisions.items():
        for name, belongs in wanted.items():
            (after[name].add if belongs else after[name].discard)(image_id)
        for name, other in (("accepted", "rejected"), ("rejected", "accepted")):
            if wanted.get(name):
                after[other].discard(image_id)
    for name in LISTS:
        if after[name] != before[name]:
            write_list(folder, name, after[name])
    changed = [
        image_id
        for image_id in decisions
        if any((image_id in after[n]) != (image_id in before[n]) for n in LISTS)
    ]
    return len(changed)
