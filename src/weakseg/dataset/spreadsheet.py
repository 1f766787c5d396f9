"""Reads tables and lists as spreadsheets and editors write them.

Accepted: commas, semicolons or tabs as separators (taken from the header); UTF-8 with or without a byte-order mark,
UTF-16 with one; any line ends; blanks around values; empty lines; trailing empty columns and rows; Excel's line `sep=;`
before the header. Formulas are plain text. Ambiguous tables are refused.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

from weakseg.errors import InputError, started_in

SEPARATORS = (",", ";", "\t")
LARGEST = 1 << 29
"""Bytes of a table or list that are read: a line for each of some million images."""
_ZIP = b"PK\x03\x04"  # what workbooks of Excel and LibreOffice start with
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([,;\t])"?[^\S\r\n]*(?:\r\n|\n|\r)', re.IGNORECASE)


def read_table(path: Path, columns: Sequence[str], key: str) -> list[dict[str, str]]:
    """The rows of a table as column → stripped value; other columns are ignored.

    Args:
        path: the table; its first line names the columns, in any order and any case.
        columns: the required ones.
        key: configuration key of the table, for messages.

    Raises:
        InputError: missing, not text, a column or all rows are missing, a row does not fit, or a quote is open.
    """
    spelled, rows = _read(path, columns, key)
    header = [name.lower() for name in spelled]
    places = {column: header.index(column) for column in columns}
    for line in rows:
        _check_row(path, *line, header, max(places.values()))
    return [{column: values[place] for column, place in places.items()} for _, values in rows]


def read_columns(path: Path, columns: Sequence[str], key: str) -> tuple[list[str], list[list[str]]]:
    """All columns of a table, as its first line spells them, and the stripped values of each row.

    Args:
        path: the table.
        columns: names that must be among the columns, in any case.
        key: configuration key of the table, for messages.

    Raises:
        InputError: as `read_table`, or it is empty.
    """
    header, rows = _read(path, [name.lower() for name in columns], key)
    if not any(header):
        raise InputError(
            f"{path} is empty; a table whose first line names the columns was expected: correct {key}."
        )
    while not header[-1]:  # trailing empty columns
        header.pop()
    for line in rows:
        _check_row(path, *line, header, len(header) - 1)
    return header, [values[: len(header)] for _, values in rows]


def _read(path: Path, columns: Sequence[str], key: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns, and number and values of each other line."""
    text = read_text(path, f"set {key} to a UTF-8 CSV file")
    _check_kind(path, text, columns)
    filled = [(number, values) for number, values in _lines(path, text) if any(values)]
    header = filled[0][1] if filled else []
    _check_header(path, [name.lower() for name in header], columns)
    if len(filled) == 1:
        raise InputError(f"labels table {path} has no rows; one per image was expected: add them.")
    return header, filled[1:]


def _lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Number and values of every line; Excel's own first line may give the separator."""
    excel = _SEPARATOR_LINE.match(text)
    text, before = (text[excel.end() :], text[: excel.end()].count("\n")) if excel else (text, 0)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    separator = excel[1] if excel else max(SEPARATORS, key=first.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        return [(before + reader.line_num, [value.strip() for value in line]) for line in reader]
    except csv.Error as error:
        raise InputError(
            f"labels table {path} line {before + reader.line_num} cannot be read ({error}); a quote that is never "
            "closed, or text next to one, is the usual cause: correct the line."
        ) from None


def _check_kind(path: Path, text: str, columns: Sequence[str]) -> None:
    """Refuse JSON with a message of its own."""
    if text.lstrip()[:1] not in ("{", "["):
        return
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return
    coco = isinstance(held, dict) and {"images", "annotations"} <= held.keys()
    what = "JSON in COCO's format (images, annotations, categories)" if coco else "JSON"
    raise InputError(
        f"labels table {path} is {what}; a CSV file with the columns {', '.join(columns)} was expected: write one row "
        f"per image, its classes joined by '|'{', or set dataset.source to coco' * coco}."
    )


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    lacking = [column for column in columns if column not in header]
    if lacking:
        raise InputError(
            f"labels table {path} has the columns {header[:20]}; {', '.join(columns)} were expected, between "
            f"commas, semicolons or tabs: add '{lacking[0]}'."
        )
    twice = [column for column in columns if header.count(column) > 1]
    if twice:
        raise InputError(
            f"labels table {path} has two columns '{twice[0]}'; one was expected: remove the other."
        )


def _check_row(path: Path, number: int, values: list[str], header: Sequence[str], last: int) -> None:
    """Refuse a row without column `last`, with values beyond the header, or over several lines."""
    where = f"labels table {path} line {number}"
    if len(values) <= last:
        raise InputError(f"{where} has fewer than {last + 1} columns; complete it.")
    if len(values) > len(header) and any(values[len(header) :]):
        raise InputError(
            f"{where} has {len(values)} values, the header {len(header)} columns; join several classes by '|', and "
            "put quotes around a value that holds the separator."
        )
    whole = "".join(values)
    if "\n" in whole or "\r" in whole:
        raise InputError(
            f"{where} has a value of several lines, as an open quote makes it; one line per image was expected: close "
            "the quote or remove the line break."
        )


def read_list(path: Path) -> list[str]:
    """Ids of a text file, one a line; blank lines are skipped.

    Raises:
        InputError: the file is missing or not text.
    """
    text = read_text(path, "correct its path or save it as UTF-8, one id a line")
    return [line.strip() for line in io.StringIO(text, newline=None) if line.strip()]


def read_text(path: Path, remedy: str, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte-order mark.

    Args:
        path: the file.
        remedy: what to do about another kind of file, for messages.
        largest: bytes that are read.

    Raises:
        InputError: missing, larger, or in another encoding.
    """
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise InputError(
                f"{path} has more than the {largest:,} bytes that are read of such a file; {remedy}."
            )
        if content.startswith(_ZIP):
            raise InputError(
                f"{path} is a workbook (.xlsx, .ods) or another ZIP file; save its sheet as CSV and {remedy}."
            )
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}{started_in(path)}); {remedy}.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} cannot be read as text ({error.reason} at byte {error.start}); {remedy}."
        ) from None
    if "\0" in text:
        raise InputError(f"{path} cannot be read as text (it holds zero bytes); {remedy}.")
    return text


def columns_of(path: Path) -> list[str]:
    """The names in a table's first line, in small letters; empty if it has none.

    Raises:
        InputError: missing or not text.
    """
    lines = _lines(path, read_text(path, "give a UTF-8 CSV file"))
    return next(([name.lower() for name in values] for _, values in lines if any(values)), [])
