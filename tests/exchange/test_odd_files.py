"""Odd files: each is refused in one sentence, and nothing of it is imported."""

import base64
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from exchange_files import GOOD, ODD, SIZE, Exported, coco, write_json, write_zip
from weakseg.errors import InputError
from weakseg.storage.labels import write_labels

Build = Callable[[Path], Path]


def png(mode: str = "RGB", size: tuple[int, int] = SIZE[::-1], colour: Any = (0, 0, 0)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, format="PNG")
    return file.getvalue()


def huge_png() -> bytes:
    """A PNG whose header promises two thousand million pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 40_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    coded = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


# ------------------------------------------------------------------------------------------------- COCO


def of_coco(**changes: Any) -> Build:
    return lambda root: write_json(root / "coco.json", coco(**changes))


def text(content: str) -> Build:
    return lambda root: write_json(root / "coco.json", content)


def two_coco(root: Path) -> Path:
    write_json(root / "coco" / "a.json", coco())
    return write_json(root / "coco" / "b.json", coco()).parent


def rle(counts: Any, size: Any = SIZE) -> Build:
    return of_coco(annotations_segmentation={"size": [*size], "counts": counts})


IMAGE = {"id": 2, "file_name": f"{ODD}.png", "height": 30, "width": 40}
COCO: dict[str, tuple[Build, str]] = {
    "cut off": (text(json.dumps(coco())[:200]), "is not JSON"),
    "empty": (text(""), "is not JSON"),
    "no object": (text("[]"), "holds no JSON of COCO's images"),
    "nested a million times": (text("[" * 1_000_000), "is not JSON"),
    "no categories": (of_coco(categories={}), "holds no JSON of COCO's images"),
    "an annotation that is a number": (of_coco(annotations=[3]), "holds no JSON of COCO's images"),
    "two files": (two_coco, r"holds 2 JSON of COCO's images.*name the file"),
    "missing": (lambda root: root / "none.json", r"none\.json does not exist"),
    "run lengths of another size": (
        rle([1200], (40, 30)),
        r"run lengths of the size \[40, 30\].*image \[30, 40\]",
    ),
    "run lengths of no size": (rle([1200], ()), r"run lengths of the size \[\]"),
    "run lengths too short": (rle([5, 5]), "do not fill 40×30 pixels"),
    "run lengths below zero": (rle([-5, 1205]), "do not fill 40×30 pixels"),
    "run lengths too long": (rle([10**30]), "do not fill 40×30 pixels"),
    "run lengths of floats": (rle([600.0, 600.0]), "do not fill 40×30 pixels"),
    "run lengths cut off": (rle("PPYo"), "do not fill 40×30 pixels"),
    "run lengths in other letters": (rle("é~"), "do not fill 40×30 pixels"),
    "run lengths missing": (rle(None), "do not fill 40×30 pixels"),
    "two points": (of_coco(annotations_segmentation=[[1, 1, 5, 5]]), "is not a polygon"),
    "odd coordinates": (of_coco(annotations_segmentation=[[1, 1, 5, 5, 3, 9, 7]]), "is not a polygon"),
    "not a number": (text(json.dumps(coco()).replace("15", "NaN")), "is not a polygon"),
    "outside": (
        of_coco(annotations_segmentation=[[50, 50, 60, 50, 60, 60]]),
        "lies outside the image of 40×30",
    ),
    "unknown category": (
        of_coco(annotations_category_id=9),
        "has the class 9; one of the run's was expected",
    ),
    "category of another kind": (of_coco(annotations_category_id=[1]), r"has the class '?\[1\]"),
    "another class": (of_coco(annotations_category_id=2, categories_name="cow"), "has the class 'cow'"),
    "image that is not listed": (
        of_coco(annotations_image_id=7),
        "annotation of the image 7, which it does not list",
    ),
    "two images of one id": (of_coco(images_id=1), "two entries of the image id 1"),
    "two categories of one id": (of_coco(categories_id=1), "two entries of the category id 1"),
    "an id that is text": (of_coco(images_id="2"), "an entry of the image id '2'"),
    "unknown image": (of_coco(images_file_name="cow.jpg"), "'cow.jpg' is not an image of the run"),
    "no file name": (of_coco(images_file_name=None), "'None' is not an image of the run"),
    "image of another size": (of_coco(images_width=41), "is 41×30 pixels there, the image 40×30"),
    "one image twice": (of_coco(images_file_name=f"{GOOD}.jpg"), f"'{GOOD}' is there twice"),
    "only a box": (of_coco(annotations_segmentation=[]), "has no segmentation, only a box perhaps"),
}


# ------------------------------------------------------------------------------------------------- YOLO


def yolo(line: str, table: str | None = "names: {0: cat, 1: dog}", name: str = ODD) -> Build:
    def build(root: Path) -> Path:
        for image, content in ((GOOD, "0 .1 .1 .4 .1 .4 .4"), (name, line)):
            file = root / "yolo" / "labels" / "train" / f"{image}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode("utf-8", "surrogateescape"))
        if table is not None:
            (root / "yolo" / "data.yaml").write_text(table, encoding="utf-8")
        return root / "yolo"

    return build


def bare(root: Path) -> Path:
    (root / "bare").mkdir(parents=True)
    (root / "bare" / "data.yaml").write_text("names: [cat, dog]")
    return root / "bare"


ALIASES = (
    "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    + "names: *a29\n"
)
YOLO: dict[str, tuple[Build, str]] = {
    "no table of classes": (yolo("", None), "has no data.yaml with the names of the classes"),
    "a table that is not YAML": (yolo("", "names: ["), r"data\.yaml is not YAML"),
    "a table without names": (yolo("", "train: images"), "has no data.yaml with the names"),
    "a table of aliases that stand for gigabytes": (yolo("", ALIASES), "has no data.yaml with the names"),
    "a table of other keys": (yolo("", "names: {cat: 0}"), "has no data.yaml with the names"),
    "no labels": (bare, r"has no labels/\*\.txt"),
    "a box": (yolo("0 .5 .5 .2 .2"), "line 1 is a box"),
    "pixels": (yolo("0 5 5 15 5 15 15"), "has the coordinate 15; shares of the image's width"),
    "an odd number of coordinates": (yolo("0 .1 .1 .4 .1 .4 .4 .2"), "line 1 is not a polygon"),
    "two points and blank lines": (yolo("\n\n0 .1 .1 .4 .1 .2"), "line 3 is not a polygon"),
    "words": (yolo("cat .1 .1 .4 .1 .4 .4"), "a class number and the points"),
    "no finite number": (yolo("0 .1 .1 .4 inf .4 .4"), "line 1 is not a polygon"),
    "an unknown class": (yolo("7 .1 .1 .4 .1 .4 .4"), "has the class 7"),
    "another class": (yolo("0 .1 .1 .4 .1 .4 .4", "names: [cow]"), "has the class 'cow'"),
    "an unknown image": (yolo("", name="cow"), "'cow' is not an image of the run"),
    "not text": (yolo("\udcff"), "is not UTF-8 text"),
}


# ------------------------------------------------------------------------------------------------- LabelMe


def labelme(shape: Any = None, **changes: Any) -> Build:
    square = {"label": "cat", "points": [[5, 5], [15, 5], [15, 15]], "shape_type": "polygon"}

    def build(root: Path) -> Path:
        base = {"shapes": [square], "imageHeight": 30, "imageWidth": 40, "flags": {"rejected": True}}
        write_json(root / "labelme" / f"{GOOD}.json", base)
        odd = base | {"shapes": [square | shape] if isinstance(shape, dict) else [square]} | changes
        write_json(root / "labelme" / f"{ODD}.json", shape if isinstance(shape, str) else odd)
        return root / "labelme"

    return build


def mask(content: bytes | str, points: Any = ((1, 1), (4, 3))) -> Build:
    coded = content if isinstance(content, str) else base64.b64encode(content).decode()
    return labelme({"shape_type": "mask", "points": [*points], "mask": coded})


LABELME: dict[str, tuple[Build, str]] = {
    "cut off": (labelme('{"shapes": ['), r"1\.json is not JSON"),
    "no shapes": (labelme(shapes=None), "has no list of shapes"),
    "shapes that are numbers": (labelme(shapes=[1]), "has no list of shapes"),
    "another size": (labelme(imageWidth=41), "is of an image of 41×30 pixels, the run's has 40×30"),
    "another class": (labelme({"label": "cow"}), "shape 1 has the class 'cow'"),
    "no class": (labelme({"label": None}), "shape 1 has the class 'None'|shape 1 has the class None"),
    "a line": (labelme({"shape_type": "linestrip"}), "is a linestrip; a polygon"),
    "two points": (labelme({"points": [[1, 1], [2, 2]]}), "shape 1 is not a polygon"),
    "no points": (labelme({"points": None}), "shape 1 is not a polygon"),
    "outside": (labelme({"points": [[50, 1], [60, 1], [60, 9]]}), "lies outside the image of 40×30"),
    "a circle of one point": (labelme({"shape_type": "circle", "points": [[3, 3]]}), "has 1 points; two"),
    "a mask that is no base64": (mask("äöü"), "cannot be read as a PNG"),
    "a mask that is no PNG": (mask(b"abc"), "cannot be read as a PNG"),
    "a mask of another size": (mask(png("L", (3, 3), 255)), r"is 3×3 pixels"),
    "a mask beside the image": (
        mask(png("L", (4, 3), 255), ((38, 1), (41, 3))),
        "is a mask from \\(38, 1\\)",
    ),
    "a mask of two thousand million pixels": (mask(huge_png()), "cannot be read as a PNG|pixels"),
    "no file": (lambda root: bare(root), "holds no JSON; LabelMe's files"),
}


# ------------------------------------------------------------------------------------------------- CVAT


TABLE = b"# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\ndog:0,128,0::\ncow:9,9,9::\n"


def cvat(content: bytes = b"", table: bytes | None = TABLE, **members: bytes) -> Build:
    def build(root: Path) -> Path:
        held = {
            f"SegmentationClass/{GOOD}.png": png(colour=(128, 0, 0)),
            f"SegmentationClass/{ODD}.png": content or png(),
        }
        held |= {"labelmap.txt": table} if table is not None else {}
        return write_zip(root / "cvat.zip", held | members)

    return build


def edited(change: Callable[[bytes], bytes]) -> Build:
    def build(root: Path) -> Path:
        path = cvat()(root)
        path.write_bytes(change(path.read_bytes()))
        return path

    return build


def member(name: str) -> Build:
    """A ZIP with a member that wants to lie elsewhere."""
    return cvat(**{name: b"overwritten"})


def twice(root: Path) -> Path:
    path = cvat()(root)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("labelmap.txt", TABLE)
    return path


def bomb(root: Path) -> Path:
    """A member whose header promises ten thousand million bytes."""
    path = cvat()(root)
    content = bytearray(path.read_bytes())
    place = content.rindex(f"SegmentationClass/{ODD}.png".encode()) - 46  # of its entry in the directory
    content[place + 24 : place + 28] = struct.pack("<I", 4_000_000_000)
    path.write_bytes(content)
    return path


def locked(content: bytes) -> bytes:
    """The flag of a password on every member."""
    changed = bytearray(content)
    for start in range(len(changed) - 4):
        if changed[start : start + 4] == b"PK\x01\x02":
            changed[start + 8] |= 1
        if changed[start : start + 4] == b"PK\x03\x04":
            changed[start + 6] |= 1
    return bytes(changed)


def flipped(content: bytes) -> bytes:
    place = content.index(b"IDAT") + 8
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


CVAT: dict[str, tuple[Build, str]] = {
    "no ZIP": (edited(lambda content: b"Rar!" * 100), "cannot be read as a ZIP"),
    "cut off": (edited(lambda content: content[:300]), "cannot be read as a ZIP"),
    "a flipped byte": (edited(flipped), "cannot be read"),
    "a password": (edited(locked), "cannot be read.*without a password"),
    "above the folder": (member("../../evil.txt"), r"has the member '\.\./\.\./evil\.txt', which leads out"),
    "above in the middle": (member("a/../../evil.txt"), "which leads out of its folder"),
    "at the root": (member("/etc/evil"), "has the member '/etc/evil', which leads out"),
    "above by a backslash": (member("..\\evil"), "which leads out of its folder"),
    "on a drive": (member("C:\\evil"), "which leads out of its folder"),
    "one member twice": (twice, "has two members 'labelmap.txt'"),
    "four thousand million bytes": (bomb, r"has 4,000,000,000 bytes; at most"),
    "no table": (cvat(table=None), "has no labelmap.txt"),
    "a table of words": (cvat(table=b"cat:red::\n"), r"labelmap\.txt line 1 is 'cat:red::'"),
    "a colour of 256": (cvat(table=b"cat:1,2,256::\n"), r"line 1 is 'cat:1,2,256::'"),
    "a table that is no text": (cvat(table=b"\xff"), "is not UTF-8 text"),
    "an undeclared colour": (
        cvat(png(colour=(1, 2, 3))),
        r"the colour \(1, 2, 3\), which labelmap\.txt does not declare",
    ),
    "undecided": (cvat(png(colour=(224, 224, 192))), r"the colour \(224, 224, 192\)"),
    "another class": (cvat(png(colour=(9, 9, 9))), "shows the class 'cow'"),
    "another size": (cvat(png(size=(30, 40))), "is 30×40 pixels, the image 40×30"),
    "two thousand million pixels": (cvat(huge_png()), r"50000×40000 pixels|cannot be read as a PNG"),
    "sixteen bits": (cvat(png("I;16", colour=5)), "has 16 bits per channel"),
    "no PNG": (cvat(b"GIF89a"), "cannot be read as a PNG"),
    "a list of other images": (
        cvat(**{"ImageSets/Segmentation/default.txt": b"cow\n"}),
        "'cow' is not an image of the run",
    ),
}


# ------------------------------------------------------------------------------------------------- PNG


def pngs(
    content: bytes | None = None,
    labels: np.ndarray | None = None,
    classes: Any = ("cat", "dog"),
    name: str = ODD,
) -> Build:
    def build(root: Path) -> Path:
        write_labels(root / "png" / f"{GOOD}.png", np.ones(SIZE, np.uint8), ["cat", "dog"])
        place = root / "png" / f"{name}.png"
        write_labels(place, np.zeros(SIZE, np.uint8) if labels is None else labels, classes)
        if content is not None:
            place.write_bytes(content)
        return root / "png"

    return build


PNG: dict[str, tuple[Build, str]] = {
    "an index beyond the classes": (pngs(labels=np.full(SIZE, 3, np.uint8)), "holds the index 3; 0…2 or 255"),
    "another class": (pngs(labels=np.full(SIZE, 2, np.uint8), classes=["cat", "cow"]), "has the class 'cow'"),
    "colours": (pngs(png()), "has pixel mode RGB of 8 bits"),
    "another size": (pngs(png("L", (39, 30), 0)), "is 39×30 pixels, the image 40×30"),
    "cut off": (pngs(png("L", colour=0)[:50]), "cannot be read as a PNG"),
    "two thousand million pixels": (pngs(huge_png()), r"50000×40000 pixels|cannot be read as a PNG"),
    "an unknown image": (pngs(name="cow"), "'cow' is not an image|'cow.png' is not an image"),
    "no PNG": (bare, "holds no PNG"),
}

CASES = [
    pytest.param(form, build, said, id=f"{form}: {name}")
    for form, cases in {"coco": COCO, "yolo-seg": YOLO, "labelme": LABELME, "cvat": CVAT, "png": PNG}.items()
    for name, (build, said) in cases.items()
]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 80


@pytest.mark.parametrize(("form", "build", "said"), CASES)
def test_an_odd_file_is_one_sentence_and_nothing_is_imported(
    untouched: Exported, tmp_path: Path, form: str, build: Build, said: str
) -> None:
    path = build(untouched.root)
    folders = untouched.run, tmp_path
    before = {str(file) for folder in folders for file in folder.rglob("*")}
    with pytest.raises(InputError, match=said) as raised:
        untouched.take(path, form)
    message = str(raised.value)
    assert "\n" not in message
    assert len(message) < 1000
    assert message.endswith(".")
    assert {str(file) for folder in folders for file in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("form", "build"),
    [
        ("coco", of_coco(annotations_category_id=9)),
        ("yolo-seg", yolo("0 .5 .5 .2 .2")),
        ("labelme", labelme('{"shapes": [')),
        ("cvat", cvat(png(colour=(1, 2, 3)))),
        ("png", pngs(labels=np.full(SIZE, 3, np.uint8))),
    ],
)
def test_the_good_ones_are_taken_if_that_is_asked_for(exported: Exported, form: str, build: Build) -> None:
    said = exported.take(build(exported.root), form, "--skip-bad")
    assert "1 new, 0 changed, 0 unchanged, 1 bad" in said
    assert said.splitlines()[0].startswith("train/1")
    assert exported.corrected().keys() == {GOOD}


def test_a_good_file_is_taken_by_the_same_builders(exported: Exported) -> None:
    """The odd ones are odd by one thing each."""
    for form, build in (
        ("coco", of_coco()),
        ("coco", rle([600, 600])),
        ("yolo-seg", yolo("1 .1 .1 .4 .1 .4 .4")),
        ("labelme", labelme()),
        ("labelme", mask(png("1", (4, 3), 1))),
        ("cvat", cvat()),
        ("png", pngs()),
    ):
        said = exported.take(build(exported.root), form)
        assert "bad" not in said
