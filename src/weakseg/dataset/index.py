"""The index: the only thing later stages know of a data set.

`index.csv` has one row per image: id, image, split, labels, mask. `classes.csv` has one row per class: index,
name and the value that stands for the class in the masks. Mask values that it does not list are not scored.
"""

import csv
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weakseg.dataset.images import check_id, read_image
from weakseg.dataset.records import AGAIN, COLUMNS, Record, Records
from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path, write_text
from weakseg.storage.labels import UNDECIDED, read_labels


@dataclass(frozen=True)
class Index:
    """All images of a data set and its classes.

    Attributes:
        records: in the order of the file.
        classes: names without background; class i of a label map is `classes[i - 1]`.
        mask_values: value of class i in the mask files, background first.
    """

    records: Sequence[Record]
    classes: tuple[str, ...]
    mask_values: tuple[int, ...]

    def split(self, *names: str) -> Sequence[Record]:
        """The records of one split or several, in order."""
        if isinstance(self.records, Records):
            return self.records.of(*names)
        return [record for record in self.records if record.split in names]

    def class_vector(self, record: Record) -> np.ndarray:
        """Which classes are present, `float32` C."""
        return np.array([name in record.labels for name in self.classes], np.float32)

    def read_mask(self, record: Record) -> np.ndarray:
        """The true labels, H×W `uint8`, 255 where not scored.

        Raises:
            InputError: the record has no mask or it cannot be read.
        """
        if record.mask is None:
            raise InputError(f"image '{record.id}' has no mask, but one is needed here.")
        lookup = np.full(256, UNDECIDED, np.uint8)
        lookup[list(self.mask_values)] = np.arange(len(self.mask_values), dtype=np.uint8)
        labels: np.ndarray = lookup[read_labels(record.mask)]
        return labels


def proxy_records(index: Index) -> Sequence[Record]:
    """The images that get maps and proxy labels: training and validation, in the order of the index.

    Validation proxies are for looking at; nothing trains on them.
    """
    return index.split("train", "val")


def shard(records: Sequence[Record], item: str) -> list[Record]:
    """The part of the records that a scatter item such as `2-of-8` stands for; parts differ by one at most.

    Raises:
        InputError: the item is not `i-of-n` with 1 ≤ i ≤ n.
    """
    try:
        part, count = (int(number) for number in item.split("-of-"))
    except ValueError:
        part = count = 0
    if not 1 <= part <= count:
        raise InputError(f"shard '{item}' was given; 'i-of-n' such as '2-of-8' was expected.")
    return list(records[len(records) * (part - 1) // count : len(records) * part // count])


def parse_labels(text: str, image_id: str, classes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Split `cat|dog`, keep the chosen classes in their order, refuse names neither chosen nor known.

    Raises:
        InputError: a name is unknown; the nearest known one is suggested.
    """
    names = [name.strip() for name in text.split("|") if name.strip()]
    allowed = [*classes, *known]
    for name in names:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            listed = ", ".join(dict.fromkeys(allowed))
            hint = f"did you mean '{near[0]}'?" if near else f"known classes: {listed}."
            raise InputError(f"image '{image_id}' has the unknown class '{name}'; {hint}")
    return tuple(name for name in classes if name in names)


def check(index: Index, highest: int) -> None:
    """Open every image and mask once, so that no later stage dies of one.

    Args:
        index: what is to be checked.
        highest: the largest value besides 255 that may stand in a mask.

    Raises:
        InputError: an image is missing or damaged, a mask has another size or a value out of range, an id
            stands twice, a training image has no label, or a split is empty.
    """
    seen: set[str] = set()
    for record in index.records:
        check_id(record.id)
        if record.id in seen:
            raise InputError(f"image id '{record.id}' stands twice in the index; every id must be unique.")
        seen.add(record.id)
        size = read_image(record.image).shape[:2]
        if record.split == "train" and not record.labels:
            raise InputError(
                f"training image '{record.id}' has none of the chosen classes ({', '.join(index.classes)}); "
                "give it a label or drop its row."
            )
        if record.mask is not None:
            _check_mask(record, record.mask, size, highest)
    for split in ("train", "val"):
        if not index.split(split):
            raise InputError(f"no image is in the split '{split}'; at least one is needed.")


def _check_mask(record: Record, path: Path, size: tuple[int, ...], highest: int) -> None:
    labels = read_labels(path)
    if labels.shape != size:
        raise InputError(
            f"mask {path} is {labels.shape[1]}×{labels.shape[0]} pixels, its image {record.image} "
            f"{size[1]}×{size[0]}; both must have one size: export the mask again."
        )
    found = int(labels[labels != UNDECIDED].max(initial=0))
    if record.split != "saliency" and found > highest:
        raise InputError(
            f"mask {path} holds the index {found}; 0…{highest} or 255 was expected: "
            "name every class of the masks, in their order, in dataset.table.all_classes."
        )


def write_index(folder: Path, index: Index) -> None:
    """Write `index.csv` and `classes.csv` into `folder`, atomically, the index last."""
    rows = [f"{i},{name},{value}" for i, (name, value) in enumerate(_named(index))]
    write_text(folder / "classes.csv", "\n".join(["index,name,mask_value", *rows]) + "\n")
    with (
        atomic_path(folder / "index.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record in index.records:
            mask = "" if record.mask is None else record.mask.as_posix()
            writer.writerow([record.id, record.image.as_posix(), record.split, "|".join(record.labels), mask])


def _named(index: Index) -> Iterable[tuple[str, int]]:
    return zip(("background", *index.classes), index.mask_values, strict=True)


def read_index(index_path: Path, classes_path: Path) -> Index:
    """Read what `write_index` wrote.

    Raises:
        InputError: a file is missing, lacks its columns or was cut short.
    """
    classes = _rows(classes_path, ("index", "name", "mask_value"))
    records = Records(index_path)
    try:
        mask_values = tuple(int(row["mask_value"]) for row in classes)
    except ValueError as error:
        raise InputError(f"{classes_path} has a mask_value that is no number ({error}); {AGAIN}.") from None
    return Index(records, tuple(row["name"] for row in classes[1:]), mask_values)


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if list(reader.fieldnames or []) != list(columns):
                raise InputError(
                    f"{path} has the columns {reader.fieldnames}; {', '.join(columns)} were expected: {AGAIN}."
                )
            rows = list(reader)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); run the dataset stage first.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); {AGAIN}.") from None
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path} line {number} is damaged; {AGAIN}.")
    return rows
