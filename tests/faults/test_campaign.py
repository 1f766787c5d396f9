"""The short campaign: a demo that things happened to ends with what one ends with that was left alone."""

from pathlib import Path

import campaign
import pytest


@pytest.mark.slow
def test_a_demo_under_faults_ends_with_what_an_undisturbed_one_ends_with(tmp_path: Path) -> None:
    report = campaign.short(tmp_path / "checkout", seed=1)
    assert report.problems == [], report.as_markdown()
    assert [entry.fault for entry in report.entries] == [
        "full disk (largest size of a file)",
        "kill -9: data worker",
        "SIGTERM to a training",
        "SIGINT to everything (Ctrl-C)",
        "flipped bit in a label map",
        "flipped bit in a shard",
        "flipped bit in a checkpoint",
    ]
