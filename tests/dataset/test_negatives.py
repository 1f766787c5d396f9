"""Training images without any of the classes, labels outside of them, and labels that tell nothing apart."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import read_index
from weakseg.dataset.indexing import plan
from weakseg.dataset.negatives import refuse_same_labels, telling_lines
from weakseg.dataset.records import Record
from weakseg.dataset.settings import DatasetConfig
from weakseg.errors import InputError


def table(folder: Path, labels: Sequence[str], classes: Sequence[str] = ("cat", "dog"), **more: Any) -> Path:
    """Settings of a data set of training images with these cells, and one validation image."""
    (folder / "images").mkdir(exist_ok=True)
    rows = ["image,labels,split", *(f'im{n:02},"{cell}",train' for n, cell in enumerate(labels)), "v,,val"]
    for name in [f"im{number:02}" for number in range(len(labels))] + ["v"]:
        Image.new("RGB", (6, 4)).save(folder / "images" / f"{name}.png")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    section = {"images": str(folder / "images"), "labels": str(folder / "labels.csv")}
    section |= more.pop("table", {})
    settings = {"source": "table", "classes": [*classes], "table": section} | more
    (folder / "dataset.json").write_text(json.dumps(settings))
    return folder


def run(data: Path) -> Result:
    arguments = ["--config", str(data / "dataset.json"), "--out", str(data / "out")]
    return CliRunner().invoke(weakseg, ["dataset", "index", *arguments])


def labels_of(data: Path) -> dict[str, tuple[str, ...]]:
    index = read_index(data / "out" / "index.csv", data / "out" / "classes.csv")
    return {record.id: record.labels for record in index.split("train")}


def refused(result: Result) -> str:
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def planned(data: Path, *, classified: bool = True) -> None:
    settings = DatasetConfig.model_validate_json((data / "dataset.json").read_text())
    plan(settings, data / "out", classified=classified)


# ----------------------------------------------------------------------------------------------- negatives


def test_an_empty_cell_is_a_negative_and_counted(tmp_path: Path) -> None:
    result = run(table(tmp_path, ["cat", "", "dog|cat", " ", "dog"]))
    assert labels_of(tmp_path) == {
        **{"im00": ("cat",), "im01": (), "im02": ("cat", "dog")},
        **{"im03": (), "im04": ("dog",)},
    }
    line = "2 of 5 training images show none of the classes: they are negatives (im01, im03)"
    assert line in result.output.splitlines()


def test_one_negative_is_said_in_the_singular(tmp_path: Path) -> None:
    result = run(table(tmp_path, ["cat", "", "dog"]))
    assert (
        "1 of 3 training images shows none of the classes: it is a negative (im01)"
        in result.output.splitlines()
    )


def test_an_image_of_other_known_classes_is_a_negative(tmp_path: Path) -> None:
    data = table(tmp_path, ["cat", "cow", "dog|cow"], table={"all_classes": ["cat", "cow", "dog"]})
    assert run(data).exit_code == 0
    assert labels_of(data) == {"im00": ("cat",), "im01": (), "im02": ("dog",)}


def test_negatives_are_left_out_on_request_and_counted(tmp_path: Path) -> None:
    result = run(table(tmp_path, ["cat", "", "dog", "|"], unlabelled="leave_out"))
    assert labels_of(tmp_path) == {"im00": ("cat",), "im02": ("dog",)}
    line = "training images that show none of the classes, left out: 2 (im01, im03)"
    assert line in result.output.splitlines()
    assert "they are negatives" not in result.output


# ------------------------------------------------------------------------------------------ unlisted names


def test_unlisted_names_are_refused_together_with_counts_and_the_remedy(tmp_path: Path) -> None:
    data = table(tmp_path, ["cat", "zebra", "cat|zebra", "yurt", "dog|car"])
    assert refused(run(data)) == (
        f"4 rows of {data / 'labels.csv'} name what dataset.classes (cat, dog) does not list: zebra (2), yurt (1), "
        "car (1: cat?); the first is image 'im01': correct the rows, add the names to dataset.classes, or set "
        "dataset.unlisted to ignore, and they do not count."
    )


def test_a_class_may_hold_what_joins_names(tmp_path: Path) -> None:
    data = table(tmp_path, ["salt & pepper", "dog", ""], classes=["salt & pepper", "dog"])
    assert run(data).exit_code == 0
    assert labels_of(data)["im00"] == ("salt & pepper",)


def test_a_single_name_that_resembles_a_class_is_a_mistake_for_it(tmp_path: Path) -> None:
    message = refused(run(table(tmp_path, ["cat", "dgo", "dog"])))
    assert message == "image 'im01' has the unknown class 'dgo'; did you mean 'dog'?"


def test_ignored_names_do_not_count_and_are_told(tmp_path: Path) -> None:
    result = run(table(tmp_path, ["cat", "zebra", "cat|zebra", "yurt", "dog|car"], unlisted="ignore"))
    assert labels_of(tmp_path) == {
        **{"im00": ("cat",), "im01": (), "im02": ("cat",)},
        **{"im03": (), "im04": ("dog",)},
    }
    line = "labels outside dataset.classes that do not count (dataset.unlisted): zebra (2), yurt (1), car (1: cat?)"
    assert line in result.output.splitlines()
    assert "2 of 5 training images show none of the classes" in result.output


def test_an_image_left_with_nothing_is_left_out_on_request(tmp_path: Path) -> None:
    assert (
        run(table(tmp_path, ["cat", "zebra", "dog"], unlisted="ignore", unlabelled="leave_out")).exit_code
        == 0
    )
    assert labels_of(tmp_path) == {"im00": ("cat",), "im02": ("dog",)}


@pytest.mark.parametrize("slip", ["Cat", "CAT|dog", "cat,dog", "cat, zebra", "cat dog", "background"])
def test_a_slip_of_the_pen_is_never_ignored(tmp_path: Path, slip: str) -> None:
    assert "unknown class" in refused(run(table(tmp_path, ["cat", slip, "dog"], unlisted="ignore")))


# ------------------------------------------------------------------------------------- nothing to tell apart


def records(*labels: str) -> list[Record]:
    """Training images of one letter per class, and a validation image without any."""
    train = [Record(str(n), Path("x"), "train", tuple(names), None) for n, names in enumerate(labels)]
    return [*train, Record("v", Path("x"), "val", (), None)]


def test_one_class_without_a_negative_is_refused_while_planning(tmp_path: Path) -> None:
    data = table(tmp_path, ["crack"] * 3, classes=["crack"])
    with pytest.raises(InputError) as caught:
        planned(data)
    assert str(caught.value) == (
        "every training image shows 'crack', and the classifier has nothing to tell it from: add images without it to "
        "the split train, with empty labels, or set dataset.same_labels to allow it."
    )


def test_nothing_need_be_told_apart_where_no_classifier_learns(tmp_path: Path) -> None:
    planned(table(tmp_path, ["crack"] * 3, classes=["crack"]), classified=False)


def test_images_of_the_same_labels_are_trained_on_if_allowed(tmp_path: Path) -> None:
    data = table(tmp_path, ["crack"] * 3, classes=["crack"], same_labels="allow")
    planned(data)
    assert "every training image shows 'crack': attention cannot learn where it is" in run(data).output


@pytest.mark.parametrize("labels", [["a", ""], ["a", "ab"], ["a", "b"], [""] * 9 + ["a"]])
def test_some_difference_is_enough(labels: list[str]) -> None:
    refuse_same_labels(records(*labels), ["a", "b"])


def test_all_images_with_all_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"every training image shows 'a', 'b', and .* tell them from"):
        refuse_same_labels(records("ab", "ab"), ["a", "b"])


def test_negatives_alone_are_refused_even_if_same_labels_are_allowed() -> None:
    with pytest.raises(InputError, match="none of the 2 training images shows any of the classes 'a', 'b'"):
        refuse_same_labels(records("", ""), ["a", "b"], allow=True)


@pytest.mark.parametrize(
    ("labels", "lines"),
    [
        (["a", "b", "ab", ""], []),
        (
            ["ab", "a"],
            ["every training image shows 'a': attention cannot learn where it is; add images without it"],
        ),
        (
            ["abc", "c", "ab"],
            [
                "the training images show 'a', 'b' only together: attention cannot tell them apart; add images with "
                "one of them alone"
            ],
        ),
    ],
)
def test_what_cannot_be_told_apart_is_a_line(labels: list[str], lines: list[str]) -> None:
    assert telling_lines(records(*labels)) == lines


def test_a_classifier_of_exactly_one_class_refuses_negatives_while_planning(tmp_path: Path) -> None:
    data = table(tmp_path, ["cat", "", "cat|dog", "dog"])
    settings = DatasetConfig.model_validate_json((data / "dataset.json").read_text())
    with pytest.raises(
        InputError, match=r"2 of 4 training images .* \(im01, im02\), but with attention.spg.single_label"
    ):
        plan(settings, data / "out", classified=True, one_class=True)
    plan(settings, data / "out", classified=True)
