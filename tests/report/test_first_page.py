"""The report's first page: the result at its head, in Snakemake's report too."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weakseg.evaluation.health.record import StageHealth, Warning, write_health
from weakseg.report.costs import working_seconds
from weakseg.report.ledger import Ledger, Source
from weakseg.report.supervision import sentence_of

REPORT = Path(__file__).parents[2] / "workflow/report"
EMPTY = Warning(
    "attention.empty",
    "dog has no attention in 2 of 5 images.",
    "The classifier has not learnt this class <yet>.",
    "attention.training.iterations: 1200",
    ("dog",),
    ("train/1", "train/3"),
)
LEDGER = Ledger(
    "supervision: image labels + saliency (DUTS-TR masks) + ImageNet",
    True,
    [
        Source("attention", "a.pt", None, "image labels", "image"),
        Source("saliency", "u2netp", None, "DUTS-TR masks", "pixels"),
        Source("attention start", "vgg16", None, "ImageNet", "image"),
    ],
)


def written(run: Any, **values: Any) -> str:
    """The page of a run with a health warning and a ledger."""
    run.configure(evaluation={"sample": 2} | values.pop("evaluation", {}), **values)
    health = StageHealth("attention_maps", "1 of 2 classes without attention", 5, warnings=(EMPTY,))
    write_health(run.path("health/attention_maps.json"), [health])
    sources = [vars(source) for source in LEDGER.sources]
    run.write(
        "evaluation/supervision.json",
        json.dumps({"line": LEDGER.line, "pixel_labels": True, "sources": sources}),
    )
    run.write("benchmarks/attention_maps/1-of-2.tsv", "s\tmax_rss\n120\t900\n")
    assert run.summary().exit_code == 0
    return str(run.path("result.html").read_text(encoding="utf-8"))


def test_it_begins_with_the_result_and_tells_how_it_was_made(scored: Any) -> None:
    page = written(scored)
    miou = scored.read("segmenter-crf")["miou"]
    parts = [
        f"<b>{miou:.3f}</b>",
        "mIoU of the segmenter with CRF on 3 val images",
        "1 warning below",
        sentence_of(LEDGER),
        "refined proxies",
        "data:image/jpeg;base64,",
        EMPTY.found,
        "not learnt this class &lt;yet&gt;",
        EMPTY.remedy,
        "1 of 2 classes without attention",
        "<dt>machine</dt>",
        "<dt>precision</dt>",
        "2.0 minutes",
        "snakemake --cores all --configfile",
        "weakseg inspect",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)


def test_without_masks_it_begins_with_the_health(unmasked: Any) -> None:
    unmasked.score_all()
    page = written(unmasked)
    assert "<b>1 warning</b>" in page
    assert "nothing was scored" in page
    assert "<h2>Scores</h2>" not in page
    assert EMPTY.found in page


def test_a_ceiling_says_what_it_is(scored: Any) -> None:
    assert "it is a ceiling to compare with" in written(scored, segmenter={"labels": "masks"})


@pytest.mark.parametrize(
    ("sources", "pixels", "expected"),
    [
        (LEDGER.sources, True, "The saliency maps come from a network trained on DUTS-TR masks."),
        (LEDGER.sources, True, "Networks started from weights trained on ImageNet."),
        (LEDGER.sources, True, "So pixel labels were used."),
        ([Source("saliency", "", None, "unsupervised", "none")], False, "The saliency maps need no labels."),
        ([Source("saliency", "x.onnx", None, "unknown", "unknown")], None, "not known what it was trained on (x.onnx)"),
        ([Source("segmenter", "w.pt", None, "pixel masks of the training images", "pixels")], True,
         "The segmenter was trained on pixel masks of the training images."),
        ([Source("segmenter corrections", "", None, "2 corrected label maps", "pixels")], True,
         "People drew 2 corrected label maps."),
    ],
)  # fmt: skip
def test_supervision_is_told_in_sentences(sources: list[Source], pixels: bool | None, expected: str) -> None:
    assert expected in sentence_of(Ledger("supervision: …", pixels, sources))


def test_jobs_side_by_side_count_once(tmp_path: Path) -> None:
    for name, ended, seconds in (("a", 1000, 100), ("b", 1050, 100), ("c", 2000, 10)):
        file = tmp_path / name
        file.write_text(f"s\tmax_rss\n{seconds}\t1\n", encoding="utf-8")
        os.utime(file, (ended, ended))
    assert working_seconds(tmp_path / name for name in "abc") == pytest.approx(160)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_snakemakes_report_opens_with_it(scored: Any, width: int) -> None:
    """A workflow of one rule, with the report's own text: what a browser shows at first."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    written(scored)
    root = scored.folder.parent.parent
    shutil.copytree(REPORT, root / "workflow/report")
    output = 'output: report("copied.png", "workflow/report/sample.rst", "Images")'
    rule = f'rule all:\n    {output}\n    shell: "cp results/tiny/evaluation/montage-sample.png {{output}}"\n'
    text = f'configfile: "config.yaml"\nreport: "workflow/report/workflow.rst"\n{rule}'
    (root / "Snakefile").write_text(text, encoding="utf-8")
    (root / "config.yaml").write_text("run: tiny\n", encoding="utf-8")
    snakemake = [sys.executable, "-m", "snakemake"]
    for options in (["--cores", "1"], ["--report", "report.html"]):
        subprocess.run([*snakemake, *options], cwd=root, check=True, capture_output=True)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((root / "report.html").as_uri())
        headline = page.locator(".weakseg .headline b")
        headline.wait_for()
        page.locator("#rulegraph canvas, #rulegraph svg").first.wait_for()
        assert headline.inner_text() == f"{scored.read('segmenter-crf')['miou']:.3f}"
        assert headline.bounding_box()["y"] < 900
        facts = page.locator(".weakseg dl").last.bounding_box()
        assert page.locator("#app #rulegraph").bounding_box()["y"] >= facts["y"] + facts["height"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
