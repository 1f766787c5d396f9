"""Making the index: what is offered is looked at once, and only what is new or changed is looked at again."""

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weakseg.dataset.check import checked, settle
from weakseg.dataset.files import Found, find_files, read_files, write_files
from weakseg.dataset.index import Index, index_rows, read_index, write_bad
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.sources import DEMO, generated_from, offered
from weakseg.dataset.survey import FIRST, Keys, Made, digests, keys, read_made
from weakseg.errors import InputError

BAD_IMAGES = "bad_images.csv"
MANY = 500
"""From so many files on, it is said that they are read."""


@dataclass(frozen=True)
class Looked:
    """A data set whose files were all looked at.

    Attributes:
        index: the images that can be used.
        found: their files.
        data: digest of everything that was offered.
        masks: digest of all masks.
    """

    index: Index
    found: list[Found]
    data: str
    masks: str


def generate(settings: DatasetConfig, folder: Path) -> None:
    """Generate the demo's images beside its index, if it is the source."""
    if settings.source == "demo":
        from weakseg.dataset import demo

        chosen = settings.demo
        demo.generate(folder / DEMO, chosen.seed, chosen.train, chosen.val, chosen.saliency, chosen.size)


def look(settings: DatasetConfig, folder: Path) -> Looked:
    """Open every image and mask that was not found good before; list bad ones in `bad_images.csv` of the folder.

    Raises:
        InputError: a table is wrong, or images cannot be used and `bad_images` is `stop`.
    """
    offer = offered(settings, folder)
    assert offer is not None  # by now the demo is generated and VOC is fetched
    index = offer.index
    memory = read_files(folder)
    found = find_files(index.records, memory.known)
    data, masks = digests(index, found, generated_from(settings))
    pairs = memory.pairs
    before = read_made(folder).get("data", Made("", "")).largest
    good = checked(offer, lambda number: _content(found[number]) in pairs)
    write_bad(folder / BAD_IMAGES, good.bad)
    settle(good, settings.bad_images, folder / BAD_IMAGES)
    good = replace(good, largest=max(good.largest, before, key=math.prod))
    by_id = {record.id: files for record, files in zip(index.records, found, strict=True)}
    return Looked(
        good, [_with_mask_of(by_id[record.id], record.mask) for record in good.records], data, masks
    )


def refuse_other_images(index: Index, found: Sequence[Found], other: Path) -> None:
    """Refuse the maps or labels of a run that were made of other images or classes.

    Args:
        index: of this run.
        found: its files.
        other: `index.csv` of the run whose maps or labels are taken.

    Raises:
        InputError: an image, its split, its labels or the classes differ.
    """
    theirs = read_index(other, other.with_name("classes.csv"))
    if theirs.classes != index.classes:
        raise InputError(
            f"{other} has the classes {', '.join(theirs.classes)}, this run {', '.join(index.classes)}; the same were "
            "expected: use the maps and labels of a run of the same classes (from_run)."
        )
    ours = index_rows(index, found)
    with other.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    if rows == ours:
        return
    differs = next(
        (a[0] for a, b in zip(ours, rows, strict=False) if a != b), f"the number of {len(rows)} images"
    )
    raise InputError(
        f"{other} has other images, splits or labels than this run (first difference: {differs}); the same {len(ours)} "
        "images were expected: use the maps and labels of a run of the same images (from_run)."
    )


def _content(files: Found) -> tuple[str, str]:
    return files.image.sha256, "" if files.mask is None else files.mask.sha256


def _with_mask_of(files: Found, mask: Path | None) -> Found:
    return files if mask is not None else replace(files, mask=None)


def plan(settings: DatasetConfig, folder: Path) -> Keys:
    """What Snakemake compares the data by, before anything is planned; where files moved, `files.csv` is told.

    Args:
        settings: of the data set.
        folder: of its index, which may not be made yet: nothing is then read but names.

    Raises:
        InputError: a table is wrong, or images are missing and `bad_images` is `stop`.
    """
    made, offer = read_made(folder), offered(settings, folder)
    if offer is None:
        again = "data" in made and settings.source == "demo"
        known = made["data"].key if again else FIRST
        return Keys(*[f"{known}, again" if again else FIRST] * 2)
    index = offer.index
    if index.bad and settings.source != "demo":
        write_bad(folder / BAD_IMAGES, index.bad)
        settle(index, settings.bad_images, folder / BAD_IMAGES)
    if "data" not in made:
        return Keys(FIRST, FIRST)
    memory = read_files(folder)
    found = find_files(index.records, memory.known, _tell_once)
    data, masks = digests(index, found, generated_from(settings))
    if made["data"].digest == data:
        has_new_masks = "masks" not in made or made["masks"].digest != masks
        _update_places(folder, memory.rows, index, found, has_new_masks=has_new_masks)
    return keys(made, data, masks)


def _tell_once(count: int) -> None:
    if count == MANY:
        print("weakseg: reading images that moved or changed", file=sys.stderr, flush=True)


def _update_places(
    folder: Path, rows: Mapping[str, Found], index: Index, found: Sequence[Found], *, has_new_masks: bool
) -> None:
    """Write `files.csv` where files of the index moved; new masks are left to the stage that looks at them."""
    offers = {record.id: (record, files) for record, files in zip(index.records, found, strict=True)}
    if not rows or not rows.keys() <= offers.keys():
        return
    chosen = []
    for image_id, before in rows.items():
        record, now = offers[image_id]
        mask = before.mask if has_new_masks or before.mask is None else now.mask
        chosen.append((replace(record, mask=None if mask is None else mask.path), replace(now, mask=mask)))
    if [files for _, files in chosen] != [*rows.values()]:
        write_files(folder, [record for record, _ in chosen], [files for _, files in chosen])
