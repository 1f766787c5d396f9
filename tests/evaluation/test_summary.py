"""`weakseg evaluate summary --run`: the report's tables and figures, of what a run has made so far."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weakseg.config import Config
from weakseg.dataset.index import Index, write_index
from weakseg.errors import InputError
from weakseg.evaluation.figures.charts import colours_of
from weakseg.run.table import Table
from weakseg.storage.labels import write_labels
from weakseg.storage.weights import Weights, file_sha256, save_weights

CLASSES = ("cat", "dog")
CHAIN = ["attention", "fused", "refined", "segmenter", "segmenter-crf"]
MONTAGES = {"sample": 2, "worst": 2}
FIGURES = ("per_class.png", "curve.png", "training.png", "montage-sample.png", "montage-worst.png")
HISTORY = "iteration,epoch,learning_rate,loss,a,b,seconds\n1,0,.1,3,1,2,1\n2,4,.1,2,1,1,1\n"


def rows(run: Any) -> list[dict[str, str]]:
    with run.path("scores.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_writes_tables_and_figures(scored: Any) -> None:
    scored.configure(evaluation=MONTAGES)
    scored.write("attention/history.csv", HISTORY)
    scored.write(
        "benchmarks/attention_maps/1-of-2.tsv", "s\th:m:s\tmax_rss\tcpu_time\n2.5\t0:00:02\t100.5\t2\n"
    )
    scored.write("benchmarks/attention_maps/2-of-2.tsv", "s\th:m:s\tmax_rss\tcpu_time\n1.5\t0:00:01\t-\t2\n")
    scored.write("benchmarks/attention_maps/1-of-9.tsv", "s\tmax_rss\n900\t9000\n")  # of other settings
    result = scored.summary()
    assert result.exit_code == 0, result.output
    table = rows(scored)
    conventions = ["mIoU", "undecided", "mIoU, undecided wrong", "mIoU, undecided background"]
    assert list(table[0]) == ["stage", "split", "images", *conventions, "background", *CLASSES]
    assert [row["stage"] for row in table] == CHAIN
    fused = scored.read("fused")
    assert float(table[1]["mIoU, undecided background"]) == fused["miou_undecided_background"]
    assert (float(table[1]["mIoU"]), float(table[1]["dog"])) == (fused["miou"], fused["per_class"]["dog"])
    content = scored.read("summary")
    assert content["rules"] == {"attention_maps": {"jobs": 2, "seconds": 4.0, "memory_mb": 100.5}}
    assert content["images_per_second"] == {"attention": 10.0}  # four passes over five images in two seconds
    assert content["scores"]["fused"]["undecided"] == 0.1
    assert content["ceiling"] is None
    page = scored.path("scores.html").read_text(encoding="utf-8")
    assert f"{content['scores']['fused']['miou']:.4f}" in page
    assert "<td>4.0</td>" in page
    assert "weak / full" not in page
    for name in FIGURES:
        assert scored.picture(name).std() > 5, f"{name} shows nothing"
    lines = result.output.splitlines()
    assert lines[0].split() == CHAIN
    assert len({len(line) for line in lines}) == 1, "columns are aligned"


def test_it_shows_a_run_as_far_as_it_has_come(tiny: Any) -> None:
    with pytest.raises(InputError, match="has no scores yet"):
        tiny.summary()
    tiny.score("refined")
    assert tiny.summary().exit_code == 0
    assert [row["stage"] for row in rows(tiny)] == ["refined"]


def test_a_run_on_masks_shows_its_segmenter_alone(scored: Any) -> None:
    """Proxies that its folder holds besides are no part of it."""
    scored.configure(evaluation=MONTAGES)
    with_proxies = scored.summary() and scored.picture("montage-sample.png")
    scored.configure(evaluation=MONTAGES, segmenter={"labels": "masks"})
    scored.summary()
    assert [row["stage"] for row in rows(scored)] == ["segmenter", "segmenter-crf"]
    assert scored.picture("montage-sample.png").std() < with_proxies.std()


def test_later_rounds_follow_and_the_last_counts(scored: Any) -> None:
    scored.configure(segmenter={"rounds": 2}, evaluation={"ceiling": "full"})
    for name, miou in (
        ("relabelled-2", 0.7),
        ("segmenter-2", 0.71),
        ("segmenter-crf-2", 0.72),
        ("segmenter-3", 0.9),
    ):
        score = scored.read("segmenter") | {"stage": name, "miou": miou}
        scored.write(f"evaluation/{name}.json", json.dumps(score))
    scored.write("segmenter/round-1/history.csv", HISTORY)
    scored.write("segmenter/round-2/history.csv", HISTORY)
    scored.write("segmenter/round-3/history.csv", HISTORY)
    scored.write("benchmarks/segmenter_train/round-2.tsv", "s\tmax_rss\n9\t90\n")
    scored.write("../full/evaluation/segmenter-crf.json", scored.path("segmenter-crf.json").read_text())
    scored.summary()
    assert [row["stage"] for row in rows(scored)] == [
        *CHAIN,
        "relabelled-2",
        "segmenter-2",
        "segmenter-crf-2",
    ]
    found = scored.read("summary")
    assert found["ceiling"]["weak"] == 0.72
    assert set(found["images_per_second"]) == {"segmenter", "segmenter/round-2"}
    assert set(found["rules"]) == {"segmenter_train-2"}


def test_maps_and_labels_of_another_run_are_shown(scored: Any, configure: Callable[..., Path]) -> None:
    scored.configure(evaluation=MONTAGES)
    scored.summary()
    own = scored.picture("montage-sample.png")
    reused = {room: {"from_run": "elsewhere"} for room in ("attention", "saliency", "proxy")}
    for room in reused:
        target = scored.folder.with_name("elsewhere") / room
        target.parent.mkdir(exist_ok=True)
        (scored.folder / room).rename(target)
    scored.configure(evaluation=MONTAGES, **reused)
    scored.summary()
    assert np.array_equal(scored.picture("montage-sample.png"), own)


def test_colours_tell_room_round_and_place() -> None:
    table = Table(Config.model_validate({"segmenter": {"rounds": 3}}))
    assert colours_of(table.stages) == {
        "attention": "#e69f00",
        "fused": "#7fc4ee",
        "refined": "#0072b2",
        "segmenter": "#7fcfb0",
        "segmenter-crf": "#00704f",
        "relabelled-2": "#cc79a7",
        "segmenter-2": "#eeb488",
        "segmenter-crf-2": "#d55e00",
    }


def test_it_divides_by_the_ceiling(scored: Any) -> None:
    weak = scored.read("segmenter-crf")
    full = scored.write("../full/evaluation/segmenter-crf.json", json.dumps(weak | {"miou": 0.9}))
    scored.configure(evaluation={"ceiling": "full"})
    result = scored.summary()
    ratio = weak["miou"] / 0.9
    assert scored.read("summary")["ceiling"] == {"weak": weak["miou"], "full": 0.9, "ratio": round(ratio, 4)}
    assert result.output.splitlines()[-1] == f"weak / full = {weak['miou']:.4f} / 0.9000 = {ratio:.4f}"
    assert "weak / full" in scored.path("scores.html").read_text(encoding="utf-8")
    full.write_text(json.dumps(weak | {"images": 7}), encoding="utf-8")
    with pytest.raises(InputError, match="scored on 7 val images"):
        scored.summary()
    full.unlink()
    with pytest.raises(InputError, match=r"full/evaluation/segmenter-crf\.json cannot be read"):
        scored.summary()


def test_it_names_the_weights(scored: Any) -> None:
    file = scored.folder / "segmenter/round-1/weights.pt"
    initial = {"source": "vgg.npz", "sha256": "0a1b"}
    save_weights(file, Weights("segmenter", {"x": torch.zeros(1)}, {}, list(CLASSES), initial))
    scored.summary()
    assert scored.read("summary")["weights"] == {
        file.as_posix(): {
            "room": "segmenter",
            "sha256": file_sha256(file),
            "initial source": "vgg.npz",
            "initial sha256": "0a1b",
        }
    }
    assert "vgg.npz" in scored.path("scores.html").read_text(encoding="utf-8")


def test_it_prints_the_supervision(scored: Any) -> None:
    line = "supervision: image labels + saliency (unsupervised)"
    ledger = {"line": line, "pixel_labels": False, "sources": []}
    scored.write("evaluation/supervision.json", json.dumps(ledger))
    assert scored.summary().output.splitlines()[-1] == line
    assert scored.read("summary")["supervision"]["line"] == line
    assert line in scored.path("scores.html").read_text(encoding="utf-8")


def test_class_names_cannot_break_the_page_or_the_figures(tiny: Any) -> None:
    odd = ("<b>cat & $x^$", "dog")
    renamed = tuple(
        replace(record, labels=tuple(odd[CLASSES.index(name)] for name in record.labels))
        for record in tiny.index.records
    )
    for path in tiny.shards("attention"):
        path.unlink()
    write_index(tiny.folder / "dataset", Index(renamed, odd, (0, 1, 2)))
    tiny.score("segmenter-crf")
    tiny.configure(evaluation=MONTAGES)
    assert tiny.summary().exit_code == 0
    page = tiny.path("scores.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;cat &amp; $x^$" in page
    assert "<b>" not in page


def test_the_chain_goes_on_without_any_mask(unmasked: Any) -> None:
    for path in unmasked.score_all():
        score = json.loads(path.read_text(encoding="utf-8"))
        assert (score["images"], score["miou"], score["undecided"]) == (0, None, None)
        assert set(score["per_class"].values()) == {None}
    assert unmasked.read("attention")["threshold"] is None
    unmasked.write("../full/evaluation/segmenter-crf.json", unmasked.path("segmenter-crf.json").read_text())
    unmasked.configure(evaluation=MONTAGES | {"ceiling": "full"})
    assert unmasked.summary().exit_code == 0
    assert unmasked.read("summary")["ceiling"] == {"weak": None, "full": None, "ratio": None}
    assert {row["mIoU"] for row in rows(unmasked)} == {""}
    assert "no image" in unmasked.path("scores.html").read_text(encoding="utf-8").lower()
    for name in FIGURES:
        assert unmasked.picture(name).shape[2] == 3
    assert unmasked.picture("montage-sample.png").shape[0] > 300, "images are shown without masks too"


def test_montages_of_no_images(scored: Any) -> None:
    assert scored.summary().exit_code == 0
    assert scored.picture("montage-sample.png").shape == (240, 1500, 3)


def test_a_history_that_diverged_and_was_cut_is_still_drawn(scored: Any) -> None:
    scored.write("saliency/history.csv", "iteration,loss\n")
    assert scored.summary().exit_code == 0
    nothing = scored.picture("training.png")
    scored.write("attention/history.csv", "iteration,loss,a,b\n1,3,1,2\n2,nan,nan,nan\n3,2\n")
    assert scored.summary().exit_code == 0
    assert scored.picture("training.png").shape != nothing.shape


def test_mistakes_are_one_sentence(scored: Any, tmp_path: Path) -> None:
    benchmark = scored.write("benchmarks/attention_train.tsv", "id\timage\n")
    with pytest.raises(InputError, match="no column 'max_rss'"):
        scored.summary()
    benchmark.write_bytes(b"s\tmax_rss\n1\t\xff")
    with pytest.raises(InputError, match=r"attention_train\.tsv cannot be read"):
        scored.summary()
    benchmark.unlink()
    history = scored.write("attention/history.csv", "id,image\n")
    with pytest.raises(InputError, match="lacks the columns iteration and loss"):
        scored.summary()
    history.write_bytes(b"iteration,loss\n1,\xff")
    with pytest.raises(InputError, match=r"history\.csv cannot be read"):
        scored.summary()
    history.unlink()
    scored.write("evaluation/fused.json", json.dumps(scored.read("fused") | {"per_class": {"bird": 1.0}}))
    with pytest.raises(
        InputError, match=r"fused\.json names the classes bird; background, cat, dog were expected"
    ):
        scored.summary()
    scored.write("evaluation/fused.json", "{}")
    with pytest.raises(InputError, match="not of 'weakseg evaluate'"):
        scored.summary()
    with pytest.raises(InputError, match="does not exist; the folder of a run"):
        scored.evaluate("summary", "--run", tmp_path / "none")


def test_a_damaged_label_map_is_named(scored: Any) -> None:
    scored.configure(evaluation=MONTAGES)
    write_labels(scored.labels("refined") / "val/5.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(InputError, match="does not fit its mask"):
        scored.summary()
