"""Checks before training: every image is opened once, so that a bad one fails here and not in a later stage.

A mistake in the table is an error at once. Bad images are collected; then indexing stops with their list or continues
without them.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from weakseg.dataset.agreement import Agreement
from weakseg.dataset.faults import Fault, bad_image, listed, sentences
from weakseg.dataset.image_names import check_id
from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index, Listing
from weakseg.dataset.masks import mask_error
from weakseg.dataset.pictures import Picture, picture
from weakseg.dataset.records import Record
from weakseg.dataset.wording import examples
from weakseg.errors import InputError
from weakseg.storage.labels import read_labels
from weakseg.storage.progress import tracked

MOST_SHOWN = 20
"""Class names that an error lists."""


def parse_labels(text: str, image_id: str, classes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Split `cat|dog` and keep the chosen classes in their order.

    Raises:
        InputError: a name is neither chosen nor known; the nearest known one is suggested.
    """
    present, unknown = _parsed(text, tuple(classes), tuple(known))
    if unknown is None:
        return present
    kind, hint = _hint(unknown, tuple(known))
    has = f"the unknown class {unknown[:60]!r}; {hint}"
    many = f"have labels such as {unknown[:60]!r}; {hint}" if kind else f"have {has}"
    raise Fault(f"image '{image_id}' has {has}", kind or unknown, many)


@lru_cache(10_000)  # images of one kind share a cell
def _parsed(
    text: str, classes: tuple[str, ...], known: tuple[str, ...]
) -> tuple[tuple[str, ...], str | None]:
    """The chosen classes of a cell, and its first unknown name."""
    names = [unicodedata.normalize("NFC", name.strip()) for name in text.split("|") if name.strip()]
    spelled = _spelled((*known, *classes))
    present = {spelled[name] for name in names if name in spelled}
    unknown = next((name for name in names if name not in spelled), None)
    return tuple(name for name in classes if name in present), unknown


@cache
def _spelled(names: tuple[str, ...]) -> dict[str, str]:
    """Name in Unicode form NFC → name as configured."""
    return {unicodedata.normalize("NFC", name): name for name in names}


@lru_cache(10_000)
def _hint(name: str, known: tuple[str, ...]) -> tuple[str, str]:
    """What an unknown class may mean; before it the kind of the mistake, empty if it is the name itself."""
    folded = {item.casefold(): item for item in reversed(known)}
    parts = [folded.get(part.casefold(), "") for part in _JOINERS.split(name) if part]
    if len(parts) > 1 and all(parts):
        return "joiner", f"several classes are joined by '|': write {'|'.join(parts)}."
    if name.casefold().strip("_") in ("background", "bg", "none"):
        return "background", "background is class 0 of every image: leave it out of the labels."
    near = difflib.get_close_matches(name.casefold()[:200], folded, n=1)
    if near:
        return "", f"did you mean '{folded[near[0]]}'?"
    return "", f"known classes, joined by '|' where there are several: {_listed(known)}."


_JOINERS = re.compile(r"\s*[,;/\\+&]\s*|\s+")


def _listed(names: Sequence[str]) -> str:
    return examples(names, most=MOST_SHOWN)


def check_records(index: Index) -> None:
    """Refuse records that contradict each other; no file is opened.

    Raises:
        InputError: an id occurs twice.
    """
    check_ids(record.id for record in index.records)


def check_ids(ids: Iterable[str]) -> None:
    """Refuse ids of which two are the same to some file system.

    Raises:
        InputError: an id occurs twice.
    """
    seen: dict[str, str] = {}
    for image_id in ids:
        check_id(image_id)
        folded = image_id.casefold() if image_id.isascii() else _letters(image_id)
        if seen.get(folded) == image_id:
            raise InputError(f"image id '{image_id}' occurs twice in the index; every id must be unique.")
        if folded in seen:
            raise InputError(
                f"image ids '{seen[folded]}' and '{image_id}' differ only in capitals or in how accents are written; "
                "where file names do not tell them apart, one's results would replace the other's: rename one."
            )
        seen[folded] = image_id


def _letters(image_id: str) -> str:
    return unicodedata.normalize("NFC", image_id).casefold()


def check_images(
    listing: Listing, known: Callable[[int], Picture | None] = lambda _: None, output: Path | None = None
) -> Index:
    """Open every image and mask once.

    Args:
        listing: the images and masks of a source.
        known: number of a record → what an earlier check found in its image, which is then not opened again; its mask
            is, to compare it with the labels.
        output: what the check is for; its progress file lies beside it. `None` for no such file.

    Returns:
        The index of the usable images. `bad` lists images that are missing, damaged or unsupported, and images whose
        mask is, or has another size. The latter stay in the index without a mask, except in the split `saliency`,
        which trains on masks. `notes` says where masks and labels disagree. `pictures` has the images that could be
        read.

    Raises:
        InputError: a mask holds a value out of range, or too many masks contradict their labels.
    """
    index = listing.index
    good, bad = [], [*index.bad]
    pictures: dict[str, Picture] = {}
    agreement = Agreement(index, listing.highest, listing.key, listing.tolerated)
    records = index.records if output is None else tracked(index.records, output)
    for number, record in enumerate(records):
        seen, fault = known(number), None
        if seen is None:
            seen, fault = _opened(record)
        if seen is not None:
            pictures[record.id] = seen
        mask_fault = None if seen is None else _mask_fault(record, seen.size, agreement)
        if reason := fault or mask_fault:
            bad.append(bad_image(record.id, reason, record.image, record.mask))
        if not reason:
            good.append(record)
        elif not fault and record.split != "saliency":
            good.append(replace(record, mask=None))
    values = agreement.mask_values(index)
    notes = (*index.notes, *agreement.lines())
    return replace(
        index, records=tuple(good), bad=tuple(bad), mask_values=values, notes=notes, pictures=pictures
    )


def _opened(record: Record) -> tuple[Picture | None, InputError | None]:
    """What is seen of an image, or why it cannot be used."""
    try:
        return picture(read_image(record.image)), None
    except InputError as error:
        return None, error


def _mask_fault(record: Record, size: tuple[int, int], agreement: Agreement) -> InputError | None:
    """Why a mask cannot be used with an image of this size; a good mask is added to `agreement`."""
    if record.mask is None:
        return None
    try:
        labels = read_labels(record.mask)
    except InputError as error:
        return mask_error(record.mask, error)
    if labels.shape != size:
        turned = (
            "; its sides are swapped, as where EXIF turns the image alone"
            if labels.shape == size[::-1]
            else ""
        )
        return InputError(
            f"mask {record.mask} is {labels.shape[1]}×{labels.shape[0]} pixels, its image {record.image} "
            f"{size[1]}×{size[0]}{turned}; both must have one size: export the mask again."
        )
    agreement.add(record, labels)
    return None


def refuse_bad_images(index: Index, bad_images: str, where: Path) -> None:
    """Stop if there are bad images, unless they are to be skipped.

    Args:
        index: the checked index.
        bad_images: `stop` or `skip`.
        where: the file that lists them.

    Raises:
        InputError: there are bad images and `bad_images` is `stop`, or a split is empty.
    """
    if index.bad and bad_images == "stop":
        total = len({record.id for record in index.records} | {item.id for item in index.bad})
        shown = listed(sentences(index.bad), f" in {where}")
        raise InputError(
            f"{len(index.bad):,} of {total:,} images cannot be used:{shown}\nMend them, drop their rows, or set "
            "dataset.bad_images to skip, which leaves them out."
        )
    for split in ("train", "val"):
        if not index.split(split):
            raise InputError(
                f"no image is in the split '{split}'; at least one is needed: write {split} into the column split of "
                f"{_WANTED[split]}."
            )


_WANTED = {
    "train": "the images to learn from",
    "val": "a tenth of the images, which are then not learned from",
}


def classes_without_images(index: Index) -> list[str]:
    """Classes without a training image."""
    shown = {name for record in index.split("train") for name in record.labels}
    return [name for name in index.classes if name not in shown]
