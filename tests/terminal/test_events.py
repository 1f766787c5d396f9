"""What is shown of a run's events."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import snakemake_logger_plugin_weakseg as plugin
from run_events import Events, record
from snakemake_logger_plugin_weakseg import following
from weakseg.evaluation.health.record import StageHealth, Warning, write_health
from weakseg.storage.progress import Progress, progress_path

Made = Callable[..., Events]
SHARDS = [
    ("attention_maps", {"scatteritem": f"{part}-of-2"}, f"attention/maps/shard-{part}-of-2.h5")
    for part in (1, 2)
]


def at_work(events: Events, output: str, done: int, total: int, unit: str = "image", note: str = "") -> Path:
    """What a job writes beside its output: two units a second."""
    now = time.time() + 1
    path = progress_path(events.folder / output)
    values = Progress(done, total, unit, 0, now - done / 2, now, note)
    return events.write(path, json.dumps(vars(values)))


def look(events: Events) -> None:
    """What the display's thread does twice a second."""
    for line in events.following._lines.values():
        for job in line.running.values():
            job.read()
    events.following._draw()


def test_shards_of_a_stage_are_one_line(events: Made) -> None:
    run = events()
    run.plan(*SHARDS)
    first = run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    at_work(run, SHARDS[0][2], 10, 40)
    look(run)
    assert run.shown.at_work == {"attention maps": "10 of 80 images, 0:35 left, 2.0/s"}
    second = run.start(SHARDS[1][0], SHARDS[1][2], SHARDS[1][1])
    at_work(run, SHARDS[1][2], 6, 40)
    run.finish(first)
    look(run)
    assert run.shown.at_work == {"attention maps": "46 of 80 images, 0:17 left, 2.0/s"}
    assert not [line for line in run.shown.said if line.startswith("attention maps")]
    run.finish(second)
    assert run.shown.at_work == {}
    (line,) = (line for line in run.shown.said if line.startswith("attention maps"))
    assert "80 images in 0:00" in line


def test_what_an_earlier_killed_job_left_is_not_shown(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    path = progress_path(run.folder / SHARDS[0][2])
    run.write(path, json.dumps(vars(Progress(39, 40, "image", 0, 1.0, 2.0))))
    run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    look(run)
    assert run.shown.at_work == {"attention maps": "started 0:00 ago"}


def test_a_job_that_has_all_images_finishes(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    file = at_work(run, SHARDS[0][2], 10, 40)
    look(run)
    file.unlink()
    look(run)
    assert run.shown.at_work == {"attention maps": "40 images, finishing"}


def test_a_training_shows_its_loss_and_ends_with_the_last_of_its_history(events: Made) -> None:
    run = events()
    run.plan(("attention_train", {}, "attention/weights.pt"))
    number = run.start("attention_train", "attention/weights.pt")
    at_work(run, "attention/weights.pt", 20, 120, "iteration", "loss 0.5")
    look(run)
    assert run.shown.at_work == {"attention training": "20 of 120 iterations, 0:50 left, 2.0/s, loss 0.5"}
    run.write("attention/history.csv", "iteration,epoch,loss\n110,4,0.4\n120,5,0.3125\n")
    run.finish(number)
    assert run.shown.said[-1].startswith("attention training")
    assert run.shown.said[-1].endswith("120 iterations in 0:00, loss 0.312")


def test_a_stage_ends_with_its_score_and_its_health(events: Made) -> None:
    run = events()
    run.plan(
        SHARDS[0],
        ("evaluate_attention", {}, "evaluation/attention.json"),
        ("health_stage", {}, "evaluation/health/attention_maps.json"),
    )
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    assert not [line for line in run.shown.said if line.startswith("attention maps")]
    scoring = run.start("evaluate_attention", "evaluation/attention.json")
    health = run.start("health_stage", "evaluation/health/attention_maps.json")
    run.write("evaluation/attention.json", json.dumps({"miou": 0.4531, "images": 24, "split": "train"}))
    run.finish(scoring)
    warning = Warning("attention.empty", "two classes are empty", "it trained too short", "x.iterations: 99")
    write_health(
        run.folder / "evaluation/health/attention_maps.json",
        [StageHealth("attention_maps", "2 of 6 classes without attention", 24, warnings=[warning])],
    )
    run.finish(health)
    line, *told = run.shown.said[-3:]
    assert line.startswith("attention maps")
    assert line.endswith("in 0:00; mIoU 0.453 on 24 train images; 2 of 6 classes without attention")
    assert told == ["  ! two classes are empty", "    usually it trained too short; try x.iterations: 99"]


def test_a_score_that_comes_late_is_shown_by_itself(events: Made) -> None:
    run = events()
    run.plan(
        SHARDS[0],
        ("evaluate_attention", {}, "evaluation/attention.json"),
        ("proxy_fuse", {"scatteritem": "1-of-2"}, "proxy/fused/shard-1-of-2.csv"),
    )
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    scoring = run.start("evaluate_attention", "evaluation/attention.json")
    run.finish(run.start("proxy_fuse", "proxy/fused/shard-1-of-2.csv", {"scatteritem": "1-of-2"}))
    assert [line.split("  ")[0] for line in run.shown.said[-2:]] == ["attention maps", "fused proxies"]
    run.write("evaluation/attention.json", json.dumps({"miou": 0.5, "images": 24, "split": "train"}))
    run.finish(scoring)
    assert run.shown.said[-1].split("  ")[0] == "attention maps"
    assert run.shown.said[-1].endswith("  mIoU 0.500 on 24 train images")


def test_without_masks_no_score_is_shown(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0], ("evaluate_attention", {}, "evaluation/attention.json"))
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    run.write("evaluation/attention.json", json.dumps({"miou": None, "images": 0, "split": "train"}))
    run.finish(run.start("evaluate_attention", "evaluation/attention.json"))
    assert run.shown.said[-1].endswith("in 0:00")


def test_settings_are_no_steps(events: Made) -> None:
    run = events()
    run.plan(("stage_config", {"stage": "dataset"}, "configs/dataset.json"), SHARDS[0])
    before = list(run.shown.said)
    assert before[-1] == "results/mine: 1 stage, 1 job. Ctrl-C stops and keeps what is done."
    run.finish(run.start("stage_config", "configs/dataset.json", {"stage": "dataset"}))
    assert run.shown.at_work == {}
    assert run.shown.said == before


@pytest.mark.parametrize(("rule", "reading"), [("saliency_maps", 0), ("dataset_index", 1)])
def test_what_a_finished_job_says_to_users_is_shown_once(events: Made, rule: str, reading: int) -> None:
    run = events()
    run.plan((rule, {}, "out"))
    number = run.start(rule, "out")
    run.write(run.log(number), "weakseg: 2 maps are flat\nreading\nweakseg: 2 maps are flat\n")
    run.finish(number)
    assert run.shown.said.count("  2 maps are flat") == 1
    assert run.shown.said.count("  reading") == reading


def test_a_failure_ends_with_the_sentence_and_says_where_the_log_is(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    number = run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    sentence = "weakseg: a.jpg is damaged; replace it:\n  a.jpg\n  b.jpg"
    run.write(run.log(number), f"weakseg: a note\nreading\n{sentence}\n")
    run.fail(number)
    run.send("Exiting because a job execution failed.", logging.ERROR)
    run.send(
        "WorkflowError:\nAt least one job did not complete.", logging.ERROR, event="error", exception="W"
    )
    said = "\n".join(run.end())
    assert said == f"attention maps failed (log: {run.log(number)})\n{sentence}"


def test_a_log_without_a_sentence_shows_its_end(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    number = run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    run.write(run.log(number), "weakseg: only a note\n" + "".join(f"line {n}\n" for n in range(40)))
    run.send("MissingOutputException: x is missing", logging.ERROR, event="error", exception="M")
    run.fail(number)
    run.send("Exiting because a job execution failed.", logging.ERROR)
    said = run.end()
    assert said[:15] == [f"  | line {n}" for n in range(25, 40)]
    assert said[15] == "  | MissingOutputException: x is missing"
    assert said[-1].startswith("weakseg: attention maps ended without a sentence of its own")
    assert len(said) == 18


def test_a_training_that_a_signal_ended_says_what_it_saved(events: Made) -> None:
    run = events()
    run.plan(("attention_train", {}, "attention/weights.pt"))
    number = run.start("attention_train", "attention/weights.pt")
    run.write(
        run.log(number), "stopping on SIGTERM: results/mine/attention/state holds iteration 7 of 9; so\n"
    )
    run.fail(number)
    assert run.end()[-1] == (
        "weakseg: attention training was stopped; it saved iteration 7 of 9, and the same command goes on."
    )


def test_a_job_that_is_tried_again_with_success_is_no_failure(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    number = run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    run.fail(number)
    run.numbers = 0
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    run.send(event="progress", done=1, total=1)
    assert not any("failed" in line for line in run.end())


def test_an_error_of_snakemake_itself_is_shown(events: Made) -> None:
    run = events()
    run.send("MissingInputException in rule a", logging.ERROR, event="error", exception="M")
    assert run.end() == ["MissingInputException in rule a"]


def test_a_stop_says_which_iteration_is_saved_and_what_is_made_again(events: Made) -> None:
    run = events()
    run.plan(("attention_train", {}, "attention/weights.pt"), *SHARDS)
    number = run.start("attention_train", "attention/weights.pt")
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    run.start(SHARDS[1][0], SHARDS[1][2], SHARDS[1][1])
    run.send("Terminating processes on user request, this might take some time.")
    run.write(
        run.log(number), "stopping on SIGINT: results/mine/attention/state holds iteration 140 of 300; so\n"
    )
    run.fail(number)
    said = run.end()
    assert said == [
        "attention training: saved at iteration 140 of 300",
        "attention maps: 1 of 2 parts are finished, the others are made again",
        "weakseg: stopped on request; the same command goes on from there.",
    ]


def test_a_finished_stage_whose_score_never_came_is_told_at_a_stop(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0], ("evaluate_attention", {}, "evaluation/attention.json"))
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    run.start("evaluate_attention", "evaluation/attention.json")
    run.send("Terminating processes on user request, this might take some time.")
    said = run.end()
    assert said[0].startswith("attention maps")
    assert said[1:] == ["weakseg: stopped on request; the same command goes on from there."]


def test_the_end_is_a_short_table_the_report_and_three_commands(events: Made) -> None:
    run = events()
    run.plan(SHARDS[0])
    run.write("evaluation/refined.json", json.dumps({"miou": 0.61, "images": 24, "split": "train"}))
    run.write("evaluation/supervision.json", json.dumps({"line": "supervision: image labels"}))
    run.write("dataset/index.csv", "id,split\na,train\nb c,val\n")
    run.write("segmenter/weights.pt", "")
    ceiling = {"ratio": 0.928, "weak": 0.56, "full": 0.604}
    run.write("evaluation/summary.json", json.dumps({"ceiling": ceiling}))
    run.write("report.html", "")
    run.finish(run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1]))
    run.send(event="progress", done=1, total=1)
    said = run.end()
    assert "results/mine is finished, after 0:00." in said
    assert "  refined proxies           mIoU 0.610 on 24 train images" in said
    assert "  93% of the same network trained on masks (mIoU 0.604)" in said
    assert "supervision: image labels" in said
    assert said[-5:] == [
        "report: results/mine/report.html",
        "next:",
        "  weakseg inspect results/mine",
        "  weakseg predict YOUR_IMAGES --run results/mine --out masks",
        "  weakseg show results/mine 'b c' --out stages.png",
    ]


def test_without_masks_the_end_is_health(events: Made) -> None:
    run = events()
    wrong = Warning("fused.undecided", "much is undecided", "thresholds are far apart", "x: 1")
    fused = StageHealth("proxy_fuse", "9 % undecided", 24, warnings=[wrong])
    write_health(run.folder / "evaluation/health.json", [fused])
    run.send(event="progress", done=1, total=1)
    said = run.end()
    assert "  fused proxies             9 % undecided" in said
    assert "warnings: 1; the report says what each means and what to try" in said


def test_nothing_to_be_done_is_one_sentence(events: Made) -> None:
    run = events()
    run.write("report.html", "")
    run.send("Nothing to be done (all requested files are present and up to date).")
    assert run.shown.said == ["Nothing to be done: results/mine is complete; open results/mine/report.html."]
    assert run.end() == []


def test_a_dry_run_is_a_plan_with_reasons_and_without_files(events: Made) -> None:
    run = events(is_dry=True)
    stages = run.table.config.stages()
    old = json.loads(json.dumps(stages["attention-train"]))
    old["training"]["learning_rate"] = 0.5
    run.write("configs/attention-train.json", json.dumps(old))
    run.start("stage_config", "configs/attention-train.json", {"stage": "attention-train"})
    run.start("attention_train", "attention/weights.pt", inputs=["configs/attention-train.json"],
              reason="Input files updated by another job: results/mine/configs/attention-train.json")  # fmt: skip
    for rule, wildcards, output in SHARDS:
        run.start(rule, output, wildcards, reason="Input files updated by another job: weights.pt")
    run.start("report", "report.html")
    said = run.end()
    new = stages["attention-train"]["training"]["learning_rate"]
    assert said == [
        "results/mine: 4 jobs would run, in 2 stages; nothing was started.",
        f"  attention training       changed: training.learning_rate: 0.5 → {new}",
        "  attention maps           what it reads is made again (2 jobs)",
        "  scores and report        1 job",
    ]


def test_quiet_shows_failures_alone(events: Made) -> None:
    run = events(is_quiet=True)
    run.plan(SHARDS[0])
    number = run.start(SHARDS[0][0], SHARDS[0][2], SHARDS[0][1])
    assert (run.shown.said, run.shown.at_work) == ([], {})
    run.write(run.log(number), "weakseg: it is damaged.\n")
    run.fail(number)
    assert run.end()[-1] == "weakseg: it is damaged."


def test_answers_of_other_commands_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Events(tmp_path)
    run.send("Building DAG of jobs...")
    assert run.shown.said == []
    run.send("a warning", logging.WARNING)
    other = following.Following(run.shown)
    other.handle(record("Unlocked working directory."))
    assert run.shown.said == ["a warning", "Unlocked working directory."]


def test_an_error_in_the_display_ends_neither_the_run_nor_what_follows(
    settings: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, log: logging.LogRecord) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(following.Following, "handle", broken)
    handler = plugin.LogHandler(settings, plugin.LogHandlerSettings())
    handler.emit(record("x"))
    handler.emit(record("y"))
    handler.emit(record("a warning", logging.WARNING))
    handler.close()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        "weakseg: the display of the run failed (RuntimeError: broken); the run itself goes on."
    )
    assert second == "a warning"


@pytest.mark.parametrize("way", ["off", "verbose"])
def test_it_steps_aside_when_told(
    settings: SimpleNamespace, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    settings.verbose = way == "verbose"
    handler = plugin.LogHandler(settings, plugin.LogHandlerSettings(off=way == "off"))
    assert not handler.writes_to_stream
    handler.emit(record("Nothing to be done"))
    handler.close()
    assert capsys.readouterr().err == ""
