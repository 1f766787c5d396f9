"""`weakseg evaluate attention` and `labels` on a tiny run, with masks and without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weakseg.errors import InputError
from weakseg.evaluation.confusion import ConfusionMatrix
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.shards import write_shard

CLASSES = ("cat", "dog")


def test_label_scores_equal_counting_by_hand(scored: Any) -> None:
    index = scored.index
    matrix, single = ConfusionMatrix(CLASSES), {}
    for record in index.split("train")[:4]:
        alone = ConfusionMatrix(CLASSES)
        for counter in (matrix, alone):
            counter.update(index.read_mask(record), read_labels(scored.labels("fused") / f"{record.id}.png"))
        single[record.id] = round(alone.miou, 4)
    found = scored.read("fused")
    assert (found["stage"], found["split"], found["images"], found["unscored"]) == ("fused", "train", 4, 1)
    assert found["miou"] == round(matrix.miou, 4)
    assert found["miou_undecided_wrong"] == round(matrix.miou_undecided_wrong, 4) < found["miou"]
    assert found["miou_undecided_background"] == round(matrix.miou_undecided_background, 4)
    assert len({found[f"miou{way}"] for way in ("", "_undecided_wrong", "_undecided_background")}) == 3
    assert (found["classes_scored"], found["classes_true"], found["missing_class"]) == (2, 2, 0)
    assert found["undecided"] == round(matrix.undecided_share, 4) == 0.1
    assert found["per_class"] == {
        name: round(value, 4) for name, value in zip(("background", *CLASSES), matrix.iou(), strict=True)
    }
    assert found["per_image"] == single
    assert "curve" not in found


def test_attention_score_holds_the_curve_and_its_best(scored: Any) -> None:
    found = scored.read("attention")
    curve = found["curve"]
    assert curve["threshold"] == [round(number / 100, 2) for number in range(101)]
    assert found["miou"] == max(value for value in curve["miou"] if value is not None) > 0.8
    assert curve["miou"][curve["threshold"].index(found["threshold"])] == found["miou"]
    assert curve["precision"][100] is None, "nothing reaches 1.00"
    assert set(found["per_class"]) == {"background", *CLASSES}
    assert "per_image" not in found


def test_json_is_sorted_and_repeatable(tiny: Any) -> None:
    before = [path.read_bytes() for path in tiny.score_all()]
    assert [path.read_bytes() for path in tiny.score_all()] == before
    assert list(tiny.read("attention")) == sorted(tiny.read("attention"))


def test_repeated_options_mean_the_same_as_lists(scored: Any) -> None:
    first, second = scored.shards("attention")
    result = scored.evaluate("attention", "--maps", first, *scored.data, f"--maps={second}", "--split", "train",
                             "--out", scored.path("again.json"))  # fmt: skip
    assert result.exit_code == 0
    assert scored.path("again.json").read_bytes() == scored.path("attention.json").read_bytes()


def test_labels_of_any_name_are_scored(tiny: Any, tmp_path: Path) -> None:
    """A table's row is named by whoever asks for it: no list of stages knows better."""
    out = tmp_path / "mine.json"
    result = tiny.evaluate("labels", *tiny.data, "--split", "val", "--stage", "mine, by hand",
                           "--labels", tiny.labels("segmenter"), "--out", out)  # fmt: skip
    assert result.output.startswith("mine, by hand: mIoU ")
    assert '"stage": "mine, by hand"' in out.read_text()


# ------------------------------------------------------------- masks that show less than the labels say


@pytest.mark.parametrize("value", [0, 255])
def test_there_is_no_score_over_background_alone(tiny: Any, value: int) -> None:
    """Masks of 0 and 255, which say that nothing in them is an object, against labels that say the same."""
    for path in (tiny.folder / "masks").iterdir():
        write_labels(path, np.where(read_labels(path) > 0, np.uint8(value), np.uint8(0)))
    for path in tiny.labels("refined").rglob("*.png"):
        write_labels(path, np.zeros((30, 40), np.uint8))
    said, found = tiny.score("refined").output, tiny.read("refined")
    assert said.startswith(
        "refined: no class has a pixel in the masks of 4 train images, so there is no score;"
    )
    ways = ("miou", "miou_undecided_wrong", "miou_undecided_background")
    assert [found[way] for way in ways] == [None, None, None]
    assert (found["classes_scored"], found["classes_true"]) == (0, 0)
    result = tiny.evaluate("attention", *tiny.data, "--maps", *tiny.shards("attention"),
                           "--out", tiny.path("attention.json"))  # fmt: skip
    assert "no class has a pixel in the masks of 4 train images" in result.output
    assert tiny.read("attention")["miou"] is None
    assert tiny.summary().exit_code == 0


def test_classes_that_occur_nowhere_are_named(tiny: Any) -> None:
    for folder in (tiny.folder / "masks", tiny.labels("refined")):
        for path in folder.rglob("*.png"):
            labels = read_labels(path)
            write_labels(path, np.where(labels == 2, np.uint8(0), labels))
    said, found = tiny.score("refined").output, tiny.read("refined")
    assert "over background and 1 of 2 classes (none of dog)" in said
    assert (found["per_class"]["dog"], found["classes_scored"]) == (None, 1)
    assert "1 of 2" in tiny.summary().output


@pytest.mark.parametrize("run", ["tiny", "unmasked"])
def test_images_that_lack_a_class_are_counted(request: pytest.FixtureRequest, run: str) -> None:
    made: Any = request.getfixturevalue(run)
    refined = made.labels("refined")
    write_labels(refined / "train" / "1.png", np.zeros((30, 40), np.uint8))
    write_labels(refined / "train" / "4.png", np.full((30, 40), 255, np.uint8))  # has no mask
    assert made.score("refined").output.endswith("; in 2 images a labelled class has no pixel\n")
    assert made.read("refined")["missing_class"] == 2
    for number in range(5):
        write_labels(refined / "train" / f"{number}.png", np.zeros((30, 40), np.uint8))
    assert "; no label map shows any class, all is background or undecided" in made.score("refined").output
    found = made.read("refined")
    assert (found["missing_class"], found["nothing"]) == (5, True)


# --------------------------------------------------------------------------------------------- mistakes


def test_mistakes_are_one_sentence(tiny: Any) -> None:
    bad = tiny.labels("segmenter") / "val/5.png"
    write_labels(bad, np.full((30, 40), 9, np.uint8))
    with pytest.raises(InputError, match="index 9"):
        tiny.score("segmenter")
    write_labels(bad, np.zeros((30, 41), np.uint8))
    with pytest.raises(InputError, match="41×30 pixels, the mask 40×30"):
        tiny.score("segmenter")
    assert not tiny.path("segmenter.json").exists()


def test_maps_of_an_unknown_class_are_refused(tiny: Any, tmp_path: Path) -> None:
    names = [f"train/{number}" for number in range(5)]
    write_shard(tmp_path / "odd.h5", [(name, {"bird": np.zeros((3, 3))}) for name in names])
    with pytest.raises(InputError, match="name the class 'bird'"):
        tiny.evaluate("attention", *tiny.data, "--split", "train", "--maps", tmp_path / "odd.h5",
                      "--out", tmp_path / "x.json")  # fmt: skip
