"""Where lines go: a terminal and a log."""

import io
import time
from pathlib import Path

import pytest

from snakemake_logger_plugin_weakseg.lines import Job, Line
from snakemake_logger_plugin_weakseg.screen import Log, Terminal
from weakseg.storage.progress import Progress


class Narrow(Terminal):
    """A terminal of 80 columns."""

    def _width(self) -> int:
        return 80


def line(done: int, started: float, total: int = 300) -> Line:
    """A training at work since `started`, of three iterations a second."""
    now = time.time()
    job = Job(1, "attention_train", {}, [Path("weights.pt")], None)
    job.progress = Progress(done, total, "iteration", 0, now - max(done, 1) / 3, now, "loss 6.71")
    return Line("attention training", running={1: job}, started=started)


@pytest.mark.parametrize(("encoding", "filled"), [("utf-8", "█"), ("ascii", "#")])
def test_a_bar_fits_into_eighty_columns(encoding: str, filled: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    Narrow(stream).show([line(150, time.time())])
    stream.seek(0)
    shown = stream.read().rpartition("\x1b[J")[2].rstrip("\n")
    assert len(shown) <= 79
    assert filled in shown
    assert shown.startswith("attention training ")
    assert shown.endswith("150 of 300 iterations, 0:50 left, 3.0/s, loss 6.71")


def test_what_is_printed_stands_above_the_bars() -> None:
    stream = io.StringIO()
    screen = Narrow(stream)
    screen.show([line(150, time.time()), Line("saliency maps")])
    screen.say("printed")
    end = stream.getvalue()[-400:].rpartition("\r\x1b[2A\x1b[J")[2]
    assert end.startswith("printed\nattention training")
    assert end.count("\n") == 3
    screen.close()
    assert stream.getvalue().endswith("\r\x1b[2A\x1b[J")


def test_a_long_line_is_cut_between_words_and_a_command_is_not() -> None:
    stream = io.StringIO()
    screen = Narrow(stream)
    screen.say("    usually " + "many words " * 12)
    screen.say("  weakseg predict " + "x" * 90)
    first, second, command = stream.getvalue().replace("\r\x1b[J", "").splitlines()
    assert max(map(len, (first, second))) <= 79
    assert first.endswith(("many", "words"))
    assert second.startswith("        ")
    assert command == "  weakseg predict " + "x" * 90


def test_an_unchanged_block_is_not_drawn_again() -> None:
    stream = io.StringIO()
    screen, shown = Narrow(stream), line(150, time.time())
    screen.show([shown])
    before = stream.getvalue()
    screen.show([shown])
    assert stream.getvalue() == before


def test_a_log_mentions_a_stage_after_a_while_and_then_at_steps() -> None:
    stream = io.StringIO()
    log, now = Log(stream), time.time()
    log.show([line(0, now)])
    assert stream.getvalue() == ""
    long_ago = now - 100
    log.show([line(30, long_ago)])
    log.show([line(299, long_ago)])  # thirty seconds have not passed
    assert stream.getvalue().count("\n") == 1
    assert "30 of 300 iterations" in stream.getvalue()
    log._mentioned["attention training"] = now - 60, 0.1
    log.show([line(31, long_ago)])  # it got little further
    assert stream.getvalue().count("\n") == 1
    log.show([line(90, long_ago)])
    assert stream.getvalue().count("\n") == 2


def test_scoring_has_no_line_in_a_log() -> None:
    stream = io.StringIO()
    Log(stream).show([Line("evaluate attention", is_step=False, started=time.time() - 100)])
    assert stream.getvalue() == ""


def test_a_stage_that_says_nothing_is_mentioned_after_a_minute() -> None:
    stream = io.StringIO()
    log, now = Log(stream), time.time()
    log.show([Line("saliency maps", started=now - 50)])
    assert stream.getvalue() == ""
    log.show([Line("saliency maps", started=now - 61)])
    assert stream.getvalue() == "saliency maps            started 1:01 ago\n"
