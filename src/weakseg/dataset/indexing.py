"""Making the index: every file is checked once, and again only if it is new or changed."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weakseg.dataset.check import check_images, refuse_bad_images
from weakseg.dataset.files import ImageFiles, KnownFiles, read_files, scan_files, write_files
from weakseg.dataset.index import Index, Listing, index_rows, read_index, write_bad
from weakseg.dataset.looking import cores, look
from weakseg.dataset.masking import draw
from weakseg.dataset.negatives import refuse_other_than_one, refuse_same_labels
from weakseg.dataset.pictures import write_pictures
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.survey import FIRST, Keys, digests, keys, read_origins
from weakseg.errors import InputError

BAD_IMAGES = "bad_images.csv"
MANY = 500
"""Number of files to read above which a message says so."""


@dataclass(frozen=True)
class CheckedData:
    """A data set whose files were all checked.

    Attributes:
        index: the usable images.
        found: their files.
        data: digest of the whole source.
        masks: digest of all masks.
    """

    index: Index
    found: list[ImageFiles]
    data: str
    masks: str


def list_source(settings: DatasetConfig, folder: Path) -> Listing | None:
    """List a source's images without opening them.

    Args:
        settings: of the data set.
        folder: of the index; generated images lie in it.

    Returns:
        `None` before the images are generated or fetched.

    Raises:
        InputError: a table, list, annotation or folder is wrong.
    """
    listing: Listing | None = settings.own.listing(settings, folder)
    return listing


def check_data(
    settings: DatasetConfig, folder: Path, output: Path | None = None, processes: int | None = None
) -> CheckedData:
    """Check every new or changed image and mask; list bad ones in `bad_images.csv` of the folder.

    Args:
        settings: of the data set.
        folder: of its index.
        output: what the check is for; its progress file lies beside it. `None` for no such file.
        processes: that open images; `None`: one for each core.

    Raises:
        InputError: a table is wrong, or images cannot be used and `bad_images` is `stop`.
    """
    listing = list_source(settings, folder)
    assert listing is not None  # by now the images are generated or fetched
    index = listing.index
    folder.mkdir(parents=True, exist_ok=True)
    if listing.drawing is not None:
        draw(listing.drawing, processes or cores())
    looked = look(index.records, folder, output, processes)
    found = scan_files(index.records, looked.known)
    data, masks = digests(index, found, settings.own.generated_from())
    good = check_images(listing, lambda number: looked.pictures.get(found[number].image.sha256), output)
    by_id = {record.id: files for record, files in zip(index.records, found, strict=True)}
    write_pictures(folder, {by_id[name].image.sha256: item for name, item in good.pictures.items()})
    write_bad(folder / BAD_IMAGES, good.bad)
    refuse_bad_images(good, settings.bad_images, folder / BAD_IMAGES)
    good_files = [
        replace(by_id[record.id], mask=None) if record.mask is None else by_id[record.id]
        for record in good.records
    ]
    return CheckedData(good, good_files, data, masks)


def refuse_other_images(index: Index, found: Sequence[ImageFiles], other: Path) -> None:
    """Refuse to reuse maps or labels of a run with other images or classes.

    Args:
        index: of this run.
        found: its files.
        other: `index.csv` of the run whose maps or labels are reused.

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


def plan(settings: DatasetConfig, folder: Path, *, classified: bool = False, one_class: bool = False) -> Keys:
    """The keys by which Snakemake compares the data; updates `files.csv` if files moved.

    Args:
        settings: of the data set.
        folder: of its index; before there is one, no file is read.
        classified: whether a classifier learns from the labels.
        one_class: whether it takes only images of exactly one class.

    Raises:
        InputError: a table is wrong, images are missing and `bad_images` is `stop`, or the classifier has nothing to
            tell apart.
    """
    origins, listing = read_origins(folder), list_source(settings, folder)
    if listing is None:
        again = "data" in origins and settings.own.generates
        known = origins["data"].key if again else FIRST
        return Keys(*[f"{known}, again" if again else FIRST] * 2)
    index = listing.index
    if not settings.own.generates:
        if index.bad:
            write_bad(folder / BAD_IMAGES, index.bad)
        refuse_bad_images(index, settings.bad_images, folder / BAD_IMAGES)
    if classified:
        refuse_same_labels(index.records, index.classes, allow=settings.same_labels == "allow")
        if one_class:
            refuse_other_than_one(index.records)
    if "data" not in origins:
        return Keys(FIRST, FIRST)
    memory = read_files(folder)

    def report(count: int) -> None:
        if count == MANY:
            print("weakseg: reading images that moved or changed", file=sys.stderr, flush=True)

    found = scan_files(index.records, memory.known, report)
    data, masks = digests(index, found, settings.own.generated_from())
    if listing.drawing is not None and listing.drawing.stale:
        masks = listing.drawing.digest()
    if origins["data"].digest == data:
        has_new_masks = "masks" not in origins or origins["masks"].digest != masks
        _update_places(folder, memory, index, found, has_new_masks=has_new_masks)
    return keys(origins, data, masks)


def _update_places(
    folder: Path,
    memory: KnownFiles,
    index: Index,
    found: Sequence[ImageFiles],
    *,
    has_new_masks: bool,
) -> None:
    """Update `files.csv` if files of the index moved; new masks are left to the stage that checks them."""
    listed = {record.id: (record, files) for record, files in zip(index.records, found, strict=True)}
    ids = memory.ids()
    if not ids or not ids <= listed.keys():
        return
    if all(memory.holds(key, listed[key][1], masks=not has_new_masks) for key in ids):
        return
    chosen = []
    for image_id, before in memory.rows.items():
        record, now = listed[image_id]
        mask = before.mask if has_new_masks or before.mask is None else now.mask
        place = None if mask is None else mask.path
        chosen.append(
            (
                record if record.mask == place else replace(record, mask=place),
                now if now.mask == mask else replace(now, mask=mask),
            )
        )
    write_files(folder, [record for record, _ in chosen], [files for _, files in chosen])
