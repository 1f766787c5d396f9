"""Files that are damaged, of another tool, or mean harm: one sentence each, and nothing of them is used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foreign import coco, listing, pictures, yolo
from weakseg.errors import InputError

Make = Callable[[Path], Any]
CATEGORIES = {1: "cat", 2: "dog"}
LONGEST = 1200  # characters of a sentence and the list below it


def good(data: Path) -> dict[str, Any]:
    """Four images and COCO's JSON of them."""
    pictures(data / "photos", *(f"{k}.jpg" for k in range(4)))
    return coco(data / "a.json", {k: f"{k}.jpg" for k in range(4)}, {0: [1], 1: [2], 2: [1, 2]}, CATEGORIES)


def raw(text: str | bytes) -> Make:
    def write(data: Path) -> None:
        good(data)
        (data / "a.json").write_bytes(text.encode() if isinstance(text, str) else text)

    return write


def changed(**more: Any) -> Make:
    def write(data: Path) -> None:
        held = good(data) | more
        (data / "a.json").write_text(
            json.dumps({key: value for key, value in held.items() if value is not None})
        )

    return write


def cut(share: float) -> Make:
    def write(data: Path) -> None:
        good(data)
        content = (data / "a.json").read_bytes()
        (data / "a.json").write_bytes(content[: int(len(content) * share)])

    return write


def named(name: Any) -> Make:
    return changed(images=[{"id": 0, "file_name": name}, {"id": 1, "file_name": "1.jpg"}], annotations=[])


def annotated(**more: Any) -> Make:
    return changed(annotations=[{"id": 1, "image_id": 0, "category_id": 1} | more])


def folder(data: Path) -> None:
    good(data)
    (data / "a.json").unlink()
    (data / "a.json").mkdir()


def nothing(data: Path) -> None:
    good(data)
    (data / "a.json").unlink()


def sparse(size: int) -> Make:
    """A file that claims a size without holding it."""

    def write(data: Path) -> None:
        good(data)
        with (data / "a.json").open("wb") as file:
            file.truncate(size)

    return write


COCO: dict[str, tuple[Make, str]] = {
    "truncated in half": (cut(0.5), "is not whole JSON (Input data was truncated)"),
    "truncated by one byte": (cut(0.999), "is not whole JSON"),
    "empty": (raw(""), "has 0 bytes"),
    "missing": (nothing, "cannot be read (No such file"),
    "a folder": (folder, "cannot be read (Is a directory"),
    "ten gigabytes": (sparse(10 << 30), "has 10,737,418,240 bytes"),
    "zeros": (sparse(5000), "is not whole JSON"),
    "no JSON": (raw("image,labels\n1.jpg,cat\n"), "is not whole JSON"),
    "a JPEG": (raw(b"\xff\xd8\xff\xe0" + bytes(100)), "is not whole JSON"),
    "another encoding": (
        raw('{"images": [{"id": 1, "file_name": "\xe4"}]}'.encode("latin-1")),
        "not whole JSON",
    ),
    "nested a million times": (raw("[" * 1_000_000), "JSON"),
    "nested in an unread key": (raw('{"x": ' + "[" * 1_000_000), "nested too deeply"),
    "a list": (raw("[]"), "JSON of another content (Expected `object`, got `array`)"),
    "a number": (raw("1"), "JSON of another content"),
    "two documents": (raw('{"images": [], "categories": []} {}'), "is not whole JSON"),
    "no images": (changed(images=None), "missing required field `images`"),
    "no categories": (changed(categories=None), "missing required field `categories`"),
    "images as a mapping": (changed(images={}), "Expected `array`, got `object` - at `$.images`"),
    "no image": (changed(images=[], annotations=[]), "lists no image"),
    "an image without a name": (changed(images=[{"id": 1}]), "missing required field `file_name`"),
    "a name that is a number": (named(5), "Expected `str`, got `int`"),
    "a name that is null": (named(None), "Expected `str`, got `null`"),
    "an empty name": (named(""), "leads out of the data folder or is not a file name"),
    "a name that leads out": (named("../../etc/passwd.jpg"), "leads out of the data folder"),
    "an absolute name": (named("/etc/passwd.jpg"), "leads out of the data folder"),
    "a name with zero bytes": (named("a\0b.jpg"), "leads out of the data folder"),
    "a name with line breaks": (named("a\nb.jpg"), "leads out of the data folder"),
    "backslashes": (named("x\\0.jpg"), "folders are written with '/': write 'x/0.jpg'"),
    "a name of ten thousand": (named("x" * 10_000 + ".jpg"), "is too long"),
    "a surrogate": (named("a\ud800.jpg"), "not whole JSON"),
    "an unknown category": (annotated(category_id=7), "name what it does not list (category 7)"),
    "an unknown image": (annotated(image_id=99), "name what it does not list (image 99)"),
    "a category of another type": (annotated(category_id="1"), "name what it does not list (category 1)"),
    "a category that is null": (annotated(category_id=None), "Expected `int | str`, got `null`"),
    "an annotation without a category": (
        changed(annotations=[{"id": 1, "image_id": 0, "caption": "a cat"}]),
        "missing required field `category_id`",
    ),
    "one image id twice": (
        changed(images=[{"id": 1, "file_name": "0.jpg"}, {"id": 1, "file_name": "1.jpg"}], annotations=[]),
        "has several of the image ids 1",
    ),
    "one category id twice": (
        changed(categories=[{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]),
        "has several of the category ids 1",
    ),
    "one file twice": (
        changed(images=[{"id": k, "file_name": "1.jpg"} for k in range(4)]),
        "'1' occurs twice",
    ),
    "a class with a separator": (
        changed(categories=[{"id": 1, "name": "a|b"}, {"id": 2, "name": "b"}]),
        "'a|b'",
    ),
    "a class without a name": (
        changed(categories=[{"id": 1, "name": ""}, {"id": 2, "name": "b"}]),
        "has the class ''",
    ),
    "background": (
        changed(categories=[{"id": 1, "name": "Background"}, {"id": 2, "name": "b"}]),
        "background is class 0 of every image",
    ),
    "a thousand classes": (
        changed(categories=[{"id": k, "name": f"c{k}"} for k in range(1000)]),
        "has 1,000 classes; at most 254 were expected",
    ),
}


def refused(data: Path, source: str, section: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError) as caught:
        listing(data, source, section)
    text = str(caught.value)
    assert part in text
    assert text[-1] in ".?" and len(text) < LONGEST and "Traceback" not in text
    assert not (data / "run").exists()


@pytest.mark.parametrize("name", COCO)
def test_odd_json_of_coco(tmp_path: Path, name: str) -> None:
    make, part = COCO[name]
    make(tmp_path)
    refused(
        tmp_path,
        "coco",
        {"train": str(tmp_path / "a.json"), "train_images": str(tmp_path / "photos")},
        part,
    )


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    good(tmp_path)
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.json").read_bytes())
    section = {"train": str(tmp_path / "a.json"), "train_images": str(tmp_path / "photos")}
    assert len(listing(tmp_path, "coco", section, split={"val": 0.5}).index.records) == 4


YOLO: dict[str, tuple[Any, str]] = {
    "no YAML": ("names: [a\ntrain: x: y", "is not YAML"),
    "a list": ("- a\n- b\n", "holds no keys with values"),
    "empty": ("", "holds no keys with values"),
    "a tag that runs code": ("names: !!python/object/apply:os.system [echo]\n", "is not YAML"),
    "zero bytes": (b"\0\0\0", "is not YAML"),
    "another encoding": (b"names: [\xff\xfe]", "is not YAML"),
    "nested": ("a: " + "[" * 20_000, "is not YAML"),
    "five megabytes": (b"#" * 5_000_000, "has more than"),
    "no names": ({"names": None}, "has no list of names"),
    "names as text": ({"names": "cat"}, "has no list of names"),
    "no name": ({"names": []}, "has no list of names"),
    "names in lists": ({"names": [["cat"]]}, "has no list of names"),
    "numbers with a gap": ({"names": {0: "a", 2: "b"}}, "has no list of names"),
    "numbers that are none": ({"names": {"a": "b"}}, "has no list of names"),
    "names of the same spelling": ({"names": ["cat", "Cat"]}, "'cat' and 'Cat'; one spelling"),
    "no train": ({"train": None}, "has no 'train'"),
    "train as a number": ({"train": 5}, "has 5 under 'train'"),
    "train as a mapping": ({"train": {"a": 1}}, "under 'train'"),
    "train that is not there": ({"train": "images/nowhere"}, "which is neither a folder nor a text file"),
    "train as an address": ({"train": "https://host/a.zip"}, "which is neither a folder nor a text file"),
    "val that leads out": ({"val": "../../../etc"}, "under 'val'"),
    "an empty folder": ({"train": "labels/train", "val": None}, "has no image"),
}


@pytest.mark.parametrize("name", YOLO)
def test_odd_data_of_yolo(tmp_path: Path, name: str) -> None:
    held, part = YOLO[name]
    line = "0 0.5 0.5 0.1 0.1\n"
    path = yolo(tmp_path / "d", {f"train/{k}": line for k in range(4)} | {"val/v": line})
    if isinstance(held, dict):
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | held), encoding="utf-8")
    else:
        path.write_bytes(held if isinstance(held, bytes) else held.encode())
    refused(tmp_path, "yolo", {"data": str(path)}, part)


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("/somewhere/else/a.jpg\n", "names /somewhere/else/a.jpg, which is not in"),
        ("../a.jpg\n", "leads out of the data folder"),
        ("images/train/0.txt\n", "the path of an image was expected"),
        ("images/train/9.jpg\n", "was not found"),
        ("\0\n", "zero bytes"),
    ],
)
def test_odd_lists_of_yolo(tmp_path: Path, lines: str, part: str) -> None:
    path = yolo(tmp_path / "d", {"train/0": "0 0.5 0.5 0.1 0.1\n", "val/v": None}, train="t.txt")
    (tmp_path / "d/t.txt").write_text("images/train/0.jpg\n" + lines, encoding="utf-8")
    refused(tmp_path, "yolo", {"data": str(path)}, part)


STUDIO: dict[str, tuple[Any, str]] = {
    "truncated": ('[{"id": 1, "data"', "is not whole JSON"),
    "a mapping": ({"images": []}, "Expected `array`, got `object`"),
    "a list of numbers": ([1, 2], "Expected `object`, got `int`"),
    "no task": ([], "has no annotated task"),
    "a task without an image": (
        [{"id": 1, "data": {"text": "hello"}, "annotations": []}],
        "no image among text",
    ),
    "two images": ([{"id": 1, "data": {"a": "1.jpg", "b": "2.jpg"}}], "has the images a, b"),
    "an annotation without a result": (
        [{"data": {"a": "1.jpg"}, "annotations": [{}]}],
        "without a list 'result'",
    ),
    "a result that is text": (
        [{"data": {"a": "1.jpg"}, "annotations": [{"result": ["x"]}]}],
        "has the result",
    ),
    "a path that leads out": (
        [
            {
                "data": {"a": "/../../x/%2e%2e/p.jpg"},
                "annotations": [{"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}],
            }
        ],
        "was found in",
    ),
    "nobody annotated": ([{"data": {"a": "1.jpg"}, "annotations": []}], "has no annotated task"),
}


@pytest.mark.parametrize("name", STUDIO)
def test_odd_exports_of_label_studio(tmp_path: Path, name: str) -> None:
    held, part = STUDIO[name]
    pictures(tmp_path / "images", "1.jpg", "2.jpg")
    (tmp_path / "e.json").write_text(held if isinstance(held, str) else json.dumps(held), encoding="utf-8")
    section = {"export": str(tmp_path / "e.json"), "images": str(tmp_path / "images")}
    refused(tmp_path, "label_studio", section, part)


METADATA: dict[str, tuple[str, str]] = {
    "no JSON": ("file_name,label\n", "line 1 is not whole JSON"),
    "a list": ("[1]\n", "line 1 is JSON of another content"),
    "truncated": ('{"file_name": "1.jpg", "label": "a"}\n{"file_name": "2.jp', "line 2 is not whole JSON"),
    "no name": ('{"label": "a"}\n', "line 1 has no file_name"),
    "a name that is a list": ('{"file_name": ["1.jpg"], "label": "a"}\n', "line 1 has no file_name"),
    "a name that leads out": ('{"file_name": "../1.jpg", "label": "a"}\n', "leads out of the data folder"),
    "no label": ('{"file_name": "1.jpg", "text": "a"}\n', "none of which is known to hold labels"),
    "a label in some lines": (
        '{"file_name": "1.jpg", "label": "a"}\n{"file_name": "2.jpg"}\n',
        "line 2 has no label; what the image shows was expected",
    ),
    "a number without names": (
        '{"file_name": "1.jpg", "label": 3}\n',
        "has the label 3; a name was expected",
    ),
    "a label that is a mapping": ('{"file_name": "1.jpg", "label": {"a": 1}}\n', "has the label {'a': 1}"),
    "true": ('{"file_name": "1.jpg", "label": true}\n', "has the label True"),
    "a line of 20 megabytes": (
        '{"file_name": "' + "x" * 20_000_000 + '"}\n',
        "has more than 16,777,216 bytes",
    ),
}


@pytest.mark.parametrize("name", METADATA)
def test_odd_metadata_of_imagefolder(tmp_path: Path, name: str) -> None:
    text, part = METADATA[name]
    pictures(tmp_path / "images", "1.jpg", "2.jpg")
    (tmp_path / "images/metadata.jsonl").write_text(text, encoding="utf-8")
    refused(tmp_path, "imagefolder", {"images": str(tmp_path / "images")}, part)
