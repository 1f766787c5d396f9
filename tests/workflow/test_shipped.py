"""The demo with the configuration that a newcomer finds."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_as_shipped_reaches_its_scores(ran: Any) -> None:
    status, output = ran.snakemake("--cores", "2")
    assert status == 0, output
    summary = json.loads((ran.folder / "results/demo/evaluation/summary.json").read_text(encoding="utf-8"))
    scores = {stage: values["miou"] for stage, values in summary["scores"].items()}
    assert scores["segmenter-crf"] >= 0.60
    assert scores["refined"] >= scores["attention"] + 0.05
