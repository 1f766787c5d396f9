"""Class folders, labels in names, tables of other tools, Hugging Face's and Label Studio's exports: what is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from foreign import listing, picture, pictures, told
from weakseg.dataset.sources import SOURCES
from weakseg.errors import InputError


def notes(found: Any) -> str:
    return "\n".join(found.index.notes)


@pytest.mark.parametrize("name", [*SOURCES])
def test_every_source_says_what_it_is(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name and (source.__doc__ or "").strip().endswith(".")
    assert source.title and callable(source.maker())


# ------------------------------------------------------------------------------------------------------ folders


def test_class_folders_are_divided(tmp_path: Path) -> None:
    pictures(
        tmp_path / "images", *(f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(20))
    )
    pictures(tmp_path / "images", *(f"None/{number}.jpg" for number in range(10)))
    found = listing(tmp_path, "folders", {"images": str(tmp_path / "images")})
    assert found.index.classes == ("cat", "dog")
    assert told(found)["cat/3"][1] == ("cat",) and told(found)["None/3"][1] == ()
    assert [len(found.index.split(name)) for name in ("train", "val")] == [45, 5]
    assert "images in the folders None show no class (dataset.folders.negatives)" in notes(found)
    assert "divided by dataset.split (seed 0): 45 images train, 5 images val" in notes(found)


def test_folders_of_splits_are_kept_and_tests_left_out(tmp_path: Path) -> None:
    names = ["train/cat/1.jpg", "train/dog/deep/2.png", "valid/cat/3.jpg", "test/cat/4.jpg"]
    pictures(tmp_path / "images", *names)
    found = listing(tmp_path, "folders", {"images": str(tmp_path / "images")})
    assert told(found) == {
        "train/cat/1": ("train", ("cat",)),
        "train/dog/deep/2": ("train", ("dog",)),
        "valid/cat/3": ("val", ("cat",)),
    }
    assert "1 image of " in notes(found) and "in the split test, left out" in notes(found)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    names = [f"{name}/{number}.jpg" for name in ("train", "bus") for number in range(4)]
    pictures(tmp_path / "images", *names)
    found = listing(tmp_path, "folders", {"images": str(tmp_path / "images")})
    assert found.index.classes == ("bus", "train")
    assert len(found.index.split("val")) == 2


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (
            ["cat/1.jpg", "2.jpg"],
            r"1 image of .* in no class's folder \(2\.jpg\); class/image\.jpg was expected",
        ),
        (["train/1.jpg", "val/cat/2.jpg"], r"in no class's folder \(train/1\.jpg\); split/class/image\.jpg"),
        (
            ["train/cat/1.jpg", "val/cat/2.jpg", "dog/3.jpg"],
            r"folders of splits \(train, val\) beside others \(dog\)",
        ),
        ([], "has no image"),
        (["cat/1.jpg", "Cat/2.jpg"], "'Cat' and 'cat'; one spelling"),
        (["a|b/1.jpg", "c/2.jpg"], r"has the class 'a\|b': the name"),
        (["cat/1.jpg", "dog/2.jpg"], "keeps none of the 2 images"),
        (["train/cat/1.jpg", "test/cat/2.jpg", "train/cat/1.png"], "occurs twice"),
    ],
)
def test_folders_that_are_none_are_refused(tmp_path: Path, names: list[str], part: str) -> None:
    (tmp_path / "images").mkdir()
    pictures(tmp_path / "images", *names)
    with pytest.raises(InputError, match=part):
        listing(tmp_path, "folders", {"images": str(tmp_path / "images")})


def test_chosen_classes_and_others(tmp_path: Path) -> None:
    pictures(
        tmp_path / "images",
        *(f"{name}/{number}.jpg" for name in ("cat", "dog", "cow") for number in range(4)),
    )
    section = {"images": str(tmp_path / "images")}
    with pytest.raises(
        InputError, match=r"4 images of .* name what dataset.classes \(cat, dog\) does not list: cow"
    ):
        listing(tmp_path, "folders", section, classes=["cat", "dog"])
    found = listing(tmp_path, "folders", section, classes=["dog", "cat"], unlisted="ignore")
    assert found.index.classes == ("dog", "cat") and told(found)["cow/1"][1] == ()
    left = listing(
        tmp_path, "folders", section, classes=["cat", "dog"], unlisted="ignore", unlabelled="leave_out"
    )
    assert not any(split == "train" and not labels for split, labels in told(left).values())


def test_patients_are_not_torn(tmp_path: Path) -> None:
    names = [f"{name}/p{patient}_{k}.jpg" for name in ("a", "b") for patient in range(12) for k in range(5)]
    pictures(tmp_path / "images", *names)
    section = {"images": str(tmp_path / "images")}
    split = {"group": r"/(p[0-9]+)_", "seed": 2}
    found = listing(tmp_path, "folders", section, split=split)
    of_patient: dict[str, set[str]] = {}
    for image, (of, _) in told(found).items():
        of_patient.setdefault(image.partition("/")[2].partition("_")[0], set()).add(of)
    assert all(len(of) == 1 for of in of_patient.values()) and {"val"} in of_patient.values()
    assert "of 1 group val" in notes(found)
    with pytest.raises(InputError, match=r"all 120 images of .* are of one group, 'p'"):
        listing(tmp_path, "folders", section, split={"group": "/(p)"})


def test_a_given_split_and_dataset_split_exclude_each_other(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "train/cat/1.jpg", "val/cat/2.jpg", "val/dog/3.jpg")
    with pytest.raises(InputError, match="itself gives 1 images for training and 2 for validation"):
        listing(tmp_path, "folders", {"images": str(tmp_path / "images")}, split={"val": 0.5})
    with pytest.raises(InputError, match="split has other values than its defaults, but source 'table'"):
        listing(tmp_path, "table", {"images": "i"}, classes=["a"], split={"val": 0.5})


# -------------------------------------------------------------------------------------------------------- names


def test_names_hold_labels_split_and_group(tmp_path: Path) -> None:
    names = [f"train-p{k}-cat+dog-{k}.jpg" for k in range(3)] + ["val-p9-none-7.jpg", "val-p9-dog-8.jpg"]
    pictures(tmp_path / "images", *names)
    pattern = r"^(?P<split>\w+)-(?P<group>p[0-9]+)-(?P<labels>[a-z+]+)-"
    found = listing(tmp_path, "names", {"images": str(tmp_path / "images"), "pattern": pattern})
    assert told(found)["train-p0-cat+dog-0"] == ("train", ("cat", "dog"))
    assert told(found)["val-p9-none-7"] == ("val", ())


@pytest.mark.parametrize("spelled", ["[{}{}{}]", "[{} {} {}]", "-[{}, {}, {}]"])
def test_flags_in_names_as_in_histopathology(tmp_path: Path, spelled: str) -> None:
    """BCSS writes `a[101].png`, WSSS4LUAD `a-[1 0 1].png`."""
    for number in range(16):
        bits = (number & 1, number >> 1 & 1, number >> 2 & 1)
        picture(tmp_path / "images" / f"TCGA-{number:02}-x{spelled.format(*bits)}.png")
    section = {
        "images": str(tmp_path / "images"),
        "pattern": r"\[(?P<flags>[01 ,]+)\]$",
        "flags": ["tumour", "stroma", "lymphocytes"],
    }
    found = listing(tmp_path, "names", section)
    assert found.index.classes == ("tumour", "stroma", "lymphocytes")
    shown = {image[5:7]: labels for image, (_, labels) in told(found).items()}
    assert (
        shown["05"] == ("tumour", "lymphocytes")
        and shown["00"] == ()
        and shown["07"] == tuple(section["flags"])
    )


@pytest.mark.parametrize(
    ("section", "part"),
    [
        ({"pattern": "("}, "pattern is no regular expression"),
        ({"pattern": "(a)"}, "has the named groups"),
        ({"pattern": "(?P<labels>a)(?P<more>b)"}, "besides only split and group"),
        ({"pattern": "(?P<flags>[01]+)"}, "the group flags of pattern and the list flags belong together"),
        ({"pattern": "^(?P<labels>cat)"}, r"does not fit 1 of 2 images .*\(dog1\.jpg\)"),
        ({"pattern": r"(?P<flags>[0-9])$", "flags": ["a", "b"]}, "a 0 or 1 for each of the 2 names"),
        ({"pattern": r"^(?P<split>...)(?P<labels>)"}, "has the split 'cat' in its name"),
    ],
)
def test_wrong_patterns_are_refused(tmp_path: Path, section: dict[str, Any], part: str) -> None:
    pictures(tmp_path / "images", "cat1.jpg", "dog1.jpg")
    with pytest.raises(InputError, match=part):
        listing(tmp_path, "names", {"images": str(tmp_path / "images")} | section)


# ------------------------------------------------------------------------------------------------------ columns


def columns(tmp_path: Path, table: str, **section: Any) -> Any:
    pictures(tmp_path / "images", *(f"{number}.jpg" for number in range(12)))
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")
    return listing(
        tmp_path, "columns", {"images": str(tmp_path / "images"), "table": str(tmp_path / "t.csv")} | section
    )


def test_one_hot_columns_are_found(tmp_path: Path) -> None:
    rows = "".join(
        f"{k},{'healthy' if k > 7 else 'ill'},{int(k < 4)},{1.0 if 2 < k < 8 else 0.0},{k * 7}\n"
        for k in range(12)
    )
    found = columns(tmp_path, "id,note,Rust,Scab,age\n" + rows, image="id")
    assert found.index.classes == ("Rust", "Scab")
    assert told(found)["3"][1] == ("Rust", "Scab") and told(found)["9"][1] == ()
    assert "read as classes: Rust, Scab" in notes(found)
    chosen = columns(tmp_path, "id,note,Rust,Scab,age\n" + rows, image="id", one_hot=["scab"])
    assert chosen.index.classes == ("Scab",)


@pytest.mark.parametrize(
    ("separator", "cells"),
    [
        ("|", ["cat|dog", "cat", "dog", ""]),
        (" ", ["cat  dog", "cat", "dog", "none"]),
        (",", ['"cat, dog"', "cat", "dog", "background"]),
        (";", ["cat;dog", "cat", "dog", ""]),
        ("|", ["\"['cat', 'dog']\"", "['cat']", "['dog']", "[]"]),
        ("|", ['"[""cat"", ""dog""]"', "cat", "dog", "[]"]),
    ],
)
def test_several_labels_in_a_cell(tmp_path: Path, separator: str, cells: list[str]) -> None:
    rows = "".join(
        f"{k}.jpg\t{cells[k % 4]}\n" if separator == "," else f"{k}.jpg,{cells[k % 4]}\n" for k in range(12)
    )
    head = "image\ttags\n" if separator == "," else "image,tags\n"
    found = columns(tmp_path, head + rows, labels="tags", separator=separator)
    assert [told(found)[str(k)][1] for k in range(4)] == [("cat", "dog"), ("cat",), ("dog",), ()]


def test_rows_of_one_image_are_joined(tmp_path: Path) -> None:
    """As detection tables have them: a row for each box."""
    rows = "".join(f"{k},{name},{9 * k}\n" for k in range(12) for name in ("cat", "dog")[: 1 + k % 2])
    found = columns(tmp_path, "image,class,xmin\n" + rows, labels="class")
    assert told(found)["1"][1] == ("cat", "dog") and told(found)["2"][1] == ("cat",)
    assert "6 rows of" in notes(found) and "name an image again: their labels are joined" in notes(found)


def test_columns_of_split_and_group(tmp_path: Path) -> None:
    rows = "".join(
        f"{k},{'cat' if k % 2 else ''},{'valid' if k > 8 else 'train'},p{k // 3}\n" for k in range(12)
    )
    table = "image,labels,fold,patient\n" + rows
    assert [
        split for split, _ in told(columns(tmp_path, table, labels="labels", split="fold")).values()
    ].count("val") == 3
    found = columns(tmp_path, table, labels="labels", group="patient")
    assert {image for image, (split, _) in told(found).items() if split == "val"} in [
        {str(3 * patient + k) for k in range(3)} for patient in range(4)
    ]


@pytest.mark.parametrize(
    ("table", "section", "part"),
    [
        ("image,a\n1,5\n2,7\n", {}, "none of them holds only 0 and 1"),
        ("image,a\n1,1\n2,-1\n", {"one_hot": ["a"]}, "row 3 has '-1' in the column a; 0 or 1 was expected"),
        ("image,a\n1,1\n", {"one_hot": ["b"]}, "add 'b'"),
        ("name,a\n1,1\n", {}, "add 'image'"),
        ("image,labels,s\n1,a,tarin\n", {"labels": "labels", "split": "s"}, "has the split 'tarin'"),
        ("image,labels,s\n1,a,train\n1,b,val\n", {"labels": "labels", "split": "s"}, "with different splits"),
        ("image,labels,s\n1,a,train\n2,b,\n", {"labels": "labels", "split": "s"}, "gives 1 image no split"),
        ("image,labels\n1,cat\n2,\n", {"labels": "labels", "separator": ""}, "separator"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: str, section: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError, match=part):
        columns(tmp_path, table, **section)


# -------------------------------------------------------------------------------------------------- imagefolder


def lines(path: Path, *rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_metadata_with_names_numbers_and_objects(tmp_path: Path) -> None:
    root = tmp_path / "data"
    pictures(root, *(f"{split}/{k}.jpg" for split in ("train", "validation") for k in range(3)))
    for split in ("train", "validation"):
        lines(
            root / split / "metadata.jsonl",
            {"file_name": "0.jpg", "objects": {"bbox": [[0, 0, 1, 1]] * 2, "categories": [1, 1]}},
            {"file_name": "1.jpg", "objects": {"bbox": [], "categories": []}},
            {"file_name": "2.jpg", "objects": {"categories": [0, 1]}},
        )
    found = listing(tmp_path, "imagefolder", {"images": str(root), "names": ["cat", "dog"]})
    assert told(found) == {
        **{f"train/{k}": ("train", labels) for k, labels in enumerate([("dog",), (), ("cat", "dog")])},
        **{f"validation/{k}": ("val", labels) for k, labels in enumerate([("dog",), (), ("cat", "dog")])},
    }


@pytest.mark.parametrize("cell", ["label", "labels", "category", "what"])
def test_metadata_in_csv(tmp_path: Path, cell: str) -> None:
    root = tmp_path / "data"
    pictures(root, *(f"{k}.png" for k in range(8)))
    rows = "".join(f"{k}.png,{'cat' if k % 2 else 'dog'}\n" for k in range(8))
    (root / "metadata.csv").write_text(f"file_name,{cell}\n{rows}", encoding="utf-8")
    section: dict[str, Any] = {"images": str(root)}
    if cell == "what":
        with pytest.raises(InputError, match="none of which is known to hold labels"):
            listing(tmp_path, "imagefolder", section)
        section["label"] = "what"
    found = listing(tmp_path, "imagefolder", section)
    assert found.index.classes == ("cat", "dog") and told(found)["1"][1] == ("cat",)


def test_without_metadata_the_folders_tell(tmp_path: Path) -> None:
    pictures(tmp_path / "data", "train/cat/1.jpg", "validation/dog/2.jpg", "test/dog/3.jpg")
    assert told(listing(tmp_path, "imagefolder", {"images": str(tmp_path / "data")})) == {
        "train/cat/1": ("train", ("cat",)),
        "validation/dog/2": ("val", ("dog",)),
    }


# ------------------------------------------------------------------------------------------------- Label Studio


def task(number: int, image: str, *answers: list[str], **more: Any) -> dict[str, Any]:
    results = [
        {
            "result": [
                {"from_name": "what", "to_name": "image", "type": "choices", "value": {"choices": names}}
            ]
        }
        for names in answers
    ]
    return {
        "id": number,
        "data": {"image": image, "note": "text"},
        "annotations": results,
        "predictions": [],
    } | more


UPLOAD = "/data/upload/1/0a1b2c3d-"


def test_tasks_and_their_choices(tmp_path: Path) -> None:
    pictures(tmp_path / "images", *(f"{k}.jpg" for k in range(6)), "deep/my pic.jpg", "9f9f9f9f-kept.jpg")
    tasks = [
        *(task(k, f"{UPLOAD}{k}.jpg", ["cat"] if k % 2 else ["dog", "cat"]) for k in range(5)),
        task(6, "/data/local-files/?d=somewhere%5Cdeep/my%20pic.jpg", ["none"]),
        task(7, "https://host/bucket/deep/my%20other.jpg"),
        task(8, "s3://bucket/9f9f9f9f-kept.jpg", ["dog"], ["cat"]),
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    section = {"export": str(tmp_path / "export.json"), "images": str(tmp_path / "images")}
    found = listing(tmp_path, "label_studio", section)
    shown = {image: labels for image, (_, labels) in told(found).items()}
    assert shown == {
        **{str(k): ("cat",) if k % 2 else ("cat", "dog") for k in range(5)},
        "deep/my pic": (),
        "9f9f9f9f-kept": ("cat", "dog"),
    }
    assert "1 task of" in notes(found) and "not annotated, left out: my other.jpg" in notes(found)
    assert "1 task answered differently, all answers joined: 9f9f9f9f-kept.jpg" in notes(found)


@pytest.mark.parametrize("kind", ["min.json", "csv"])
def test_the_short_exports(tmp_path: Path, kind: str) -> None:
    pictures(tmp_path / "images", *(f"{k}.jpg" for k in range(8)))
    rows: list[dict[str, Any]] = [
        {
            "image": f"{UPLOAD}{k}.jpg",
            "id": k,
            "choice": {"choices": ["cat", "dog"]} if k == 0 else ("cat", "none")[k % 2],
            "annotator": 1,
            "annotation_id": k,
        }
        for k in range(8)
    ]
    path = tmp_path / f"export.{kind}"
    if kind == "csv":
        cells = [
            json.dumps(row["choice"]) if isinstance(row["choice"], dict) else row["choice"] for row in rows
        ]
        quoted = [cell.replace('"', '""') for cell in cells]
        text = "".join(
            f'{row["image"]},{row["id"]},"{cell}",1,{row["id"]}\n'
            for row, cell in zip(rows, quoted, strict=True)
        )
        path.write_text("image,id,choice,annotator,annotation_id\n" + text, encoding="utf-8")
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")
    found = listing(tmp_path, "label_studio", {"export": str(path), "images": str(tmp_path / "images")})
    shown = {image: labels for image, (_, labels) in told(found).items()}
    assert shown == {str(k): ("cat", "dog") if k == 0 else (("cat",), ())[k % 2] for k in range(8)}


def test_labels_of_regions_and_of_one_question(tmp_path: Path) -> None:
    pictures(tmp_path / "images", *(f"{k}.jpg" for k in range(8)))
    tasks = []
    for k in range(8):
        one = task(k, f"{k}.jpg", ["indoor"])
        value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["cat" if k % 2 else "dog"]}
        one["annotations"][0]["result"].append(
            {"from_name": "box", "type": "rectanglelabels", "value": value}
        )
        tasks.append(one)
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    section = {"export": str(tmp_path / "export.json"), "images": str(tmp_path / "images")}
    assert listing(tmp_path, "label_studio", section).index.classes == ("cat", "dog", "indoor")
    assert listing(tmp_path, "label_studio", section | {"control": "box"}).index.classes == ("cat", "dog")
