"""What a review changes in the segmenter's training, and that nothing changes without one."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.segmenter.commands import segmenter
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.review import Review, decided, read_corrected, read_review, write_list
from weakseg.training import stage

ODD = "folder/ü & 100% #1"
ALL = [*(f"img-{number:02}" for number in range(5)), ODD]


@pytest.fixture
def trained(small: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `weakseg segmenter train` up to the training itself: what it would be given."""
    given: dict[str, Any] = {}

    class Network:
        class backbone:
            fill = (0, 0, 0)

    def note(room: str, section: Any, build: Any, samples: Any, *, inputs: list[Path], **rest: Any) -> None:
        given.update(inputs=inputs, samples=samples(Network()))

    monkeypatch.setattr(stage, "train_stage", note)
    settings = Config().stages()["segmenter-train"]
    settings["backbone"] |= {"weights": "none", "architecture": "vgg_small"}
    settings["training"] |= {"crop": 32}
    (small / "configs" / "segmenter-train.json").write_text(json.dumps(settings))

    def run(*options: str) -> dict[str, Any]:
        monkeypatch.chdir(small.parent.parent)
        words = ["train", "--config", "configs/segmenter-train.json", "--index", "dataset/index.csv"]
        words += ["--classes", "dataset/classes.csv", "--labels", "proxy/refined", *options]
        words += ["--state", "segmenter/state", "--out", "segmenter/weights.pt"]
        paths = [f"results/small/{word}" if "/" in word else word for word in words]
        done = CliRunner().invoke(segmenter, paths, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return given

    return run


def _label_ids(given: dict[str, Any]) -> list[str]:
    """Ids of the label maps among the inputs; the first two are index and classes."""
    roots = ("results/small/proxy/refined/", "results/small/review/corrected/")
    texts = [path.as_posix() for path in given["inputs"][2:]]
    return [next(text.removeprefix(root) for root in roots if text.startswith(root))[:-4] for text in texts]


def test_without_a_review_all_images_are_trained_on(trained: Any) -> None:
    given = trained()
    assert _label_ids(given) == ALL
    assert all("proxy/refined" in path.as_posix() for path in given["inputs"][2:])


def test_a_rejected_image_leaves_training_and_a_flagged_one_stays(trained: Any, small: Path) -> None:
    write_list(small / "review", "rejected", ["img-01", ODD, "an id of another data set"])
    write_list(small / "review", "flagged", ["img-02"])
    write_list(small / "review", "accepted", ["img-03"])
    given = trained("--review", "review/")
    assert _label_ids(given) == ["img-00", "img-02", "img-03", "img-04"]
    assert len(given["samples"]) == 4


def test_a_corrected_map_replaces_the_proxy(trained: Any, small: Path) -> None:
    write_labels(small / "review" / "corrected" / f"{ODD}.png", np.full((48, 64), 3, np.uint8))
    given = trained("--review", "review/")
    assert _label_ids(given) == ALL
    assert given["inputs"][-1].as_posix() == f"results/small/review/corrected/{ODD}.png"
    labels = given["samples"].sample(5, np.random.default_rng(0))["labels"].numpy()
    assert set(np.unique(labels)) <= {3, 255}
    assert (labels == 3).any()
    own = read_labels(small / "proxy" / "refined" / f"{ODD}.png")
    assert set(np.unique(own)) != {3}


def test_rejecting_every_image_is_one_sentence(trained: Any, small: Path) -> None:
    write_list(small / "review", "rejected", ALL)
    with pytest.raises(InputError, match=r"all training images were rejected in .*review/rejected\.csv"):
        trained("--review", "review/")


def test_only_decisions_about_training_images_count(tmp_path: Path) -> None:
    review, index = tmp_path / "review", tmp_path / "index.csv"
    assert decided(review, index) == ""
    assert read_review(review) == Review()
    write_list(review, "flagged", ["a"])
    write_list(review, "accepted", ["b"])
    assert decided(review, index) == ""
    write_list(review, "rejected", ["v"])
    write_labels(review / "corrected" / "w.png", np.zeros((2, 2), np.uint8))
    assert decided(review, index)  # before there is an index, nobody knows their split
    rows = "".join(
        f"{name},{split},,\n" for name, split in zip("abvw", ["train"] * 2 + ["val"] * 2, strict=True)
    )
    index.write_text("id,split,labels,image_sha256\n" + rows, encoding="utf-8")
    assert decided(review, index) == ""
    write_list(review, "rejected", ["a", "v"])
    found = [decided(review, index)]
    write_list(review, "rejected", ["a"])
    write_labels(review / "corrected" / "a.png", np.ones((2, 2), np.uint8))  # it stays out
    assert decided(review, index) == found[0] != ""
    for value in (0, 1):
        write_labels(review / "corrected" / "b.png", np.full((2, 2), value, np.uint8))
        found.append(decided(review, index))
    write_list(review, "rejected", [])
    found.append(decided(review, index))
    assert len(set(found)) == 4
    assert not (review / "rejected.csv").exists()


def test_a_corrected_map_keeps_its_classes(tmp_path: Path) -> None:
    drawn, bare = tmp_path / "drawn.png", tmp_path / "bare.png"
    labels = np.array([[0, 2], [3, 255]], np.uint8)
    write_labels(drawn, labels, ["bird", 'a "c" ü', "dog"])
    write_labels(bare, labels)
    for names in (["bird", 'a "c" ü', "dog"], ["BIRD", 'a "c" ü', "dog", "cow"]):  # no pixel is a bird
        assert np.array_equal(read_corrected(drawn, names), labels)
    assert np.array_equal(read_corrected(bare, ["x", "y", "z"]), labels)
    for path, names, sentence in (
        (
            drawn,
            ["dog", "bird", 'a "c" ü'],
            r"drawn\.png holds the index 2, drawn as 'a \"c\" ü', where .* 'bird'; correct",
        ),
        (
            drawn,
            ["bird", 'a "c" ü'],
            r"holds the index 3, drawn as 'dog', where the run has no class; correct",
        ),
        (
            bare,
            ["x", "y"],
            r"bare\.png holds the index 3 where the run has no class; correct the image again",
        ),
    ):
        with pytest.raises(InputError, match=sentence):
            read_corrected(path, names)


def test_a_corrected_map_of_other_classes_is_refused_before_the_training(trained: Any, small: Path) -> None:
    path = small / "review" / "corrected" / "img-00.png"
    write_labels(path, np.full((48, 64), 3, np.uint8), ["dog", "cat", "bird"])
    with pytest.raises(InputError, match="index 3, drawn as 'bird', where the run has 'dog'"):
        trained("--review", "review/")
    write_list(small / "review", "rejected", ["img-00"])
    assert len(trained("--review", "review/")["samples"]) == 5


def test_labels_that_decide_nothing_are_one_sentence(trained: Any, small: Path) -> None:
    for name in ALL:
        write_labels(small / "proxy" / "refined" / f"{name}.png", np.full((48, 64), 255, np.uint8))
    with pytest.raises(InputError, match="not one pixel of the 6 label maps is decided"):
        trained()
    decided = np.full((48, 64), 255, np.uint8)
    decided[0, 0] = 0
    write_labels(small / "review" / "corrected" / f"{ODD}.png", decided)
    assert len(trained("--review", "review/")["samples"]) == 6


def test_samples_reach_data_workers_that_start_anew(trained: Any, small: Path) -> None:
    write_labels(small / "review" / "corrected" / "img-01.png", np.full((48, 64), 3, np.uint8))
    samples = trained("--review", "review/")["samples"]
    sent = pickle.loads(pickle.dumps(samples))
    for item in range(2):
        own, theirs = (given.sample(item, np.random.default_rng(0)) for given in (samples, sent))
        assert all(torch.equal(own[name], theirs[name]) for name in own)


@pytest.mark.parametrize("ids", [['a,b "c"', "d"], ["ü/#1"], ["x\\y", " z"]])
def test_lists_hold_any_id(tmp_path: Path, ids: list[str]) -> None:
    write_list(tmp_path, "flagged", ids)
    assert read_review(tmp_path).flagged == set(ids)


@pytest.mark.parametrize("content", [b"name\na\n", b"", b"id\n\xff\n"])
def test_a_damaged_list_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rejected.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"rejected\.csv"):
        read_review(tmp_path)
