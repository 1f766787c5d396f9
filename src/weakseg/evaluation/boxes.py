"""True boxes of the objects: from masks, from PASCAL VOC's annotations, or from a table."""

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom excluded."""
Boxes = Mapping[str, list[Box]]
"""Class name → boxes."""
COLUMNS = ("id", "class", "left", "top", "right", "bottom")


def box_source(index: Index, source: str, least: float = 0.0) -> Callable[[Record], Boxes | None]:
    """A function from a record to its true boxes; `None` if they are unknown.

    Args:
        index: the data set.
        source: `masks`, a folder of VOC's XML files, or a CSV file with the columns of `COLUMNS`.
        least: for `masks`: share of the image below which a region does not count as an object.

    Raises:
        InputError: the source is none of these.
    """
    if source == "masks":
        return lambda record: None if record.mask is None else mask_boxes(index, record, least)
    path = Path(source)
    if path.is_dir():
        return lambda record: xml_boxes(path / f"{record.id}.xml", index)
    if path.is_file():
        table = csv_boxes(path, index)
        return lambda record: table.get(record.id)
    raise InputError(
        f"evaluation.boxes is '{source}'; 'masks', a folder of VOC annotations or a CSV file was expected: correct it."
    )


def mask_boxes(index: Index, record: Record, least: float = 0.0) -> Boxes:
    """One box around each 8-connected region of a class in the mask.

    Regions below the share `least` of the image are left out. Touching objects of one class are one region.
    """
    mask = index.read_mask(record)
    found: dict[str, list[Box]] = {}
    for number, name in enumerate(index.classes, start=1):
        _, _, table, _ = cv2.connectedComponentsWithStats((mask == number).astype(np.uint8), connectivity=8)
        large = table[1:][table[1:, cv2.CC_STAT_AREA] >= least * mask.size]
        if len(large):
            found[name] = [_box(*row[:4]) for row in large]
    return found


def xml_boxes(path: Path, index: Index) -> Boxes | None:
    """Read VOC's boxes, which count from 1 and include both ends; classes outside of the index are left out."""
    if not path.is_file():
        return None
    found: dict[str, list[Box]] = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "<!DOCTYPE" in text:  # entities defined in one can expand to gigabytes
            raise ValueError("it has a DOCTYPE, which VOC files never have")
        for item in ElementTree.fromstring(text).iter("object"):
            name, box = item.findtext("name", ""), item.find("bndbox")
            if name in index.classes and box is not None:
                ends = [round(float(box.findtext(end, ""))) for end in ("xmin", "ymin", "xmax", "ymax")]
                found.setdefault(name, []).append((ends[0] - 1, ends[1] - 1, ends[2], ends[3]))
    except (ElementTree.ParseError, OSError, ValueError, OverflowError) as error:  # inf has no nearest pixel
        raise InputError(
            f"annotation {path} cannot be read ({error}); a VOC annotation with bndbox of four numbers was expected: "
            "replace it."
        ) from None
    return found


def csv_boxes(path: Path, index: Index) -> dict[str, dict[str, list[Box]]]:
    """Image id → boxes of a table; right and bottom are excluded.

    Raises:
        InputError: other columns, an unknown class or a box without area.
    """
    found: dict[str, dict[str, list[Box]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or []):
                raise InputError(
                    f"{path} has the columns {', '.join(reader.fieldnames or [])}; {', '.join(COLUMNS)} were expected: "
                    "correct it."
                )
            for number, row in enumerate(reader, start=2):
                boxes = found.setdefault(row["id"], {}).setdefault(row["class"], [])
                boxes.append(_row_box(row, f"{path} line {number}", index))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); a CSV table of boxes was expected: replace it."
        ) from None
    return found


def _row_box(row: Mapping[str, str], where: str, index: Index) -> Box:
    if row["class"] not in index.classes:
        raise InputError(
            f"{where} names the class '{row['class']}'; one of {', '.join(index.classes)} was expected: correct it."
        )
    try:
        left, top, right, bottom = (round(float(row[end])) for end in COLUMNS[2:])
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{where} has an end that is not a number; four numbers were expected: correct it."
        ) from None
    if left >= right or top >= bottom:
        raise InputError(
            f"{where} is the box {left}, {top}, {right}, {bottom} without area; left < right and top < bottom were "
            "expected: correct it."
        )
    return left, top, right, bottom


def _box(left: int, top: int, width: int, height: int) -> Box:
    return int(left), int(top), int(left + width), int(top + height)
