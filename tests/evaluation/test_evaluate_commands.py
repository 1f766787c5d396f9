"""`weakseg evaluate …` end to end on a tiny generated data set, with masks and without."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.dataset.index import Index, read_index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.commands import evaluate
from weakseg.evaluation.confusion import ConfusionMatrix
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.shards import write_shard
from weakseg.storage.weights import Weights, file_sha256, save_weights

CLASSES = ("cat", "dog")
FIGURES = ("per_class.png", "curve.png", "training.png", "montage-sample.png", "montage-worst.png")


def build(root: Path, masks: bool) -> Path:
    """Five training and three validation images with a run's artefacts; every prediction is a bit off."""
    generator = np.random.default_rng(0)
    records, truths = [], {}
    for number in range(8):
        split = "train" if number < 5 else "val"
        name = f"{split}/{number}"
        truth = np.zeros((30, 40), np.uint8)
        truth[5:20, 5 + number : 20 + number] = 1 + number % 2
        truth[5, :] = 255
        truths[name] = truth
        image = root / "images" / f"{number}.png"
        image.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (30, 40, 3)).astype(np.uint8)).save(image)
        mask = root / "masks" / f"{number}.png" if masks and number != 4 else None
        if mask is not None:
            write_labels(mask, truth)
        records.append(Record(name, image, split, (CLASSES[number % 2],), mask))
    write_index(root / "dataset", Index(tuple(records), CLASSES, (0, 1, 2)))
    write_artefacts(root, truths)
    return root


def write_artefacts(root: Path, truths: dict[str, np.ndarray]) -> None:
    attention, saliency = [], []
    for number, (name, truth) in enumerate(truths.items()):
        soft = np.where((truth > 0) & (truth < 255), 0.8, 0.1)[::2, ::2]
        attention.append((name, {CLASSES[number % 2]: soft}))
        saliency.append((name, {"saliency": soft}))
        off = np.roll(truth, number, axis=0)
        off[off == 255] = 0
        write_labels(root / "refined" / f"{name}.png", off)
        off = off.copy()
        off[:, 10:14] = 255
        write_labels(root / "fused" / f"{name}.png", off)
        if name.startswith("val"):
            write_labels(root / "crf" / f"{name}.png", np.roll(truth, number, axis=1) % 255)
    for part, chosen in (("1-of-2", slice(0, 4)), ("2-of-2", slice(4, None))):
        write_shard(root / f"attention-{part}.h5", attention[chosen])
        write_shard(root / f"saliency-{part}.h5", saliency[chosen])


def run(*arguments: object) -> Result:
    """Run a command; what it raises is raised here too."""
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments], catch_exceptions=False)


def data(root: Path) -> list[Path | str]:
    return ["--index", root / "dataset/index.csv", "--classes", root / "dataset/classes.csv"]


def shards(root: Path, kind: str) -> list[Path]:
    return [root / f"{kind}-{part}.h5" for part in ("1-of-2", "2-of-2")]


def evaluate_all(root: Path) -> list[Path]:
    """Score every stage; the five score files."""
    out = root / "evaluation"
    runs = [run("attention", *data(root), "--maps", *shards(root, "attention"),
                "--curve", out / "sweep.png", "--out", out / "attention.json")]  # fmt: skip
    assert (out / "sweep.png").read_bytes().startswith(b"\x89PNG")
    stages = (("fused", "train", "fused"), ("refined", "train", "refined"),
              ("segmenter", "val", "crf"), ("segmenter-crf", "val", "crf"))  # fmt: skip
    for stage, split, folder in stages:
        runs.append(run("labels", *data(root), "--split", split, "--stage", stage,
                        "--labels", root / folder, "--out", out / f"{stage}.json"))  # fmt: skip
    assert [result.exit_code for result in runs] == [0] * 5, [result.output for result in runs]
    return [out / f"{stage}.json" for stage in ("attention", *(stage for stage, _, _ in stages))]


def summary(root: Path, *more: object, **settings: int) -> Result:
    config = root / "evaluation.json"
    config.write_text(json.dumps({"split": "val", "sample": 2, "worst": 2} | settings), encoding="utf-8")
    return run("summary", "--config", config, *data(root), *more, "--out", root / "evaluation")


def artefacts(root: Path) -> list[object]:
    maps = ["--attention", *shards(root, "attention"), "--saliency", *shards(root, "saliency")]
    labels = ["--fused", root / "fused", "--refined", root / "refined", "--predictions", root / "crf"]
    return [*maps, *labels]


@pytest.fixture
def scored(tmp_path: Path) -> tuple[Path, list[Path]]:
    root = build(tmp_path, masks=True)
    return root, evaluate_all(root)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


# ---------------------------------------------------------------------------------------------- scores


def test_label_scores_equal_counting_by_hand(scored: tuple[Path, list[Path]]) -> None:
    root, _ = scored
    index = read_index(root / "dataset/index.csv", root / "dataset/classes.csv")
    matrix, single = ConfusionMatrix(CLASSES), {}
    for record in index.split("train")[:4]:
        alone = ConfusionMatrix(CLASSES)
        for counter in (matrix, alone):
            counter.update(index.read_mask(record), read_labels(root / "fused" / f"{record.id}.png"))
        single[record.id] = round(alone.miou, 4)
    found = load(root / "evaluation/fused.json")
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


def test_attention_score_holds_the_curve_and_its_best(scored: tuple[Path, list[Path]]) -> None:
    found = load(scored[0] / "evaluation/attention.json")
    curve = found["curve"]
    assert curve["threshold"] == [round(number / 100, 2) for number in range(101)]
    assert found["miou"] == max(value for value in curve["miou"] if value is not None) > 0.8
    assert curve["miou"][curve["threshold"].index(found["threshold"])] == found["miou"]
    assert curve["precision"][100] is None, "nothing reaches 1.00"
    assert set(found["per_class"]) == {"background", *CLASSES}
    assert "per_image" not in found


def test_json_is_sorted_and_repeatable(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in evaluate_all(root)] == before
    assert list(load(files[0])) == sorted(load(files[0]))


def test_repeated_options_mean_the_same_as_lists(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    first, second = shards(root, "attention")
    result = run("attention", "--maps", first, *data(root), f"--maps={second}", "--split", "train",
                 "--out", root / "again.json")  # fmt: skip
    assert result.exit_code == 0
    assert (root / "again.json").read_bytes() == files[0].read_bytes()


# --------------------------------------------------------------------------------------------- summary


def test_summary_writes_tables_and_figures(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    history, bench = root / "history.csv", root / "bench-1.tsv"
    history.write_text("iteration,epoch,learning_rate,loss,a,b,seconds\n1,0,.1,3,1,2,1\n2,0,.1,2,1,1,2\n")
    bench.write_text("s\th:m:s\tmax_rss\tcpu_time\n2.5\t0:00:02\t100.5\t2\n")
    (root / "bench-2.tsv").write_text("s\th:m:s\tmax_rss\tcpu_time\n1.5\t0:00:01\t-\t2\n")
    logs = ["--history", f"attention={history}", "--benchmark", f"maps={bench}", f"maps={root}/bench-2.tsv"]
    result = summary(root, "--scores", *reversed(files), *logs, *artefacts(root))
    assert result.exit_code == 0, result.output
    out = root / "evaluation"
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8")))
    conventions = ["mIoU", "undecided", "mIoU, undecided wrong", "mIoU, undecided background"]
    assert list(rows[0]) == ["stage", "split", "images", *conventions, "background", *CLASSES]
    assert float(rows[1]["mIoU, undecided background"]) == load(files[1])["miou_undecided_background"]
    assert [row["stage"] for row in rows] == ["attention", "fused", "refined", "segmenter", "segmenter-crf"]
    assert float(rows[1]["mIoU"]) == load(files[1])["miou"]
    assert float(rows[1]["dog"]) == load(files[1])["per_class"]["dog"]
    content = load(out / "summary.json")
    assert content["rules"] == {"maps": {"jobs": 2, "seconds": 4.0, "memory_mb": 100.5}}
    assert content["scores"]["fused"]["undecided"] == 0.1
    assert content["ceiling"] is None
    page = (out / "scores.html").read_text(encoding="utf-8")
    assert f"{content['scores']['fused']['miou']:.4f}" in page
    assert "<td>4.0</td>" in page
    assert "weak / full" not in page
    for name in FIGURES:
        assert picture(out / name).std() > 5, f"{name} shows nothing"
    lines = result.output.splitlines()
    assert lines[0].split() == ["attention", "fused", "refined", "segmenter", "segmenter-crf"]
    assert len({len(line) for line in lines}) == 1, "columns are aligned"


def test_summary_divides_by_the_ceiling(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    full = load(files[4]) | {"miou": 0.9}
    (root / "full.json").write_text(json.dumps(full), encoding="utf-8")
    result = summary(root, "--scores", *files, "--ceiling-scores", root / "full.json")
    weak = load(files[4])["miou"]
    assert load(root / "evaluation/summary.json")["ceiling"] == {
        "weak": weak, "full": 0.9, "ratio": round(weak / 0.9, 4)
    }  # fmt: skip
    assert result.output.splitlines()[-1] == f"weak / full = {weak:.4f} / 0.9000 = {weak / 0.9:.4f}"
    assert "weak / full" in (root / "evaluation/scores.html").read_text(encoding="utf-8")


def test_ceiling_of_other_images_is_refused(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    (root / "full.json").write_text(json.dumps(load(files[4]) | {"images": 7}), encoding="utf-8")
    with pytest.raises(InputError, match="scored on 7 val images"):
        summary(root, "--scores", *files, "--ceiling-scores", root / "full.json")


def test_summary_names_the_weights(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    file = root / "segmenter/weights.pt"
    save_weights(file, Weights("segmenter", {}, {}, list(CLASSES), {"source": "vgg.npz", "sha256": "0a1b"}))
    summary(root, "--scores", *files, "--weights", file)
    assert load(root / "evaluation/summary.json")["weights"] == {
        file.as_posix(): {
            "room": "segmenter",
            "sha256": file_sha256(file),
            "initial source": "vgg.npz",
            "initial sha256": "0a1b",
        }
    }
    assert "vgg.npz" in (root / "evaluation/scores.html").read_text(encoding="utf-8")


def test_class_names_cannot_break_the_page_or_the_figures(tmp_path: Path) -> None:
    root = build(tmp_path, masks=True)
    index = read_index(root / "dataset/index.csv", root / "dataset/classes.csv")
    odd = ("<b>cat & $x^$", "dog")
    renamed = tuple(
        replace(record, labels=tuple(odd[CLASSES.index(name)] for name in record.labels))
        for record in index.records
    )
    write_index(root / "dataset", Index(renamed, odd, (0, 1, 2)))
    run("labels", *data(root), "--split", "val", "--stage", "segmenter-crf", "--labels", root / "crf",
        "--out", root / "crf.json")  # fmt: skip
    assert summary(root, "--scores", root / "crf.json", "--predictions", root / "crf").exit_code == 0
    page = (root / "evaluation/scores.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;cat &amp; $x^$" in page
    assert "<b>" not in page


# ------------------------------------------------------------- masks that show less than the labels say


def score(root: Path, folder: str) -> tuple[str, Any]:
    """What `weakseg evaluate labels` says of the training images, and the file."""
    result = run("labels", *data(root), "--split", "train", "--stage", "refined", "--labels", root / folder,
                 "--out", root / "x.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    return result.output.strip(), load(root / "x.json")


@pytest.mark.parametrize("value", [0, 255])
def test_there_is_no_score_over_background_alone(tmp_path: Path, value: int) -> None:
    """Masks of 0 and 255, which say that nothing in them is an object, against labels that say the same."""
    root = build(tmp_path, masks=True)
    for path in (root / "masks").iterdir():
        write_labels(path, np.where(read_labels(path) > 0, np.uint8(value), np.uint8(0)))
    for path in (root / "refined").rglob("*.png"):
        write_labels(path, np.zeros((30, 40), np.uint8))
    said, found = score(root, "refined")
    assert said.startswith(
        "refined: no class has a pixel in the masks of 4 train images, so there is no score;"
    )
    assert (found["miou"], found["miou_undecided_wrong"], found["miou_undecided_background"]) == (
        None,
        None,
        None,
    )
    assert (found["classes_scored"], found["classes_true"]) == (0, 0)
    result = run("attention", *data(root), "--maps", *shards(root, "attention"), "--out", root / "a.json")
    assert "no class has a pixel in the masks of 4 train images" in result.output
    assert load(root / "a.json")["miou"] is None
    assert summary(root, "--scores", root / "x.json").exit_code == 0


def test_classes_that_occur_nowhere_are_named(tmp_path: Path) -> None:
    root = build(tmp_path, masks=True)
    for folder in ("masks", "refined"):
        for path in (root / folder).rglob("*.png"):
            labels = read_labels(path)
            write_labels(path, np.where(labels == 2, np.uint8(0), labels))
    said, found = score(root, "refined")
    assert "over background and 1 of 2 classes (none of dog)" in said
    assert (found["per_class"]["dog"], found["classes_scored"]) == (None, 1)
    assert "1 of 2" in summary(root, "--scores", root / "x.json").output


@pytest.mark.parametrize("masks", [True, False])
def test_images_that_lack_a_class_are_counted(tmp_path: Path, masks: bool) -> None:
    root = build(tmp_path, masks)
    write_labels(root / "refined" / "train" / "1.png", np.zeros((30, 40), np.uint8))
    write_labels(root / "refined" / "train" / "4.png", np.full((30, 40), 255, np.uint8))  # has no mask
    said, found = score(root, "refined")
    assert said.endswith("; in 2 images a labelled class has no pixel")
    assert found["missing_class"] == 2
    for number in range(5):
        write_labels(root / "refined" / "train" / f"{number}.png", np.zeros((30, 40), np.uint8))
    said, found = score(root, "refined")
    assert "; no label map shows any class, all is background or undecided" in said
    assert (found["missing_class"], found["nothing"]) == (5, True)


# ------------------------------------------------------------------------------------------- no masks


def test_the_chain_goes_on_without_any_mask(tmp_path: Path) -> None:
    root = build(tmp_path, masks=False)
    files = evaluate_all(root)
    for path in files:
        score = load(path)
        assert (score["images"], score["miou"], score["undecided"]) == (0, None, None)
        assert set(score["per_class"].values()) == {None}
    assert load(files[0])["threshold"] is None
    result = summary(root, "--scores", *files, *artefacts(root), "--ceiling-scores", files[4])
    assert result.exit_code == 0
    assert load(root / "evaluation/summary.json")["ceiling"] == {"weak": None, "full": None, "ratio": None}
    rows = list(csv.DictReader((root / "evaluation/scores.csv").open(encoding="utf-8")))
    assert {row["mIoU"] for row in rows} == {""}
    assert "no image" in (root / "evaluation/scores.html").read_text(encoding="utf-8").lower()
    for name in FIGURES:
        assert picture(root / "evaluation" / name).shape[2] == 3
    assert picture(root / "evaluation/montage-sample.png").shape[0] > 300, (
        "images are shown without masks too"
    )


def test_montages_of_no_images(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    assert summary(root, "--scores", *files, sample=0, worst=0).exit_code == 0
    assert picture(root / "evaluation/montage-sample.png").shape == (240, 1500, 3)


# --------------------------------------------------------------------------------------------- mistakes


def test_mistakes_are_one_sentence(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    labels = ["labels", *data(root), "--split", "val", "--stage", "segmenter"]
    write_labels(root / "bad/val/5.png", np.full((30, 40), 9, np.uint8))
    with pytest.raises(InputError, match="index 9"):
        run(*labels, "--labels", root / "bad", "--out", root / "x.json")
    write_labels(root / "bad/val/5.png", np.zeros((30, 41), np.uint8))
    with pytest.raises(InputError, match="41×30 pixels, the mask 40×30"):
        run(*labels, "--labels", root / "bad", "--out", root / "x.json")
    assert not (root / "x.json").exists()
    with pytest.raises(InputError, match="two --scores files are of the stage 'fused'"):
        summary(root, "--scores", files[1], files[1])
    with pytest.raises(InputError, match="not of 'weakseg evaluate'"):
        summary(root, "--scores", root / "evaluation.json")
    with pytest.raises(InputError, match="no column 's'"):
        summary(root, "--scores", files[1], "--benchmark", f"maps={root / 'dataset/index.csv'}")
    (root / "cut.csv").write_bytes(b"iteration,loss\n1,\xff")
    with pytest.raises(InputError, match=r"cut\.csv is damaged"):
        summary(root, "--scores", files[1], "--history", f"a={root / 'cut.csv'}")
    assert "NAME=FILE was expected" in summary(root, "--scores", files[1], "--history", "h.csv").output


def test_maps_of_an_unknown_class_are_refused(scored: tuple[Path, list[Path]]) -> None:
    root, _ = scored
    names = [f"train/{number}" for number in range(5)]
    write_shard(root / "odd.h5", [(name, {"bird": np.zeros((3, 3))}) for name in names])
    with pytest.raises(InputError, match="name the class 'bird'"):
        run("attention", *data(root), "--split", "train", "--maps", root / "odd.h5", "--out", root / "x.json")


def test_a_history_that_diverged_and_was_cut_is_still_drawn(scored: tuple[Path, list[Path]]) -> None:
    root, files = scored
    (root / "h.csv").write_text("iteration,loss,a,b\n1,3,1,2\n2,nan,nan,nan\n3,2\n", encoding="utf-8")
    (root / "e.csv").write_text("iteration,loss\n", encoding="utf-8")
    assert summary(root, "--scores", *files, "--history", f"e={root / 'e.csv'}").exit_code == 0
    nothing = picture(root / "evaluation/training.png")
    histories = [f"h={root / 'h.csv'}", f"e={root / 'e.csv'}"]
    assert summary(root, "--scores", *files, "--history", *histories).exit_code == 0
    assert picture(root / "evaluation/training.png").shape != nothing.shape


def test_summary_prints_the_supervision(scored: tuple[Path, list[Path]]) -> None:
    root, scores = scored
    line = "supervision: image labels + saliency (unsupervised)"
    (root / "supervision.json").write_text(json.dumps({"line": line, "pixel_labels": False, "sources": []}))
    result = summary(root, "--scores", *scores, "--supervision", root / "supervision.json")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == line
    assert load(root / "evaluation" / "summary.json")["supervision"]["line"] == line
    assert line in (root / "evaluation" / "scores.html").read_text(encoding="utf-8")
