"""`weakseg report-bug`: what an issue needs, and no folder of this machine."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import weakseg as package
from weakseg.cli import weakseg
from weakseg.evaluation.health.record import StageHealth, write_health
from weakseg.report.bug import without_folders


def report(*arguments: object) -> str:
    result = CliRunner().invoke(weakseg, ["report-bug", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_without_a_run_it_tells_versions_and_machine() -> None:
    text = report()
    for part in (
        f"weakseg {package.__version__}",
        f"torch {version('torch')}",
        platform.platform(),
        " cores",
    ):
        assert part in text
    assert "## Configuration" not in text


def test_of_a_run_it_tells_configuration_health_and_failed_logs_without_folders(tiny: Any) -> None:
    home = str(Path.home())
    table = {"images": f"{home}/secret/photos", "labels": "anna/wedding/labels.csv"}
    dataset = {"source": "table", "table": table, "classes": ["cat", "dog"]}
    tiny.configure(dataset=dataset)
    write_health(
        tiny.path("health/attention_maps.json"), [StageHealth("attention_maps", "1 of 2 classes", 5)]
    )
    tiny.write(
        "logs/attention_train.log",
        "\n".join(["iteration 10"] * 50 + [f"weakseg: {home}/secret/photos/a.png is cut."]),
    )
    tiny.write(
        "logs/proxy_fuse/1-of-2.log",
        f"Traceback (most recent call last):\n  File \"{home}/x/y.py\", line 3\nKeyError: 'a'\n",
    )
    tiny.write("logs/saliency_maps/1-of-2.log", "all 5 images are finished\n")
    text = report(tiny.folder)
    for part in (
        "…/photos",
        "…/labels.csv",
        "1 of 2 classes",
        "weakseg: …/a.png is cut.",
        "KeyError: 'a'",
        "line 3",
    ):
        assert part in text
    for part in (home, "secret", "wedding", str(tiny.folder), "all 5 images"):
        assert part not in text
    assert text.count("iteration 10") < 20
    assert "proxy_refine: 0 of 2 files" in text


def test_it_is_written_to_a_file(tiny: Any, tmp_path: Path) -> None:
    said = report(tiny.folder, "--out", tmp_path / "bug.md")
    assert "read it" in said
    assert "## Versions" in (tmp_path / "bug.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/data/a.png is cut", "…/a.png is cut"),
        ("'~/data/my images.csv'", "'…/my images.csv'"),
        ("File \"/usr/lib/python3.11/json.py\", line 3", "File \"…/json.py\", line 3"),
        (r"C:\Users\anna\a.png", "…/a.png"),
        ("3.1 images/s, weak / full = 0.9", "3.1 images/s, weak / full = 0.9"),
        ("../elsewhere/maps", "…/maps"),
    ],
)  # fmt: skip
def test_folders_are_left_out(text: str, expected: str) -> None:
    assert without_folders(text) == expected


def test_folders_of_the_configuration_may_be_relative_and_hold_spaces() -> None:
    text = "anna/wedding/1.jpg, /data/my photos/a/2.jpg and anna/wedding"
    assert without_folders(text, ("anna/wedding", "/data/my photos")) == "…/1.jpg, …/2.jpg and …/wedding"
