"""Your own images: a folder and a table `image, labels, split`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from weakseg.dataset.check import check_records, checked, parse_labels
from weakseg.dataset.images import check_id, find_image
from weakseg.dataset.index import BadImage, Index
from weakseg.dataset.records import SPLITS, Record
from weakseg.dataset.spreadsheet import read_list, read_table
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
    """Index a folder of images by a table: `offer_table`, and every image and mask is opened once.

    Raises:
        InputError: anything about the table is wrong.
    """
    return checked(offer_table(images, labels, masks, classes, all_classes, lists))


def offer_table(
    images: Path,
    labels: Path,
    masks: Path | None,
    classes: Sequence[str],
    all_classes: Sequence[str] = (),
    lists: Mapping[str, Path] | None = None,
) -> Index:
    """What a table offers; no image is opened.

    Args:
        images: folder of the images; the table's `image` is a path below it, with or without extension.
        labels: CSV with the columns `image`, `labels` and `split`.
        masks: folder of label PNGs named like the images, or `None`.
        classes: the chosen classes, in order.
        all_classes: names of the masks' indices 1, 2, …; empty means `classes`.
        lists: split → text file of ids; only these ids are taken, in place of the `split` column.

    Returns:
        The images that exist; `bad` has the others.

    Raises:
        InputError: anything about the table is wrong.
    """
    names = list(all_classes) or list(classes)
    missing = [name for name in classes if name not in names]
    if missing:
        raise InputError(
            f"the chosen class '{missing[0]}' is not in dataset.table.all_classes; name every class of the "
            "masks there."
        )
    rows = read_table(labels, COLUMNS, "dataset.table.labels")
    wanted = _splits(rows, lists or {}, labels)
    records: list[Record] = []
    bad: list[BadImage] = []
    for row in rows:
        name = row["image"]
        split = wanted.get(name)
        if split is None:
            continue
        shown = parse_labels(row["labels"], name, classes, names)
        try:
            path = find_image(images, name)
        except InputError as error:
            bad.append(BadImage(name, str(error)))
            continue
        image_id = name.removesuffix(path.suffix) if name.endswith(path.suffix) else name
        records.append(Record(image_id, path, split, shown, _mask(masks, image_id)))
    index = Index(
        records=tuple(records),
        classes=tuple(classes),
        mask_values=(0, *(names.index(name) + 1 for name in classes)),
        bad=bad,
        highest=len(names),
    )
    check_records(index)
    return index


def _mask(folder: Path | None, image_id: str) -> Path | None:
    if folder is None:
        return None
    path = folder / f"{image_id}.png"
    return path if path.is_file() else None


def _splits(rows: list[dict[str, str]], lists: Mapping[str, Path], table: Path) -> dict[str, str]:
    """Image name → split, from the lists if given, else from the table."""
    for row in rows:
        check_id(row["image"])
    if not lists:
        for row in rows:
            if row["split"] not in SPLITS:
                raise InputError(
                    f"image '{row['image']}' of {table} is in the split {row['split'][:60]!r}; "
                    f"one of {', '.join(SPLITS)} was expected: correct the row."
                )
        return {row["image"]: row["split"] for row in rows}
    named = {row["image"] for row in rows}
    wanted: dict[str, str] = {}
    for split, path in lists.items():
        for image_id in read_list(path):
            if image_id not in named:
                raise InputError(
                    f"image {image_id[:60]!r} of {path} is not in {table}; add its row or drop it from the list."
                )
            if image_id in wanted:
                raise InputError(
                    f"image '{image_id}' stands twice in the split lists; an id may be in one split once."
                )
            wanted[image_id] = split
    return wanted
