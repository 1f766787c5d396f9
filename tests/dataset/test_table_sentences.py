"""Tables and folders that nearly fit: read where nothing else can be meant, else the sentence names what was meant."""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import read_index
from weakseg.dataset.sources.table import list_table
from weakseg.errors import InputError

HEADER = "image,labels,split\n"
REST = "im01.jpg,dog,train\nim04.jpg,cat,val\n"
COMPOSED, DECOMPOSED = "K\u00e4fer", "Ka\u0308fer"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six images im00.jpg … im05.jpg, and no table yet."""
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.new("RGB", (6, 4)).save(tmp_path / "images" / f"im{number:02}.jpg")
    return tmp_path


def run(
    data: Path, table: str, classes: Sequence[str] = ("cat", "dog"), images: str = "images", **more: Any
) -> Result:
    (data / "labels.csv").write_text(table, encoding="utf-8")
    section = {"images": str(data / images), "labels": str(data / "labels.csv")} | more
    settings = {"source": "table", "classes": [*classes], "table": section}
    (data / "dataset.json").write_text(json.dumps(settings))
    return CliRunner().invoke(
        weakseg, ["dataset", "index", "--config", str(data / "dataset.json"), "--out", str(data / "out")]
    )


def refused(result: Result, *parts: str) -> None:
    assert isinstance(result.exception, InputError), result.output
    text = str(result.exception)
    assert [part for part in parts if part not in text] == [], text


def records(data: Path, result: Result) -> dict[str, tuple[str, ...]]:
    assert result.exit_code == 0, result.exception
    index = read_index(data / "out" / "index.csv", data / "out" / "classes.csv")
    return {record.id: record.labels for record in index.records}


# -------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "cell", ["cat,dog", "cat, dog", "cat; dog", "cat/dog", "cat + dog", "cat dog", "cat & dog"]
)
def test_another_joiner(data: Path, cell: str) -> None:
    refused(
        run(data, f'{HEADER}im00.jpg,"{cell}",train\n{REST}'),
        f"'im00.jpg' has the unknown class '{cell}'; several classes are joined by '|': write cat|dog.",
    )


def test_a_comma_without_quotes(data: Path) -> None:
    refused(
        run(data, f"{HEADER}im00.jpg,cat,dog,train\n{REST}"),
        "line 2 has 4 values",
        "join several classes by '|'",
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (
            "cat/kitten",
            "the name 'cat/kitten' has '/'; a name may hold anything but | / , \\ and control characters",
        ),
        ("cat|dog", "has '|'"),
        ("big, brown", "has ','"),
        ("a\tb", "has '\\t'"),
        (" cat", "a name without blanks at its ends was expected, found ' cat'"),
        ("", "a name without blanks at its ends was expected, found ''"),
    ],
)
def test_characters_that_a_class_may_not_have(data: Path, name: str, part: str) -> None:
    result = run(data, f"{HEADER}im00.jpg,cat,train\n{REST}", classes=(name, "dog"))
    refused(result, "'classes.0': ", part)
    assert "String should match" not in str(result.exception)


@pytest.mark.parametrize(("cell", "name"), [(DECOMPOSED, COMPOSED), (COMPOSED, DECOMPOSED)])
def test_a_class_in_another_coding_of_accents(data: Path, cell: str, name: str) -> None:
    table = f"{HEADER}im00.jpg,{cell},train\n{REST.replace('cat', cell)}"
    assert records(data, run(data, table, classes=(name, "dog")))["im00"] == (COMPOSED,)


def test_one_class_in_two_codings_is_one(data: Path) -> None:
    refused(run(data, HEADER + REST, classes=(COMPOSED, DECOMPOSED)), "class names must differ")


@pytest.mark.parametrize("cell", ["background", "Background", "cat|background", "__background__"])
def test_background_is_no_label(data: Path, cell: str) -> None:
    refused(
        run(data, f"{HEADER}im00.jpg,{cell},train\n{REST}"),
        "background is class 0 of every image: leave it out",
    )


def test_a_class_in_other_capitals(data: Path) -> None:
    refused(run(data, f"{HEADER}im00.jpg,Cat,train\n{REST}"), "unknown class 'Cat'; did you mean 'cat'?")


# --------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(("table", "disk"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_file_in_another_coding_of_accents_is_found(data: Path, table: str, disk: str) -> None:
    (data / "images" / "im00.jpg").rename(data / "images" / f"{disk}.jpg")
    found = records(data, run(data, f"{HEADER}{table}.jpg,cat,train\n{REST}"))
    assert [unicodedata.normalize("NFC", name) for name in found] == [COMPOSED, "im01", "im04"]
    assert disk in found  # as the disk has it, so that masks and maps beside it are found


@pytest.mark.parametrize(
    ("row", "file", "part"),
    [
        ("im00.jpg", "im00.jpeg", "im00.jpeg is there: correct the row or rename the file"),
        ("im00.jpg", "im00.JPG", "im00.JPG is there"),
        ("im00.jpg", "IM00.jpg", "IM00.jpg is there"),
        ("im00", "IM00.jpg", "IM00.jpg is there"),
        ("im00.jpg", "im00.png", "im00.png is there"),
        ("12", "0012.jpg", "0012.jpg is there (spreadsheets drop the zeros before a number"),
        ("12.0", "0012.jpg", "0012.jpg is there (spreadsheets drop the zeros"),
        ("img_7.jpg", "img_007.jpg", "img_007.jpg is there"),
        ("im00.jpg", "im00.heic", "im00.heic is there, but .heic is not read: convert it to JPEG or PNG"),
        ("im00", "im00.avif", "im00.avif is there, but .avif is not read"),
        ("im00.jpg", "deep/im00.jpg", "deep/im00.jpg is there"),
        ("photos/im00.jpg", "im00.jpg", "im00.jpg is there"),
    ],
)
def test_the_file_that_was_meant_is_named(data: Path, row: str, file: str, part: str) -> None:
    (data / "images" / "deep").mkdir()
    (data / "images" / "im00.jpg").rename(data / "images" / file)
    refused(
        run(data, f"{HEADER}{row},cat,train\n{REST}"),
        f"image '{row}' was not found in {data / 'images'}, but {part}",
    )


def test_a_file_that_is_like_nothing(data: Path) -> None:
    refused(
        run(data, f"{HEADER}zebra.jpg,cat,train\n{REST}"),
        "'zebra.jpg' was not found",
        "add the file or drop its row",
    )


def test_a_file_of_another_folder_is_not_meant(data: Path) -> None:
    (data / "images" / "a").mkdir()
    (data / "images" / "im00.jpg").rename(data / "images" / "a" / "im00.jpg")
    refused(run(data, f"{HEADER}b/im00.jpg,cat,train\n{REST}"), "'b/im00.jpg' was not found", "add the file")


def test_backslashes(data: Path) -> None:
    refused(
        run(data, f"{HEADER}deep\\im00.jpg,cat,train\n{REST}"), "has a backslash", "write 'deep/im00.jpg'"
    )


def test_jfif_is_read(data: Path) -> None:
    (data / "images" / "im00.jpg").rename(data / "images" / "im00.jfif")
    assert "im00" in records(data, run(data, f"{HEADER}im00,cat,train\n{REST}"))
    assert "im00" in records(data, run(data, f"{HEADER}im00.jfif,cat,train\n{REST}"))


MANY = HEADER + "".join(f"im{n:02}.jpg,cat,{'val' if n % 2 else 'train'}\n" for n in range(4))


def test_a_wrong_folder_is_one_sentence(data: Path) -> None:
    (data / "empty").mkdir()
    result = run(data, MANY, images="empty")
    refused(
        result,
        f"none of the 4 images of {data / 'labels.csv'} was found in {data / 'empty'}",
        "(im00.jpg, im01.jpg, im02.jpg and 1 more)",
        f"it holds 0 files; {data / 'images'} holds im00.jpg: set dataset.table.images to {data / 'images'}.",
    )
    assert "\n" not in str(result.exception)


def test_a_wrong_extension_of_all_is_one_sentence(data: Path) -> None:
    for path in [*(data / "images").iterdir()]:
        path.rename(path.with_suffix(".jpeg"))
    result = run(data, MANY)
    refused(result, "none of the 4 images", "it holds 6 files: im00.jpeg", "for im00.jpg, im00.jpeg is there")
    assert "\n" not in str(result.exception)


def test_a_missing_folder(data: Path) -> None:
    refused(
        run(data, MANY, images="image"),
        f"dataset.table.images is {data / 'image'}, which does not exist",
        f"{data / 'images'} holds im00.jpg: set dataset.table.images to {data / 'images'}.",
    )


def test_a_missing_folder_whose_images_lie_below_another_is_one_sentence(data: Path) -> None:
    (data / "photos").mkdir()
    (data / "images").rename(data / "photos" / "img")
    refused(
        run(data, MANY, images="photos"),
        f"{data / 'photos' / 'img'} holds im00.jpg: set dataset.table.images",
    )


def test_what_a_relative_path_is_relative_to_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "elsewhere").mkdir()
    monkeypatch.chdir(data / "elsewhere")
    (data / "labels.csv").write_text(MANY)
    where = f" in {data / 'elsewhere'}, where the command was started"
    with pytest.raises(
        InputError, match=re.escape(f"images is pictures, which does not exist{where}; a folder")
    ):
        list_table(Path("pictures"), data / "labels.csv", None, ["cat"])
    with pytest.raises(
        InputError, match=re.escape(f"table.csv cannot be read (No such file or directory{where})")
    ):
        list_table(Path("pictures"), Path("table.csv"), None, ["cat"])


ROWS = [f"im{n:02}.jpg" for n in range(5)]


@pytest.mark.parametrize(
    ("rename", "part"),
    [
        (lambda name: name.replace(".jpg", ".jpeg"), "for 'im00.jpg', im00.jpeg is there: correct the row"),
        (lambda name: name.upper(), "for 'im00.jpg', IM00.JPG is there: correct the row"),
        (
            lambda name: name.replace("im", "im0"),
            "for 'im00.jpg', im000.jpg is there (spreadsheets drop the zeros before a number",
        ),
        (
            lambda name: name.replace("im", "b"),
            "which holds 6 files: b00.jpg, b01.jpg, b02.jpg and 3 more: add",
        ),
    ],
)
def test_images_missing_for_one_reason_are_one_sentence(
    data: Path, rename: Callable[[str], str], part: str
) -> None:
    for name in ROWS[:4]:
        (data / "images" / name).rename(data / "images" / rename(name))
    table = HEADER + "".join(f"{name},cat,{'val' if name == ROWS[4] else 'train'}\n" for name in ROWS)
    first, line, last = str(run(data, table).exception).splitlines()
    assert first == "4 of 5 images cannot be used:"
    assert line.startswith(
        f"  4 images (im00.jpg, im01.jpg, im02.jpg and 1 more) are not in {data / 'images'}"
    )
    assert part in line
    assert last.startswith("Mend them, drop their rows")


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("Cat", "have the unknown class 'Cat'; did you mean 'cat'?"),
        ("cat; dog", "have labels such as 'cat; dog'; several classes are joined by '|': write cat|dog."),
        (
            "none",
            "have labels such as 'none'; background is class 0 of every image: leave it out of the labels.",
        ),
    ],
)
def test_a_mistake_in_many_labels_is_one_sentence(data: Path, cell: str, sentence: str) -> None:
    table = HEADER + "".join(f'{name},"{cell}",train\n' for name in ROWS)
    result = run(data, table)
    assert str(result.exception) == f"5 images (im00.jpg, im01.jpg, im02.jpg and 2 more) {sentence}"


def test_a_wrong_split_of_many_rows_is_one_sentence(data: Path) -> None:
    table = HEADER + "".join(f"{name},cat,test\n" for name in ROWS)
    refused(
        run(data, table), "5 images (im00.jpg, im01.jpg, im02.jpg and 2 more) of ", "are in the split 'test'"
    )


def test_different_mistakes_are_told_together(data: Path) -> None:
    cells = ["Cat", "Cat", "dgo", "cat", "cat"]
    table = HEADER + "".join(f"{name},{cell},train\n" for name, cell in zip(ROWS, cells, strict=True))
    first, *kinds, last = str(run(data, table).exception).splitlines()
    assert first == f"3 rows of {data / 'labels.csv'} cannot be read:"
    assert kinds == [
        "  2 images (im00.jpg, im01.jpg) have the unknown class 'Cat'; did you mean 'cat'?",
        "  image 'im02.jpg' has the unknown class 'dgo'; did you mean 'dog'?",
    ]
    assert last == "Correct these rows, then run the same command again."


def test_files_that_are_left_out_are_counted(data: Path) -> None:
    for name in ("b.heic", "a.avif", "notes.txt", ".hidden.jpg"):
        (data / "images" / name).write_bytes(b"")
    lines = run(data, f"{HEADER}im00,cat,train\n{REST}").output.splitlines()
    assert lines[3:] == [
        f"3 images in {data / 'images'} not named by {data / 'labels.csv'}, left out: im02.jpg, im03.jpg, im05.jpg",
        f"2 files in {data / 'images'} of extensions that are not read (.avif, .heic): a.avif, b.heic",
    ]


# ------------------------------------------------------------------------------------------------ kinds of tables


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("first", ["sep={}", "SEP={}", '"sep={}"'])
def test_the_separator_that_excel_tells(data: Path, separator: str, first: str) -> None:
    table = (HEADER + "im00.jpg,cat,train\n" + REST).replace(",", separator)
    assert [*records(data, run(data, f"{first.format(separator)}\r\n{table}"))] == ["im00", "im01", "im04"]
    refused(
        run(data, f"{first.format(separator)}\n{table}im05.jpg{separator}cat\n"), "line 6 has fewer than 3"
    )


@pytest.mark.parametrize(
    ("held", "part"),
    [
        (
            {"images": [], "annotations": [], "categories": []},
            "is JSON in COCO's format (images, annotations, categories)",
        ),
        ([{"image": "im00.jpg"}], "is JSON; a CSV file with the columns image, labels, split was expected"),
    ],
)
def test_json_is_called_so(data: Path, held: Any, part: str) -> None:
    refused(run(data, json.dumps(held, indent=1)), part, "write one row per image, its classes joined by '|'")


def test_a_workbook_is_called_so(data: Path) -> None:
    (data / "book.xlsx").write_bytes(b"PK\x03\x04\x14\x00")
    refused(
        run(data, MANY, labels=str(data / "book.xlsx")), "book.xlsx is a workbook", "save its sheet as CSV"
    )


# --------------------------------------------------------------------------------------------------------- lists


def lists(data: Path, train: str, val: str) -> dict[str, str]:
    (data / "train.txt").write_text(train)
    (data / "val.txt").write_text(val)
    return {name: str(data / f"{name}.txt") for name in ("train", "val")}


def test_with_lists_the_column_split_is_not_needed(data: Path) -> None:
    table = "image,labels\nim00.jpg,cat\nim01.jpg,dog\nim02.jpg,cat\n"
    result = run(data, table, lists=lists(data, "im00.jpg\n", "im01.jpg\n"))
    assert [*records(data, result)] == ["im00", "im01"]
    assert f"1 row of {data / 'labels.csv'} in none of the lists, left out: im02.jpg" in result.output
    refused(run(data, table), "add 'split'")


def test_a_list_that_calls_an_image_otherwise(data: Path) -> None:
    refused(
        run(data, MANY, lists=lists(data, "im00\n", "im01.jpg\n")),
        "image 'im00'",
        "the table calls it 'im00.jpg'",
    )


@pytest.mark.parametrize(("given", "lacking"), [("train", "val"), ("val", "train")])
def test_one_list_alone_is_refused(data: Path, given: str, lacking: str) -> None:
    refused(run(data, MANY, lists={given: "x.txt"}), f"lists has '{given}' alone", f"add '{lacking}'")
