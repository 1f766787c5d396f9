"""What `weakseg dataset index` says it understood."""

import json
from pathlib import Path

from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.dataset.summary import summary_lines


def test_the_demo(tmp_path: Path) -> None:
    demo = {"train": 6, "val": 3, "saliency": 2, "size": 64}
    (tmp_path / "dataset.json").write_text(json.dumps({"source": "demo", "demo": demo}))
    result = CliRunner().invoke(
        weakseg,
        ["dataset", "index", "--config", str(tmp_path / "dataset.json"), "--out", str(tmp_path / "out")],
    )
    first, classes, masks, *rest = result.output.splitlines()
    assert first == f"indexed 6 train, 3 val, 2 saliency images of 6 classes in {tmp_path / 'out'}"
    assert classes.startswith("images of each class, train/val: ")
    assert masks == "11 of 11 masks found"
    assert all("in no training image" in line for line in rest)
    assert len(rest) <= 1


def test_images_of_each_class_are_counted_by_split() -> None:
    records = [
        Record(str(number), Path(f"{number}.jpg"), split, labels, None)
        for number, (split, labels) in enumerate(
            [
                ("train", ("cat", "dog")),
                ("train", ("cat",)),
                ("val", ("dog",)),
                ("val", ()),
                ("saliency", ("cat",)),
            ]
        )
    ]
    index = Index(records, ("cat", "dog", "cow"), (0, 1, 2, 3), notes=["3 of 5 masks found"])
    assert summary_lines(index) == [
        "images of each class, train/val: cat 2/0, dog 1/1, cow 0/0",
        "3 of 5 masks found",
        "class 'cow' is in no training image: nothing can learn it",
        "every training image shows 'cat': attention cannot learn where it is; add images without it",
    ]


def test_many_classes_stay_a_line_each() -> None:
    names = tuple(f"class {number}" for number in range(254))
    counts, lost = summary_lines(Index((), names, tuple(range(255))))
    assert counts.endswith("class 24 0/0 and 229 more")
    assert lost.endswith("'class 24' and 229 more are in no training image: nothing can learn them")
