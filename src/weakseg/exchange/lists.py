"""Lists of images: names a line each, and the decisions that they stand for."""

import csv
from collections.abc import Iterable
from pathlib import Path

from weakseg.errors import InputError
from weakseg.exchange.chosen import known, run_images
from weakseg.formats import FORMATS
from weakseg.formats.items import Bad, Images
from weakseg.run.opened import open_table
from weakseg.storage.review import decide, read_review

HEADERS = {"id", "image", "file", "file_name", "filename"}


def read_names(path: Path) -> list[str]:
    """The first column of a CSV or a text file, in order; without its header, if it has one.

    Raises:
        InputError: missing, not text, or empty.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:120]
        raise InputError(
            f"{path} cannot be read ({said}); a list of images, a line each, was expected."
        ) from None
    if names and names[0].lower() in HEADERS:
        names = names[1:]
    if not names:
        raise InputError(f"{path} names no image; a list of images, a line each, was expected.")
    return list(dict.fromkeys(names))


def import_decisions(run: Path, source: Path, form: str, decision: str, skip_bad: bool) -> str:
    """Accept, reject or flag the images that a list or an export names; says what changed.

    Raises:
        InputError: a name is not an image of the run, and `skip_bad` is false.
    """
    table = open_table(run)
    classes, records = run_images(table)
    images = known(records)
    if form == "list":
        found, bad = _found(read_names(source), images)
    else:
        read = [*FORMATS[form].reader()(source, classes, images)]
        found = [each.id for each in read if not isinstance(each, Bad)]
        bad = [each.reason for each in read if isinstance(each, Bad)]
    if bad and (not skip_bad or not found):
        raise InputError(
            f"nothing was taken of {source}: {bad[0].removesuffix('.')}; {len(bad):,} of its {len(bad) + len(found):,} "
            "images cannot be taken: correct them, or give --skip-bad to take the others."
        )
    folder = table.folder / "review"
    before = getattr(read_review(folder), decision)
    decide(folder, {image_id: {decision: True} for image_id in found})
    new = sum(image_id not in before for image_id in set(found))
    left = f"; {len(bad)} could not be taken, the first: {bad[0]}" if bad else ""
    return f"{decision}: {new:,} new, {len(set(found)) - new:,} as before, in {folder}{left}"


def _found(names: Iterable[str], images: Images) -> tuple[list[str], list[str]]:
    """Ids of names, and a sentence for each name without an id."""
    found, bad = [], []
    for name in names:
        try:
            found.append(images.find(name))
        except InputError as error:
            bad.append(str(error))
    return found, bad
