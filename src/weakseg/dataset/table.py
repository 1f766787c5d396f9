"""Your own images: a folder and a table `image, labels, split`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from weakseg.dataset.images import check_id, find_image
from weakseg.dataset.index import Index, check, parse_labels
from weakseg.dataset.records import SPLITS, Record
from weakseg.errors import InputError

COLUMNS = ("image", "labels", "split")


def index_table(
    images: Path,
    labels: Path,
    masks: Path | None,
    classes: Sequence[str],
    all_classes: Sequence[str] = (),
    lists: Mapping[str, Path] | None = None,
) -> Index:
    """Index a folder of images by a table.

    Args:
        images: folder of the images; the table's `image` is a path below it, with or without extension.
        labels: CSV with the columns `image`, `labels` and `split`.
        masks: folder of label PNGs named like the images, or `None`.
        classes: the chosen classes, in order.
        all_classes: names of the masks' indices 1, 2, …; empty means `classes`.
        lists: split → text file of ids; only these ids are taken, in place of the `split` column.

    Raises:
        InputError: anything about the table, an image or a mask is wrong.
    """
    names = list(all_classes) or list(classes)
    missing = [name for name in classes if name not in names]
    if missing:
        raise InputError(
            f"the chosen class '{missing[0]}' is not in dataset.table.all_classes; name every class of the "
            "masks there."
        )
    rows = _read_table(labels)
    wanted = _splits(rows, lists or {}, labels)
    records = []
    for row in rows:
        name = row["image"].strip()
        split = wanted.get(name)
        if split is None:
            continue
        path = find_image(images, name)
        image_id = name.removesuffix(path.suffix) if name.endswith(path.suffix) else name
        records.append(
            Record(
                id=image_id,
                image=path,
                split=split,
                labels=parse_labels(row["labels"] or "", name, classes, names),
                mask=_mask(masks, image_id),
            )
        )
    index = Index(
        records=tuple(records),
        classes=tuple(classes),
        mask_values=(0, *(names.index(name) + 1 for name in classes)),
    )
    check(index, highest=len(names))
    return index


def _mask(folder: Path | None, image_id: str) -> Path | None:
    if folder is None:
        return None
    path = folder / f"{image_id}.png"
    return path if path.is_file() else None


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            found = list(reader.fieldnames or [])
            lacking = [column for column in COLUMNS if column not in found]
            if lacking:
                raise InputError(
                    f"labels table {path} has the columns {found}; {', '.join(COLUMNS)} were expected: "
                    f"add '{lacking[0]}'."
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"labels table {path} cannot be read ({error}); set dataset.table.labels to a UTF-8 CSV file."
        ) from None
    if not rows:
        raise InputError(f"labels table {path} has no rows; one per image was expected: add them.")
    for number, row in enumerate(rows, start=2):
        if row["image"] is None or row["labels"] is None or row["split"] is None:
            raise InputError(
                f"labels table {path} line {number} has fewer than {len(COLUMNS)} columns; complete it."
            )
    return rows


def _splits(rows: list[dict[str, str]], lists: Mapping[str, Path], table: Path) -> dict[str, str]:
    """Image name → split, from the lists if given, else from the table."""
    if not lists:
        for row in rows:
            check_id(row["image"].strip())
            if row["split"].strip() not in SPLITS:
                raise InputError(
                    f"image '{row['image']}' of {table} is in the split '{row['split']}'; "
                    f"one of {', '.join(SPLITS)} was expected: correct the row."
                )
        return {row["image"].strip(): row["split"].strip() for row in rows}
    named = {row["image"].strip() for row in rows}
    wanted: dict[str, str] = {}
    for split, path in lists.items():
        for image_id in read_list(path):
            if image_id not in named:
                raise InputError(
                    f"image '{image_id}' of {path} is not in {table}; add its row or drop it from the list."
                )
            if image_id in wanted:
                raise InputError(
                    f"image '{image_id}' stands twice in the split lists; an id may be in one split once."
                )
            wanted[image_id] = split
    return wanted


def read_list(path: Path) -> list[str]:
    """Ids of a text file, one a line; blank lines are skipped.

    Raises:
        InputError: the file is missing or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors put a mark before the first id
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"id list {path} cannot be read ({error}); one id a line in UTF-8 was expected: correct its path "
            "or save it anew."
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]
