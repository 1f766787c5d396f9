"""A small demo through real Snakemake: from labels to report, what a change makes again, kills at bad moments."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import torch
import yaml

from weakseg.evaluation.health.record import read_health
from weakseg.storage.review import write_list
from weakseg.training.history import read_history

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {  # what tests change or count is set here, whatever config.yaml says
    "dataset": {"demo": {"train": 24, "val": 8, "saliency": 8, "size": 64}},
    "saliency": {"small": {"training": {"iterations": 10, "batch_size": 4, "crop": 64}}},
    "attention": {
        "training": {
            "iterations": 120,
            "batch_size": 4,
            "optimizer": "adamw",
            "learning_rate": 1e-3,
            "crop": 64,
            "checkpoint_every": 20,
        },
        "maps": {"size": 64},
    },
    "proxy": {"refine": {"crf": {"preset": "irn"}}},
    "segmenter": {
        "training": {"iterations": 10, "batch_size": 4, "crop": 64},
        "prediction": {"crf": {"preset": "deeplab"}},
    },
    "shards": 2,
}
RUN = ("--cores", "2", "--configfile", "small.yaml")
CHANGED = {"stage_config", "run_config", "evaluate_labels", "evaluate_summary", "report", "all"}


@pytest.fixture(scope="module")
def demo(ran: Any) -> Any:
    """The small demo, run to its end and left alone since."""
    (ran.folder / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    status, output = ran.snakemake(*RUN)
    assert status == 0, output
    return ran


def _planned(demo: Any, *settings: str) -> set[str]:
    """Rules that a changed setting would run again."""
    status, output = demo.snakemake("-n", *RUN, *(["--config", *settings] if settings else []))
    assert status == 0, output
    table = output.partition("Job stats:")[2].partition("total")[0]
    return set(re.findall(r"^(\w+) +\d+$", table, re.MULTILINE))


def _wait(condition: Callable[[], Any], process: Any) -> Any:
    """What `condition` gives once it gives something; the process must live until then."""
    for _ in range(1200):
        found = condition()
        if found:
            return found
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("waited a minute in vain")


def _job(process: Any, *words: str) -> psutil.Process | None:
    """The `weakseg` process with these words among the descendants of a Snakemake."""
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            line = child.cmdline()
        except psutil.Error:  # it ended while we looked
            continue
        if {*words} <= {*line} and Path(line[0]).name.startswith("python"):
            return child
    return None


def _iterations(history: Path) -> int:
    rows = history.read_text(encoding="utf-8").splitlines() if history.is_file() else []
    return max(0, len(rows) - 1) * 10  # one row every ten iterations


def test_ends_with_scores_and_a_report_that_needs_no_network(demo: Any) -> None:
    results = demo.folder / "results" / "demo"
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "montage-worst.png" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", page)
    summary = json.loads((results / "evaluation" / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["scores"]) == {"attention", "fused", "refined", "segmenter", "segmenter-crf"}
    for stage in ("saliency_maps", "attention_maps", "proxy_fuse", "proxy_refine", "segmenter_refine"):
        assert summary["rules"][stage]["jobs"] == 2
    assert summary["rules"]["attention_train"]["seconds"] > 0


def test_health_of_every_stage_is_there_and_needs_no_mask(demo: Any) -> None:
    evaluation = demo.folder / "results" / "demo" / "evaluation"
    stages = ["saliency_maps", "attention_maps", "proxy_fuse", "proxy_refine", "segmenter_predict"]
    assert [stage.stage for stage in read_health(evaluation / "health.json")] == stages
    assert all((evaluation / "health" / f"{stage}.json").is_file() for stage in stages)
    history = read_history(demo.folder / "results" / "demo" / "attention" / "history.csv")
    measured = [row["iteration"] for row in history if row["val_ap"]]
    assert measured == ["20", "40", "60", "80", "100", "120"]
    status, output = demo.snakemake("-n", "--forceall", *RUN)
    assert status == 0, output
    jobs = [job for job in re.split(r"\n(?=(?:local)?rule )", output) if "rule evaluate_health" in job]
    assert len(jobs) == 6
    assert not [job for job in jobs if "masks" in job]


def test_what_health_stop_names_keeps_the_segmenter_from_training(demo: Any) -> None:
    health = "health={most_undecided: 0.0, stop: [fused.undecided]}"
    status, output = demo.snakemake(
        *RUN, "--config", "run=stopped", "proxy={from_run: demo}", "saliency={from_run: demo}", health
    )
    assert status == 1
    assert "weakseg: health.stop names fused.undecided, and it was found: " in output
    stopped = demo.folder / "results" / "stopped"
    (fused,) = read_health(stopped / "evaluation" / "health" / "proxy_fuse.json")
    assert [warning.signal for warning in fused.warnings if warning.stops] == ["fused.undecided"]
    assert not (stopped / "segmenter" / "round-1" / "state").exists()
    wrong = "health={stop: [fused.undecidet]}"
    status, output = demo.snakemake("-n", *RUN, "--config", wrong)
    assert status == 1
    assert output.splitlines()[-1].endswith("is not a signal of health; did you mean 'fused.undecided'?")


def test_a_second_run_has_nothing_to_do(demo: Any) -> None:
    status, output = demo.snakemake(*RUN)
    assert status == 0
    assert "Nothing to be done" in output


def test_a_crf_value_reruns_nothing_before_the_crf(demo: Any) -> None:
    segmenter = {"segmenter_train", "segmenter_predict", "segmenter_refine", "segmenter_weights"}
    segmenter.add("evaluate_supervision")
    again = CHANGED | segmenter | {"evaluate_health", "evaluate_health_all"}
    assert _planned(demo, "proxy={refine: {crf: {preset: psa}}}") == again | {"proxy_refine"}
    assert _planned(demo, "segmenter={prediction: {crf: {preset: psa}}}") == CHANGED | {"segmenter_refine"}


def test_a_changed_value_is_shown_and_not_all_values(demo: Any) -> None:
    status, output = demo.snakemake("-n", *RUN, "--config", "evaluation={sample: 3}")
    assert status == 0
    reason = re.search(r"rule run_config:.*?reason: ([^\n]*)", output, re.DOTALL)
    assert reason
    assert "now: 'evaluation.sample: 3'" in reason[1]
    assert len(reason[1]) < 300


def test_a_learning_rate_retrains_that_stage_and_what_follows(demo: Any) -> None:
    planned = _planned(demo, "attention={training: {learning_rate: 0.002}}")
    assert {"attention_train", "attention_maps", "proxy_fuse", "segmenter_train"} <= planned
    assert not planned & {"dataset_index", "saliency_train", "saliency_maps"}


def test_a_rejected_image_retrains_the_segmenter_and_a_flagged_one_nothing(demo: Any) -> None:
    review = demo.folder / "results" / "demo" / "review"
    write_list(review, "flagged", ["train-00001"])
    write_list(review, "rejected", ["val-00001"])  # nothing learns from it
    assert _planned(demo) == set()
    write_list(review, "rejected", ["train-00002"])
    planned = _planned(demo)
    assert {"segmenter_train", "segmenter_predict", "segmenter_refine"} <= planned
    assert not planned & {"attention_train", "saliency_train", "proxy_fuse", "proxy_refine"}
    shutil.rmtree(review)
    assert _planned(demo) == set()


def test_what_is_deleted_of_a_finished_run_is_made_again(demo: Any) -> None:
    results = demo.folder / "results" / "demo"
    deleted = {
        "saliency_maps": "saliency/maps/shard-1-of-2.h5",
        "evaluate_supervision": "evaluation/supervision.json",
    }
    for rule, name in deleted.items():
        aside = results / f"{name}.aside"
        (results / name).rename(aside)
        assert rule in _planned(demo)
        aside.rename(results / name)
    assert _planned(demo) == set()


def test_kills_cost_a_checkpoint_interval_and_change_no_weight(demo: Any) -> None:
    attention = demo.folder / "results" / "killed" / "attention"
    history = attention / "state" / "history.csv"
    again = (*RUN, "--config", "run=killed", "--", "results/killed/attention/weights.pt")

    def start(iterations: int) -> tuple[Any, psutil.Process]:
        process = demo.start(*again)
        return process, _wait(
            lambda: _iterations(history) >= iterations and _job(process, "attention", "train"), process
        )

    # The trainer is killed, and Snakemake says so.
    process, trainer = start(30)
    trainer.kill()
    output = process.communicate()[0]
    assert process.returncode == 1
    assert "Error in rule attention_train" in output
    killed_at = _iterations(history)

    # Everything is killed, as by a power failure. It had gone on from the last checkpoint.
    process, trainer = start(killed_at + 20)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    log = (demo.folder / "results/killed/logs/attention_train.log").read_text(encoding="utf-8")
    (resumed_at,) = re.findall(r"at iteration (\d+) of 120", log)
    assert killed_at - 20 <= int(resumed_at) <= killed_at

    # A second Snakemake is kept out. Then the first is killed, but its trainer lives.
    process, trainer = start(_iterations(history))
    status, output = demo.snakemake(*again)
    assert status == 1
    assert (
        output.splitlines()[-1]
        == "weakseg: another snakemake works on results/killed and holds results/killed/.lock; wait for it or stop it."
    )
    process.kill()
    process.wait()
    assert trainer.is_running()

    # The same command goes on, without a flag, and ends with the weights of the run that nobody disturbed.
    status, output = demo.snakemake(*again)
    assert status == 0, output
    process.communicate()
    calm, killed = (
        torch.load(folder / "weights.pt", weights_only=True)["state"]
        for folder in (demo.folder / "results" / "demo" / "attention", attention)
    )
    assert calm.keys() == killed.keys()
    assert all(torch.equal(calm[name], killed[name]) for name in calm)


def test_a_killed_shard_is_the_only_one_made_again(demo: Any) -> None:
    maps = [f"results/shards/saliency/maps/shard-{part}-of-2.h5" for part in (1, 2)]
    again = (*RUN, "--config", "run=shards", "--", *maps)
    process = demo.start(*again)
    _wait(lambda: _job(process, "saliency", "maps", "1-of-2"), process).kill()
    process.communicate()
    assert process.returncode == 1
    assert [(demo.folder / path).is_file() for path in maps] == [False, True]
    status, output = demo.snakemake(*again)
    assert status == 0, output
    assert output.count("rule saliency_maps:") == 1


def test_a_run_takes_the_proxies_of_another_and_changes_what_follows(demo: Any) -> None:
    """Then a second round and a detector follow in it; the other run is only read."""
    results = demo.folder / "results"
    reuse = (*RUN, "--config", "run=second", "proxy={from_run: demo}")
    status, output = demo.snakemake(*reuse)
    assert status == 0, output
    ran = set(re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE))
    assert "segmenter_train" in ran
    assert not ran & {"saliency_train", "attention_train", "attention_maps", "proxy_fuse", "proxy_refine"}
    assert not (results / "second" / "proxy").exists()
    first, second = (
        torch.load(results / name / "segmenter" / "weights.pt", weights_only=True)["state"]
        for name in ("demo", "second")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    summary = json.loads((results / "second" / "evaluation" / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["scores"]) == {"attention", "fused", "refined", "segmenter", "segmenter-crf"}

    detector = "detector={training: {iterations: 2, batch_size: 4, crop: 64, resize: 64}}"
    reuse = ("all", "detector", *reuse, "segmenter={rounds: 2}", detector)
    status, output = demo.snakemake(*reuse)
    assert status == 0, output
    trained = re.findall(
        r"^(?:local)?rule segmenter_train:.*?output: \S*/(round-\d)/weights", output, re.MULTILINE | re.DOTALL
    )
    assert trained == ["round-2"]
    evaluation = results / "second" / "evaluation"
    scores = json.loads((evaluation / "summary.json").read_text(encoding="utf-8"))["scores"]
    assert {"segmenter", "relabelled-2", "segmenter-2", "segmenter-crf-2"} <= set(scores)
    assert json.loads((evaluation / "detector.json").read_text(encoding="utf-8"))["random"]["map"] is not None
    status, output = demo.snakemake(*reuse)
    assert "Nothing to be done" in output
    assert _planned(demo) == set()


def test_a_copied_folder_and_other_images_are_refused(demo: Any) -> None:
    results = demo.folder / "results"
    shutil.copytree(results / "demo", results / "copied")
    status, output = demo.snakemake("-n", *RUN, "--config", "run=copied")
    assert status == 1
    assert "results/copied is a copy of the run demo" in output
    other = ("run=other", "attention={from_run: demo}", "dataset={demo: {seed: 1}}")
    status, output = demo.snakemake(*RUN, "--config", *other)
    assert status == 1
    assert "has other images, splits or labels than this run" in output


def test_a_method_that_trains_twice_is_chosen_by_config_alone(demo: Any) -> None:
    attention = "attention={method: oaa_plus, training: {iterations: 20}}"
    target = "results/oaa_plus/evaluation/localisation.json"
    status, output = demo.snakemake(*RUN, "--config", "run=oaa_plus", attention, "--", target)
    assert status == 0, output
    trained = re.findall(r"^(?:local)?rule (attention_\w+):", output, re.MULTILINE)
    assert trained.count("attention_accumulate") == trained.count("attention_train") == 1
    assert trained.count("attention_accumulated_maps") == trained.count("attention_maps") == 2
    found = json.loads((demo.folder / target).read_text(encoding="utf-8"))
    assert found["top1_error"] is not None


def test_maps_made_elsewhere_enter_the_chain(demo: Any) -> None:
    """The finished demo's maps, exported, come in as they went out."""
    results, folder = demo.folder / "results" / "demo", demo.folder / "elsewhere"
    for shard in sorted((results / "attention" / "maps").glob("*.h5")):
        with h5py.File(shard) as file:
            for image in file:
                path = folder / f"{image.replace('%2F', '/')}.npz"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.savez(path, **{name: file[image][name][:] for name in file[image]})
    status, output = demo.snakemake(
        *RUN,
        "--config",
        "run=elsewhere",
        "attention={method: folder, folder: {folder: elsewhere}}",
        "segmenter={backbone: {weights: none}}",
        "--",
        "proxies",
    )
    assert status == 0, output
    for shard in sorted((results / "attention" / "maps").glob("*.h5")):
        other = demo.folder / "results" / "elsewhere" / "attention" / "maps" / shard.name
        with h5py.File(shard) as ours, h5py.File(other) as theirs:
            assert set(ours) == set(theirs)
            assert all(np.array_equal(ours[i][name], theirs[i][name]) for i in ours for name in ours[i])
    found = demo.folder / "results/elsewhere/evaluation/localisation.json"
    assert json.loads(found.read_text(encoding="utf-8"))["top1_error"] is None


def _remembers(demo: Any, run: str, *, kill: bool) -> dict[str, torch.Tensor]:
    """State of a trained OAA, killed on the way or not."""
    attention = demo.folder / "results" / run / "attention"
    method = "attention={method: oaa, training: {iterations: 60}}"
    again = (*RUN, "--config", f"run={run}", method, "--", f"results/{run}/attention/weights.pt")
    if kill:
        history, process = attention / "state" / "history.csv", demo.start(*again)
        _wait(lambda: _iterations(history) >= 30 and _job(process, "attention", "train"), process).kill()
        process.communicate()
        assert process.returncode == 1
    status, output = demo.snakemake(*again)
    assert status == 0, output
    log = demo.folder / "results" / run / "logs" / "attention_train.log"
    assert ("resuming" in log.read_text(encoding="utf-8")) == kill
    state: dict[str, torch.Tensor] = torch.load(attention / "weights.pt", weights_only=True)["state"]
    return state


def test_what_oaa_remembers_survives_kills(demo: Any) -> None:
    """Its memory is part of the checkpoint: killed and resumed, it ends with the maps of one that was not."""
    calm, killed = (_remembers(demo, run, kill=kill) for run, kill in (("calm", False), ("resumed", True)))
    assert calm["memory.maps"].any()
    assert (calm["memory.state"] == 2).any()  # accepted at least once
    assert all(torch.equal(calm[name], killed[name]) for name in calm)
