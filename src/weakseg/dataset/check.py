"""What is looked at before anything trains: every image is opened once, so that no later stage dies of one.

A mistake in the table stops at once. Images that cannot be used are all found first; then the indexing stops with
their list, or goes on without them.
"""

import difflib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from weakseg.dataset.images import check_id, read_image
from weakseg.dataset.index import BadImage, Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels

MOST_SHOWN = 20
"""Bad images, or names of classes, that an error lists; all bad images are in the file beside the index."""


def parse_labels(text: str, image_id: str, classes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Split `cat|dog`, keep the chosen classes in their order, refuse names neither chosen nor known.

    Raises:
        InputError: a name is unknown; the nearest known one is suggested.
    """
    names = [name.strip() for name in text.split("|") if name.strip()]
    allowed = {*classes, *known}
    for name in names:
        if name not in allowed:
            raise InputError(f"image '{image_id}' has the unknown class {name[:60]!r}; {_hint(name, known)}")
    return tuple(name for name in classes if name in names)


def _hint(name: str, known: Sequence[str]) -> str:
    folded = {item.casefold(): item for item in reversed(known)}
    near = difflib.get_close_matches(name.casefold()[:200], folded, n=1)
    if near:
        return f"did you mean '{folded[near[0]]}'?"
    return f"known classes, joined by '|' where there are several: {_listed(known)}."


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def check_records(index: Index) -> None:
    """Refuse records that contradict each other; no file is opened.

    Raises:
        InputError: an id stands twice, or a training image has no label.
    """
    _check_ids(index.records)
    for record in index.records:
        if record.split == "train" and not record.labels:
            raise InputError(
                f"training image '{record.id}' has none of the chosen classes ({_listed(index.classes)}); "
                "give it a label or drop its row."
            )


def checked(index: Index, is_known: Callable[[int], bool] = lambda _: False) -> Index:
    """Open every image and mask once.

    Args:
        index: what is offered; it may have bad images already.
        is_known: whether the files of the record of a number were opened before and are good.

    Returns:
        The index of the images that can be used; `bad` has the others, which are missing, damaged or not read, and
        those whose mask is, or has another size: they stay in the index without it. In the split `saliency`, where
        the mask is what is learnt, they do not.

    Raises:
        InputError: a mask holds a value out of range.
    """
    good, bad = [], [*index.bad]
    for number, record in enumerate(index.records):
        fault, mask_fault = (None, None) if is_known(number) else _faults(record, index.highest)
        reason = fault or mask_fault
        if reason is not None:
            bad.append(BadImage(record.id, reason))
        if reason is None:
            good.append(record)
        elif fault is None and record.split != "saliency":
            good.append(replace(record, mask=None))
    return replace(index, records=tuple(good), bad=tuple(bad))


def _check_ids(records: Sequence[Record]) -> None:
    seen: dict[str, str] = {}
    for record in records:
        check_id(record.id)
        folded = unicodedata.normalize("NFC", record.id).casefold()
        if seen.get(folded) == record.id:
            raise InputError(f"image id '{record.id}' stands twice in the index; every id must be unique.")
        if folded in seen:
            raise InputError(
                f"image ids '{seen[folded]}' and '{record.id}' differ only in capitals or in how accents are written; "
                "where file names do not tell them apart, one's results would replace the other's: rename one."
            )
        seen[folded] = record.id


def _faults(record: Record, highest: int) -> tuple[str | None, str | None]:
    """Why an image cannot be used, and why its mask cannot, if so."""
    try:
        size = read_image(record.image).shape[:2]
    except InputError as error:
        return str(error), None
    return None, None if record.mask is None else _mask_fault(record, record.mask, size, highest)


def _mask_fault(record: Record, mask: Path, size: tuple[int, ...], highest: int) -> str | None:
    try:
        labels = read_labels(mask)
    except InputError as error:
        return str(error)
    if labels.shape != size:
        return (
            f"mask {mask} is {labels.shape[1]}×{labels.shape[0]} pixels, its image {record.image} "
            f"{size[1]}×{size[0]}; both must have one size: export the mask again."
        )
    found = int(labels[labels != UNDECIDED].max(initial=0))
    if record.split != "saliency" and found > highest:
        raise InputError(
            f"mask {mask} holds the index {found}; 0…{highest} or 255 was expected: "
            "name every class of the masks, in their order, in dataset.table.all_classes."
        )
    return None


def settle(index: Index, bad_images: str, listed: Path) -> None:
    """Stop at bad images, or go on without them.

    Args:
        index: checked.
        bad_images: `stop` or `skip`.
        listed: the file that lists them.

    Raises:
        InputError: there are some and the run is to stop; or a split is left without an image.
    """
    if index.bad and bad_images == "stop":
        total = len({record.id for record in index.records} | {item.id for item in index.bad})
        shown = "".join(f"\n  {item.reason}" for item in index.bad[:MOST_SHOWN])
        rest = len(index.bad) - MOST_SHOWN
        more = f"\n  … and {rest:,} more in {listed}" if rest > 0 else ""
        raise InputError(
            f"{len(index.bad):,} of {total:,} images cannot be used; mend them, drop their rows, or set "
            f"dataset.bad_images to skip, which leaves them out:{shown}{more}"
        )
    for split in ("train", "val"):
        if not index.split(split):
            raise InputError(f"no image is in the split '{split}'; at least one is needed.")


def unlearnt(index: Index) -> list[str]:
    """Classes that no training image shows."""
    shown = {name for record in index.split("train") for name in record.labels}
    return [name for name in index.classes if name not in shown]
