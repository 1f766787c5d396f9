"""Tables and lists as spreadsheets write them: read as they were meant, or refused in one sentence.

The short form runs always. `pytest tests/fuzz tests/inspector/test_fuzz.py --hypothesis-profile=long` tries 3,000 cases
a test, more than 50,000 together.
"""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from indexed import index_table
from weakseg.dataset.check import parse_labels, refuse_bad_images
from weakseg.dataset.index import Index
from weakseg.dataset.records import SPLITS
from weakseg.dataset.spreadsheet import read_list
from weakseg.errors import InputError

CLASSES = ("cat", "sea lion", "Möwe", "a;b", "tab-les", "potted plant")
NAMES = (
    "one.png",
    "two words.png",
    "drei.png",
    "deep/Möwe.png",
    "se;mi.png",
    'quo"te.png',
    "com,ma.png",
    "=1+1.png",
)
Write = Callable[[bytes], Path]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "images"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def write(images: Path) -> Write:
    """Writes the one table of this module, again each time."""

    def written(content: bytes) -> Path:
        path = images.parent / "labels.csv"
        path.write_bytes(content)
        return path

    return written


def indexed(images: Path, table: Path) -> Index:
    return index_table(images, table, None, CLASSES)


def one_sentence(error: InputError) -> bool:
    """One sentence; of several kinds of faults one a line, between what was found and what to do."""
    first, *lines = str(error).split("\n")
    if lines:
        *kinds, last = lines
        listed = first.endswith(("cannot be read:", "cannot be used:")) and all(
            kind.startswith("  ") and kind[-1] in ".?" for kind in kinds
        )
        return (
            listed and len(kinds) > 1 and last.endswith("the same command again.") and "\r" not in str(error)
        )
    return "\r" not in first and first[-1] in ".?" and len(first) < 1500


# ---------------------------------------------------------------------------------------- what is meant is read

Rows = list[tuple[str, tuple[str, ...], str]]
rows_of_a_table = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from(SPLITS),
    ),
    min_size=1,
    max_size=len(NAMES),
    unique_by=lambda row: row[0],
)
blanks = st.sampled_from(["", "", " ", "  ", "\t", "\u00a0"])


def encoded(text: str, encoding: str) -> bytes:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    return mark + text.encode(encoding)


@given(data=st.data(), rows=rows_of_a_table)
def test_what_spreadsheets_do_changes_nothing(
    images: Path, write: Write, data: st.DataObject, rows: Rows
) -> None:
    """Separators, quotes, encodings, marks, line ends, blanks, case and order of columns, empty cells and lines."""
    draw = data.draw
    columns = draw(st.permutations(["image", "labels", "split", *draw(st.sampled_from([[], ["notes"]]))]))
    separator, newline = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    empty = draw(st.integers(0, 2))
    pad = (lambda text: text) if separator == "\t" else (lambda text: draw(blanks) + text + draw(blanks))
    lines = [[draw(st.sampled_from([str.lower, str.upper, str.title]))(name) for name in columns]]
    for name, labels, split in rows:
        cells = {"image": name, "labels": "|".join(labels), "split": split, "notes": "=cmd|' /C calc'!A0"}
        lines += [[pad(cells[column]) for column in columns]]
        lines += [draw(st.sampled_from([[], [""] * (len(columns) + empty)]))] * draw(st.integers(0, 1))
    text = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=newline)
    writer.writerows([*line, *[""] * empty] if line else [] for line in lines)
    whole = text.getvalue().rstrip("\r\n") if draw(st.booleans()) else text.getvalue()
    found = indexed(
        images,
        write(encoded(whole, draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])))),
    )
    expected = [
        (name.removesuffix(".png"), tuple(c for c in CLASSES if c in labels), split)
        for name, labels, split in rows
    ]
    assert [(record.id, record.labels, record.split) for record in found.records] == expected
    assert found.bad == ()


@given(ids=st.lists(st.sampled_from(NAMES), min_size=1, unique=True), data=st.data())
def test_lists_of_ids(write: Write, ids: list[str], data: st.DataObject) -> None:
    newline = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [
        data.draw(blanks) + name + data.draw(blanks) + newline * data.draw(st.integers(1, 3)) for name in ids
    ]
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]))
    assert read_list(write(encoded("".join(lines), encoding))) == ids


# -------------------------------------------------------------------------------------- what is not, is refused

TABLE = "image,labels,split\none.png,cat,train\ndrei.png,sea lion|cat,val\ndeep/Möwe.png,Möwe,train\n"
TOKENS = (
    '"',
    ";",
    ",",
    "\t",
    "|",
    "\0",
    "\r",
    "\n",
    "../",
    "/etc/",
    "=cmd|' /C calc'!A0",
    "\ufeff",
    "\u2028",
    "\x1b[2J",
)


@given(data=st.data())
def test_changed_bytes_are_refused_or_read_as_a_table(
    images: Path, write: Write, data: st.DataObject
) -> None:
    content = TABLE.encode()
    tokens = st.one_of(st.sampled_from(TOKENS).map(str.encode), st.binary(max_size=4))
    for _ in range(data.draw(st.integers(1, 4))):
        place, removed = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 6))
        content = content[:place] + data.draw(tokens) + content[place + removed :]
    try:
        found = indexed(images, write(content))
    except InputError as error:
        assert one_sentence(error)
        return
    ids = [record.id for record in found.records] + [item.id for item in found.bad]
    assert len(ids) == len(set(ids))
    for record in found.records:
        assert record.image.resolve().is_relative_to(images)
        assert record.split in SPLITS
        assert set(record.labels) <= set(CLASSES)
        assert record.labels or record.split != "train"
        # Lines as CSV has them: str.splitlines() also splits at U+2028, which may stand in a cell.
        lines = re.split(r"[\r\n]+", content.decode(errors="replace"))
        line = next(line for line in lines if record.id in line)
        assert all(name in line for name in record.labels)  # no label of another row


@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_file_is_refused(images: Path, write: Write, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        indexed(images, write(content))
    assert one_sentence(caught.value)
    try:
        ids = read_list(write(content))
    except InputError as error:
        assert one_sentence(error)
    else:
        assert all(name == name.strip() != "" for name in ids)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac-roman", "cp850", "utf-32", "utf-32-le"])
def test_other_encodings_are_refused(images: Path, write: Write, encoding: str) -> None:
    for read in (lambda path: indexed(images, path), read_list):
        with pytest.raises(InputError, match="cannot be read as text") as caught:
            read(write(TABLE.encode(encoding)))
        assert "UTF-8" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('image,labels,split,notes\none.png,cat,train,"5 inches\ndrei.png,cat,val,x\n', "never closed"),
        (
            'image,labels,split,notes\none.png,cat,train,"5\ndrei.png,cat,val,6"\n',
            "line 3 has a value of several",
        ),
        ("image,labels,split\none.png,cat,sea lion,train\n", "line 2 has 4 values, the header 3 columns"),
        ("image,labels,split,labels\none.png,cat,train,cat\n", "two columns 'labels'"),
        ("image,labels,split\none.png;cat;train\n", "line 2 has fewer than 3 columns"),
        ('image,labels,split\n"one.png"x,cat,train\n', "line 2 cannot be read"),
        ("image,labels,split\none.png,cat,train\n\n\nz,cat\n", "line 5 has fewer than 3 columns"),
        ("image,labels,split\none.png,=SUM(A1),train\n", "does not list: =SUM(A1) (1)"),
        ("image,labels,split\n" + "a" * 200_000 + ",cat,train\n", "field larger than"),
    ],
)
def test_lines_that_could_be_read_in_two_ways(images: Path, write: Write, text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        indexed(images, write(text.encode()))
    assert part in str(caught.value)
    assert one_sentence(caught.value)


# ------------------------------------------------------------------------------------------------------ classes


@given(
    cell=st.text(alphabet=[*"|| ctaMöweslion;,\"'\n=\x1b"], max_size=30)
    | st.lists(st.sampled_from(CLASSES)).map("|".join)
)
def test_labels_are_those_of_the_cell_or_an_unknown_one_is_named(cell: str) -> None:
    names = [name.strip() for name in cell.split("|") if name.strip()]
    try:
        found = parse_labels(cell, "x", CLASSES, CLASSES)
    except InputError as error:
        unknown = next(name for name in names if name not in CLASSES)
        assert f"unknown class {unknown!r}; " in str(error)
        assert one_sentence(error)
    else:
        assert set(names) == set(found)
        assert list(found) == [name for name in CLASSES if name in found]


@given(name=st.sampled_from(["sea lion", "potted plant", "tab-les"]), data=st.data())
def test_a_slip_of_the_pen_is_answered_with_the_class_that_was_meant(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 2))
    swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    slip = data.draw(
        st.sampled_from([name[:place] + name[place + 1 :], swapped, name.upper(), name.title(), f"{name}s"])
    )
    assume(slip.strip() != name)
    with pytest.raises(InputError, match=f"did you mean '{name}'\\?"):
        parse_labels(f"cat|{slip}", "x", CLASSES, CLASSES)


@pytest.mark.parametrize("count", [1, 2, 254])
def test_as_many_classes_as_there_are_indices(table_data: Path, count: int) -> None:
    names = [f"class {number}" for number in range(1, count + 1)]
    mask = np.full((24, 32), count, np.uint8)
    Image.fromarray(mask).save(table_data / "masks" / "a.png")
    (table_data / "labels.csv").write_text(f"image,labels,split\na.jpg,{names[-1]},train\nb.jpg,,val\n")
    Image.fromarray(0 * mask).save(table_data / "masks" / "b.png")
    found = index_table(table_data / "images", table_data / "labels.csv", table_data / "masks", names)
    refuse_bad_images(found, "stop", table_data / "bad_images.csv")
    assert np.array_equal(found.read_mask(found.records[0]), mask)
    assert found.class_vector(found.records[0]).sum() == 1


def test_254_known_classes_do_not_flood_the_sentence() -> None:
    names = [f"class {number}" for number in range(1, 255)]
    with pytest.raises(InputError, match="class 20 and 234 more") as caught:
        parse_labels("xyzzy", "x", names, names)
    assert one_sentence(caught.value)
