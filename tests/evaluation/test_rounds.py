"""Scores of several rounds of self-training."""

import click
import pytest

from weakseg.evaluation.commands import _label_stage
from weakseg.evaluation.scores import Score
from weakseg.evaluation.table import in_order, last, place

CHAIN = [
    "attention",
    "refined",
    "segmenter",
    "segmenter-crf",
    "relabelled-2",
    "segmenter-2",
    "segmenter-crf-2",
    "segmenter-crf-3",
]


def scores(names: list[str]) -> list[Score]:
    return [Score(name, "val", 1, 0, 0.5, 0.5, 0.5, 0.0, {}) for name in names]


def test_rounds_come_after_each_other() -> None:
    assert [score.stage for score in in_order(scores(CHAIN[::-1]))] == CHAIN
    assert place("segmenter-crf") == (1, 4)
    assert place("segmenter-crf-2") == (2, 2)


def test_the_last_round_counts() -> None:
    found = last(scores(CHAIN), "segmenter-crf")
    assert found is not None
    assert found.stage == "segmenter-crf-3"
    only = last(scores(CHAIN[:4]), "segmenter-crf")
    assert only is not None
    assert only.stage == "segmenter-crf"
    assert last(scores(["attention"]), "segmenter-crf") is None


@pytest.mark.parametrize("name", ["fused", "segmenter-crf", "segmenter-2", "relabelled-3"])
def test_stages_that_label(name: str) -> None:
    assert _label_stage(None, None, name) == name  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["attention", "fused-2", "segmenter-1", "segmenter-x", "relabelled"])
def test_what_is_no_stage(name: str) -> None:
    command = click.Command("labels", params=[])
    with pytest.raises(click.BadParameter, match="was expected"):
        _label_stage(click.Context(command), click.Option(["--stage"]), name)
