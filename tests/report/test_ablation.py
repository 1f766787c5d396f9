"""Variants of a configuration: what is made once, what is refused, and the table."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.config import Config
from weakseg.config.layers import layered
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.score import Score, write_score
from weakseg.report.ablation.equal import STAGES, digests
from weakseg.report.ablation.file import read_ablation
from weakseg.report.ablation.plan import Planned, plan, written
from weakseg.report.ablation.table import lines, read_outcomes, write_tables
from weakseg.run.reuse import configured
from weakseg.run.table import Table

ROOT = Path(__file__).parents[2]
NO_CRF = {"proxy": {"refine": {"enabled": False}}}
RESCUE = {"proxy": {"threshold": {"rescue": 0.8}}}
SPG = {"attention": {"method": "spg"}}
LONGER = {"segmenter": {"training": {"iterations": 777}}}
IRN = {"affinity": {"method": "irn", "backbone": {"architecture": "vgg_small", "weights": "attention"}}}


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Planned]]:
    """Plans `study.yaml`, whose base is the demo under the name `mine`."""
    monkeypatch.chdir(tmp_path)

    def make(
        variants: dict[str, Any], base: dict[str, Any] | None = None, target: str = "all", **others: Any
    ) -> list[Planned]:
        Path("mine.yaml").write_text(yaml.safe_dump({"run": "mine"} | (base or {})), encoding="utf-8")
        values = {"base": "mine.yaml", "variants": variants} | others
        Path("study.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return plan(Path("study.yaml"), read_ablation(Path("study.yaml")), target)

    return make


def finish(each: Planned, target: str = "all") -> Table:
    """What Snakemake would make of a planned run, empty; its table as the workflow has it."""
    file = written(Path("study.yaml"), each)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(each.values), encoding="utf-8")
    config = configured(layered([file]), str(file))
    table = Table(config)
    for path in table.kept(target):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    settings = table.folder / "configs" / "run.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    return table


def shown(runs: list[Planned]) -> dict[str, tuple[str, dict[str, str]]]:
    return {each.run: (" ".join(each.makes), each.takes) for each in runs}


def test_what_a_variant_does_not_change_is_taken(planned: Any) -> None:
    variants = {"no-crf": NO_CRF, "spg": SPG, "spg-no-crf": SPG | NO_CRF, "longer": LONGER, "irn": IRN}
    maps = {"saliency": "mine", "attention": "mine"}
    assert shown(planned(variants)) == {
        "mine": ("saliency attention proxy segmenter", {}),
        "study-no-crf": ("proxy segmenter", maps),
        "study-spg": ("attention proxy segmenter", {"saliency": "mine"}),
        "study-spg-no-crf": ("proxy segmenter", {"saliency": "mine", "attention": "study-spg"}),
        "study-longer": ("segmenter", {**maps, "proxy": "mine"}),
        "study-irn": ("affinity proxy segmenter", maps),
    }


def test_affinities_are_taken_where_only_what_follows_changes(planned: Any) -> None:
    runs = shown(planned({"no-crf": NO_CRF, "rescue": RESCUE}, base=IRN))
    assert runs["study-no-crf"] == (
        "proxy segmenter",
        {"saliency": "mine", "attention": "mine", "affinity": "mine"},
    )
    assert runs["study-rescue"][0] == "affinity proxy segmenter"


def test_a_run_on_masks_takes_its_classifier_alone_and_gives_nothing_that_it_lacks(planned: Any) -> None:
    masks = {"segmenter": {"labels": "masks"}}
    assert shown(planned({"ceiling": masks}))["study-ceiling"] == ("segmenter", {"attention": "mine"})
    weak = shown(planned({"weak": {"segmenter": {"labels": "proxy"}}}, base=masks))
    assert weak["mine"] == ("attention segmenter", {})
    assert weak["study-weak"] == ("saliency attention proxy segmenter", {})


def test_other_data_share_nothing(planned: Any) -> None:
    runs = planned({"data": {"dataset": {"demo": {"train": 400}}}, "parts": {"shards": 3}})
    assert [each.takes for each in runs] == [{}, {}, {}]


@pytest.mark.parametrize("target", ["all", "proxies"])
@pytest.mark.parametrize("base", [{}, IRN], ids=["plain", "affinity"])
def test_the_workflow_makes_what_is_planned(planned: Any, base: dict[str, Any], target: str) -> None:
    variants = {"no-crf": NO_CRF, "spg": SPG, "spg-no-crf": SPG | NO_CRF}
    seeds = {"seeds": [0, 1]}
    if target == "all":
        variants |= {"longer": LONGER, "ceiling": {"segmenter": {"labels": "masks"}}}
    runs = planned(variants, base, target, **seeds)
    assert len(runs) == 2 * (len(variants) + 1)
    for each in runs:
        table = finish(each, target)
        made = {stage.room for stage in table.of(target) if not stage.is_reused}
        assert made - {"dataset"} == set(each.makes), each.line
        for room, run in each.takes.items():
            assert {s.run.name for s in table.of(target) if s.room == room} == {run}, each.line
    assert planned(variants, base, target, **seeds)[0].run == "mine"  # it goes on with what it made itself


def test_seeds_go_to_trainings_that_differ_and_the_rest_is_made_once(planned: Any) -> None:
    runs = {each.run: each for each in planned({"rescue": RESCUE}, seeds=[0, 1])}
    assert list(runs) == ["mine", "study-rescue-seed-0", "study-base-seed-1", "study-rescue-seed-1"]
    again = runs["study-base-seed-1"]
    assert again.makes == ("segmenter",) and set(again.takes.values()) == {"mine"}
    assert (again.config.attention.training.seed, again.config.segmenter.training.seed) == (0, 1)
    assert runs["study-rescue-seed-1"].takes["proxy"] == "study-rescue-seed-0"
    with_attention = {each.run: each for each in planned({"rescue": RESCUE, "spg": SPG}, seeds=[0, 1])}
    assert with_attention["study-base-seed-1"].config.attention.training.seed == 1
    assert with_attention["study-base-seed-1"].makes == ("attention", "proxy", "segmenter")
    assert with_attention["study-rescue-seed-1"].takes["attention"] == "study-base-seed-1"
    assert next(iter(planned({"rescue": RESCUE}, seeds=[7]))).run == "study-base-seed-7"


def test_maps_of_another_run_stay_with_all_variants(planned: Any) -> None:
    for each in planned({"no-crf": NO_CRF}, {"run": "other"}):
        finish(each)
    base = {"attention": {"from_run": "other"}}
    runs = {each.run: each for each in planned({"rescue": RESCUE}, base)}
    assert runs["study-rescue"].takes == {"saliency": "mine"}
    assert runs["study-rescue"].values["attention"] == {"from_run": "other"}
    with pytest.raises(
        InputError, match=r"variant spg: attention\.method is changed, but attention\.from_run takes"
    ):
        planned({"spg": SPG}, base)
    with pytest.raises(
        InputError, match=r"attention\.method is changed, but proxy\.from_run takes attention from"
    ):
        planned({"spg": SPG}, {"proxy": {"from_run": "other"}})
    own = {"attention": {"method": "spg", "from_run": None}}
    assert "attention" in planned({"spg": own}, base)[1].makes


def test_no_stage_is_left_out_of_the_comparison() -> None:
    compared = {name for names in STAGES.values() for name in names}
    after = {"segmenter-predict", "segmenter-refine", "detector-train", "detector-predict"}
    scores = {"evaluation", "evaluation-boxes", "supervision", "health"}
    assert compared | after | scores | {"dataset"} == set(Config().stages())


def test_a_run_on_masks_from_scratch_takes_nothing(planned: Any) -> None:
    small = {"architecture": "vgg_small", "weights": "none"}
    first, second = planned({"scratch": {"segmenter": {"labels": "masks", "backbone": small}}})
    assert second.takes == {} and second.makes == ("segmenter",)
    assert digests(first.config)["attention"] == digests(second.config)["attention"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("base: mine.yaml\nvariants: {a: {shards: 3}}\nseedz: [1]", "unknown key 'seedz'; did you mean 'seeds'"),
        ("base: mine.yaml\nvariants: {a: {proxy: {rules: oaa}}}", "variant a: unknown key 'proxy.rules'; did you mean"),
        ("base: mine.yaml\nvariants:\n  a: {shards: 3}\n  a: {shards: 4}", "line 4: a stands there for the second"),
        ("base: mine.yaml\nvariants: {a b: {shards: 3}}", "'variants.a b'"),
        ("base: mine.yaml\nvariants: {base: {shards: 3}}", "a variant is named base"),
        ("base: mine.yaml\nvariants: {a: {run: b}}", "variant a sets run"),
        ("base: mine.yaml\nvariants: {a: {shards: 2}}", "variant a is equal to the base"),
        ("base: mine.yaml\nvariants: {a: {health: {stop: []}}}", "variant a is equal to the base"),
        ("base: mine.yaml\nvariants: {a: {proxy: {oaa: {floor: 0.5}}}}", "variant a is equal to the base"),
        ("base: mine.yaml\nvariants: {a: {shards: 3}, b: {shards: 3}}", "variant b is equal to variant a"),
        ("base: mine.yaml\nvariants: {a: {shards: 3}}\nseeds: [1, 1]", "seeds must differ"),
        ("base: mine.yaml\nseeds: [0]\nvariants: {a: {segmenter: {prediction: {flip: false}}}}", "leave seeds out"),
        ("base: mine.yaml\nvariants: {}", "'variants': .*at least 1 item"),
        ("base: nothing\nvariants: {a: {shards: 3}}", "preset is 'nothing'; one of"),
        ("base: nothing.yaml\nvariants: {a: {shards: 3}}", "nothing.yaml cannot be read"),
        ("base: [\n", "study.yaml is not YAML"),
        ("", "study.yaml holds no keys"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(planned: Any, text: str, sentence: str) -> None:
    planned({"a": {"shards": 3}})
    Path("study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence) as caught:
        plan(Path("study.yaml"), read_ablation(Path("study.yaml")), "all")
    assert "\n" not in str(caught.value)


def test_runs_and_decisions_of_others_are_not_touched(planned: Any) -> None:
    runs = planned({"no-crf": NO_CRF})
    finish(runs[0])
    finish(runs[1])
    planned({"no-crf": NO_CRF})
    written(Path("study.yaml"), runs[1]).unlink()
    with pytest.raises(InputError, match=r"results/study-no-crf is a run that study\.yaml did not make"):
        planned({"no-crf": NO_CRF})
    written(Path("study.yaml"), runs[1]).touch()
    Path("results/mine/review").mkdir()
    Path("results/mine/review/rejected.csv").write_text("id\ntrain/0001\n", encoding="utf-8")
    Path("results/mine/dataset/index.csv").unlink()
    with pytest.raises(
        InputError, match="review rejects or corrects images, which the variants would not do"
    ):
        planned({"no-crf": NO_CRF})
    planned({"no-crf": NO_CRF}, target="proxies")


def test_a_dry_run_prints_the_plan_and_writes_nothing(planned: Any) -> None:
    planned({"no-crf": NO_CRF, "longer": LONGER})
    result = CliRunner().invoke(weakseg, ["ablate", "study.yaml", "-n"], catch_exceptions=False)
    assert result.output.splitlines() == [
        "mine: makes saliency, attention, proxy, segmenter",
        "study-no-crf: makes proxy, segmenter; takes saliency, attention of mine",
        "study-longer: makes segmenter; takes saliency, attention, proxy of mine",
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["mine.yaml", "study.yaml"]
    refused = CliRunner().invoke(weakseg, ["ablate", "study.yaml", "-n", "--", "--config", "shards=3"])
    assert "--config was given for snakemake" in str(refused.exception)


def test_the_example_is_planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    path = Path("benchmarks/ablations/voc-animals-quick.yaml")
    runs = plan(path, read_ablation(path), "all", tmp_path)
    assert runs[0].run == "voc-animals-third" and len(runs) == 10
    assert [each.run for each in runs if "attention" in each.makes] == ["voc-animals-third"]


def write_scores(folder: Path, **miou: float | None) -> None:
    """What the table reads of a run."""
    images = [Record(str(n), folder / f"{n}.jpg", "train", ("cat",), None) for n in range(4)]
    write_index(folder / "dataset", Index(tuple(images), ("cat",), (0, 1)))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "dataset_index.tsv").write_text("s\tmax_rss\n120.0\t1000.0\n")
    for name, value in miou.items():
        stage = name.replace("_", "-")
        score = Score(stage, "train", 2, 0, value, value, value, 0.0, {"background": value, "cat": value})
        write_score(folder / "evaluation" / f"{stage}.json", score)


def test_differences_and_spread_of_stored_scores(tmp_path: Path, configure: Callable[..., Path]) -> None:
    other: dict[str, Any] = {"attention": {"from_run": "mine"}}
    again = other | {"proxy": {"from_run": "mine"}}
    stored: dict[str, tuple[str, int, dict[str, Any], dict[str, float | None]]] = {
        "mine": ("base", 0, {}, {"attention": 0.4, "refined": 0.7, "segmenter": 0.6, "segmenter_crf": 0.65}),
        "s-a-0": ("a", 0, other, {"attention": 0.4, "refined": 0.75, "segmenter": 0.63, "segmenter_crf": 0.75}),
        "s-base-1": ("base", 1, again, {"attention": 0.4, "refined": 0.7, "segmenter": 0.64, "segmenter_crf": 0.66}),
        "s-a-1": (
            "a", 1, other | {"proxy": {"from_run": "s-a-0"}},
            {"attention": 0.4, "refined": 0.75, "segmenter": 0.65, "segmenter_crf": 0.74},
        ),
        "s-b-0": ("b", 0, again, {"attention": 0.4, "refined": 0.7, "segmenter": 0.5, "segmenter_crf": None}),
    }  # fmt: skip
    runs = []
    for run, (variant, seed, values, miou) in stored.items():
        write_scores(configure(tmp_path / run, **values), **miou)
        runs.append(Planned(variant, seed, Config(run=run), {}, (), {}))
    found = lines(read_outcomes(runs, tmp_path))
    table = write_tables(found, tmp_path / "out")
    rows = list(csv.reader((tmp_path / "out" / "table.csv").open(encoding="utf-8")))
    assert rows[1:] == [
        ["base", "attention", "0.4000", "", "", "1", "", "2.0"],
        ["base", "refined", "0.7000", "", "", "1", "", "2.0"],
        ["base", "segmenter", "0.6200", "", "0.0400", "2", "", "2.0"],
        ["base", "segmenter-crf", "0.6550", "", "0.0100", "2", "", "2.0"],
        ["a", "attention", "0.4000", "+0.0000", "", "1", "same as base", "2.0"],
        ["a", "refined", "0.7500", "+0.0500", "", "1", "one value", "2.0"],
        ["a", "segmenter", "0.6400", "+0.0200", "0.0200", "2", "within the spread", "2.0"],
        ["a", "segmenter-crf", "0.7450", "+0.0900", "0.0100", "2", "better", "2.0"],
        ["b", "attention", "0.4000", "+0.0000", "", "1", "same as base", "2.0"],
        ["b", "refined", "0.7000", "+0.0000", "", "1", "same as base", "2.0"],
        ["b", "segmenter", "0.5000", "-0.1000", "", "1", "worse", "2.0"],
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert cells[0] == ["variant", "attention", "refined", "segmenter", "segmenter-crf", "minutes"]
    assert cells[3] == [
        "a",
        "same as base",
        "0.7500 +0.0500",
        "0.6400 [0.0200] +0.0200, within the spread",
        "0.7450 [0.0100] +0.0900",
        "2.0",
    ]
    assert cells[4][4] == "–"
    assert "may be chance" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
