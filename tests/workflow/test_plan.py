"""What Snakemake plans or refuses, and settings on their way to the stages."""

import json
import re
import shutil
from typing import Any

import pytest
import yaml

WEAK = {
    "saliency_maps",
    "attention_train",
    "attention_maps",
    "evaluate_attention",
    "evaluate_localisation",
    "proxy_fuse",
    "proxy_refine",
}
SUPERVISED = {
    "stage_config",
    "run_config",
    "dataset_index",
    "dataset_masks",
    "segmenter_train",
    "segmenter_predict",
    "segmenter_refine",
    "segmenter_weights",
    "weights_ready",
    "evaluate_health",
    "evaluate_health_all",
    "evaluate_labels",
    "evaluate_summary",
    "evaluate_supervision",
    "report",
    "all",
}


def _jobs(output: str) -> dict[str, int]:
    """Rule → number of planned jobs, from Snakemake's table."""
    table = output.partition("Job stats:")[2].partition("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


@pytest.mark.parametrize(
    ("presets", "rules", "shards"),
    [
        ([], SUPERVISED | WEAK | {"saliency_train"}, 2),
        (["demo-ceiling"], SUPERVISED | {"attention_train"}, 2),
        (["voc-animals"], SUPERVISED | WEAK, 8),
        (["voc-animals-ceiling"], SUPERVISED, 8),
    ],
)
def test_a_preset_plans_its_stages(planned: Any, presets: list[str], rules: set[str], shards: int) -> None:
    files = [f"workflow/presets/{name}.yaml" for name in presets]
    status, output = planned.snakemake("-n", *(["--configfile", *files] if files else []))
    jobs = _jobs(output)
    assert status == 0, output
    assert set(jobs) == rules
    assert jobs["segmenter_predict"] == jobs.get("proxy_refine", shards) == shards


def test_a_preset_by_name_lies_between_the_shipped_and_the_users_values(planned: Any) -> None:
    images = planned.folder / "photos"
    images.mkdir()
    (planned.folder / "photos.csv").write_text(
        "image,labels,split\na,cat,train\nb,dog,val\nc,dog,train\n", encoding="utf-8"
    )
    for name in "abc":
        (images / f"{name}.jpg").touch()
    mine = {
        "run": "mine",
        "preset": "photographs",
        "shards": 3,
        "dataset": {
            "source": "table",
            "classes": ["cat", "dog"],
            "table": {"images": "photos", "labels": "photos.csv"},
        },
        "attention": {"training": {"iterations": 7}},
    }
    (planned.folder / "mine.yaml").write_text(yaml.safe_dump(mine), encoding="utf-8")
    target = "results/mine/configs/attention-train.json"
    given = ("--configfile", "mine.yaml", "--config", "attention={training: {batch_size: 3}}")
    status, output = planned.snakemake("--cores", "1", *given, "--", target, "results/mine/configs/run.json")
    assert status == 0, output
    settings = json.loads((planned.folder / target).read_text(encoding="utf-8"))
    assert settings["backbone"]["architecture"] == "vgg16"  # the preset over config.yaml
    assert settings["training"]["resize"] == 256
    assert (settings["training"]["iterations"], settings["training"]["batch_size"]) == (7, 3)
    whole = json.loads((planned.folder / "results/mine/configs/run.json").read_text(encoding="utf-8"))
    assert (whole["preset"], whole["run"], whole["shards"]) == ("photographs", "mine", 3)
    status, output = planned.snakemake("-n", *given)
    assert status == 0, output
    assert "saliency_train" not in _jobs(output)
    assert _jobs(output)["proxy_refine"] == 3


def test_rounds_are_planned_one_after_the_other_and_scored(planned: Any) -> None:
    status, output = planned.snakemake(
        "-n", "--config", "segmenter={rounds: 3}", "attention={method: oaa_plus}"
    )
    assert status == 0, output
    jobs = _jobs(output)
    rounds = {"train": 3, "predict": 6, "refine": 6, "relabel": 4, "weights": 1}
    assert {name: jobs[f"segmenter_{name}"] for name in rounds} == rounds
    assert jobs["evaluate_labels"] == 2 + 3 * 2 + 2
    assert jobs["attention_accumulate"] == jobs["attention_train"] == 1
    assert jobs["attention_accumulated_maps"] == jobs["attention_maps"] == 2
    assert "results/demo/segmenter/round-3/weights.pt" in output
    assert "results/demo/segmenter/round-2/proxies/shard-1-of-2.csv" in output


@pytest.mark.slow
def test_weights_that_the_attention_network_cannot_give_are_refused_before_it_is_trained(
    planned: Any,
) -> None:
    (planned.folder / "maps").mkdir()
    segmenter = "segmenter={method: fcn32s, backbone: {architecture: alexnet, weights: attention}}"
    detector = "detector={backbone: {architecture: vgg16}}"
    folder = "attention={method: folder, folder: {folder: maps}}"
    for target, setting, part in (
        ("all", segmenter, "segmenter.backbone.weights is attention, whose backbone is vgg_small"),
        ("detector", detector, "detector.backbone.weights is attention, whose backbone is vgg_small"),
        ("all", folder, "attention.method is folder, which trains no network"),
    ):
        status, output = planned.snakemake("-n", target, "--config", setting)
        assert status != 0
        assert part in output
        assert "Traceback" not in output
    assert planned.snakemake("-n", "proxies", "--config", segmenter)[0] == 0


@pytest.mark.slow
def test_maps_made_elsewhere_train_nothing(planned: Any) -> None:
    (planned.folder / "clip").mkdir()
    settings = ["attention={method: folder, folder: {folder: clip}}", "segmenter={backbone: {weights: none}}"]
    status, output = planned.snakemake("-n", "--config", *settings)
    assert status == 0, output
    assert "attention_train" not in _jobs(output)
    assert _jobs(output)["attention_maps"] == 2


@pytest.mark.slow
def test_boxes_are_made_when_asked_for(planned: Any) -> None:
    status, output = planned.snakemake("-n", "-p", "detector")
    assert status == 0, output
    shown = ("evaluate_attention", "evaluate_localisation")
    assert set(_jobs(output)) == {
        "stage_config",
        "dataset_index",
        "dataset_masks",
        "saliency_train",
        *WEAK,
    } - {*shown} | {
        "run_config",
        "weights_ready",
        "proxy_boxes",
        "detector_train",
        "detector_predict",
        "evaluate_detector",
        "detector",
    }
    assert _jobs(output)["detector_predict"] == 2
    assert "--boxes results/demo/proxy/boxes.json --attention results/demo/attention/weights.pt " in output
    assert "--split val --least 0.005 --boxes results/demo/detector/boxes/shard-1-of-2.json " in output


@pytest.mark.parametrize(
    ("target", "kept", "others"),
    [
        (
            "all",
            (
                "dataset/index.csv",
                "segmenter/weights.pt",
                "saliency/maps/shard-1-of-2.h5",
                "attention/weights.pt",
                "proxy/refined/shard-2-of-2.csv",
                "segmenter/round-1/scores/shard-1-of-2.h5",
                "evaluation/refined.json",
                "evaluation/supervision.json",
                "evaluation/scores.csv",
            ),
            "detector/",
        ),
        ("proxies", ("attention/weights.pt", "proxy/fused/shard-2-of-2.csv"), "segmenter/"),
        (
            "detector",
            ("detector/weights.pt", "proxy/boxes.json", "detector/boxes/shard-1-of-2.json"),
            "segmenter/",
        ),
    ],
)
@pytest.mark.slow
def test_a_target_asks_for_all_that_it_keeps(
    planned: Any, target: str, kept: tuple[str, ...], others: str
) -> None:
    """What is deleted of a finished run is made again only where a target asks for it."""
    (asked,) = re.findall(
        rf"^(?:local)?rule {target}:\n    input: (.*)$", planned.snakemake("-n", target)[1], re.M
    )
    files = asked.split(", ")
    assert ("results/demo/configs/run.json" in files) == (target != "all")  # there the report asks for it
    assert {f"results/demo/{name}" for name in kept} <= {*files}
    assert not [name for name in files if name.startswith(f"results/demo/{others}")]


@pytest.mark.slow
def test_settings_of_the_report_score_nothing_again(planned: Any) -> None:
    output = planned.snakemake("-n", "all", "detector")[1]
    reads = re.findall(r"^rule (\w+):\n    input: (.*)$", output, re.M)
    assert [rule for rule, files in reads if "configs/evaluation.json" in files] == ["evaluate_summary"]
    boxes = {rule for rule, files in reads if "configs/evaluation-boxes.json" in files}
    assert boxes == {"evaluate_localisation", "evaluate_detector"}


@pytest.mark.slow
def test_a_review_reaches_the_segmenter_when_it_changes_its_images(planned: Any) -> None:
    review = planned.folder / "results" / "demo" / "review"
    review.mkdir(parents=True)
    (review / "flagged.csv").write_text("id\ntrain-00001\n", encoding="utf-8")
    assert "--review" not in planned.snakemake("-n", "-p")[1]
    (review / "rejected.csv").write_text("id\ntrain-00001\n", encoding="utf-8")
    status, output = planned.snakemake("-n", "-p")
    (line,) = (line for line in output.splitlines() if "weakseg segmenter train" in line)
    assert status == 0, output
    assert "--labels results/demo/proxy/refined --review results/demo/review " in line
    assert "--least 0.005 --review results/demo/review --out" in planned.snakemake("-n", "-p", "detector")[1]
    ceiling = planned.snakemake("-n", "-p", "--config", "segmenter={labels: masks}")[1]
    assert "--review" not in ceiling  # decisions are about proxies; masks are true
    index = planned.folder / "results" / "demo" / "dataset" / "index.csv"
    index.parent.mkdir()
    index.write_text("id,split,labels,image_sha256\ntrain-00001,val,,\n", encoding="utf-8")
    assert "--review" not in planned.snakemake("-n", "-p", "all", "detector")[1]  # nothing learns from it
    (review / "rejected.csv").write_text("name\n", encoding="utf-8")
    status, output = planned.snakemake("-n")
    assert status == 1
    assert output.splitlines()[-1].startswith("weakseg: results/demo/review/rejected.csv has no column 'id'")
    shutil.rmtree(planned.folder / "results" / "demo")


@pytest.mark.slow
def test_voc_is_fetched_only_when_asked(planned: Any) -> None:
    voc = ["-n", "--configfile", "workflow/presets/voc.yaml", "--config", "saliency={method: small}"]
    assert "dataset_download" not in _jobs(planned.snakemake(*voc)[1])
    assert "dataset_download" in _jobs(planned.snakemake(*voc, "dataset={voc: {download: true}}")[1])
    status, output = planned.snakemake(*voc, "dataset={voc: {download: true, root: voc}}")
    assert status == 1
    assert "'dataset': voc.root is voc; with voc.download a path that ends in" in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("preset=photo", r"preset is 'photo'; one of .*photographs.* was expected .*"),
        ("shard=4", r"config\.yaml: unknown key 'shard'; did you mean 'shards'\?"),
        (
            "saliency={method: onnx, onnx: {file: u2netq}}",
            r"saliency\.onnx\.file is u2netq, which is neither a file nor the name of published weights; .*u2net.*",
        ),
        (
            "saliency={method: onnx, onnx: {file: bria-rmbg-1.4}}",
            r"bria-rmbg-1\.4 is under the licence .*, which forbids .* accept_licenses: \[bria-rmbg-1\.4\]\.",
        ),
        (
            "evaluation={ceiling: full}",
            r"evaluation\.ceiling's score is results/full/.*; make that run first\.",
        ),
        (
            "attention={backbone: {architecture: vgg16, weights: vgg.npz}}",
            r"attention\.backbone\.weights is vgg\.npz, which .*",
        ),
        ("detector={stride: 12}", r"config\.yaml: 'detector\.stride': Input should be 8 or 16, found 12"),
    ],
)
def test_a_mistake_is_one_sentence(planned: Any, setting: str, sentence: str) -> None:
    status, output = planned.snakemake("-n", "--config", setting)
    said = [line for line in output.splitlines() if not line.startswith(("Using workflow", "Config file"))]
    assert status == 1
    assert len(said) == 1
    assert re.fullmatch(f"weakseg: {sentence}", said[0])


@pytest.mark.slow
def test_values_of_the_command_line_have_the_types_of_a_file(planned: Any) -> None:
    typed = [
        "attention={training: {iterations: 77, scales: [0.5, 2], flip: false}}",
        "proxy={refine: {enabled: no}}",
    ]
    status, output = planned.snakemake("-n", "--config", *typed)
    assert status == 0, output


def test_settings_reach_a_stage_unharmed(planned: Any) -> None:
    names = ["it's", 'a "b"', "$HOME", "`ls`", "{run}", "%s", "Bär", "<run>", "*", "a;b&c", "!x"]
    names += [f"a class with a long name, number {number}".replace(",", "") for number in range(200)]
    written = {"run": "odd", "dataset": {"source": "table", "classes": names}}
    written["dataset"]["table"] = {"images": ".", "labels": "odd.csv"}
    (planned.folder / "odd.csv").write_text(
        "image,labels,split\na.png,*,train\nb.png,*,val\nc.png,$HOME,train\n", encoding="utf-8"
    )
    for name in ("a.png", "b.png", "c.png"):
        (planned.folder / name).touch()  # nothing opens it here
    (planned.folder / "odd.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    target = "results/odd/configs/dataset.json"
    status, output = planned.snakemake("--cores", "1", "--configfile", "odd.yaml", "--", target)
    assert status == 0, output
    settings = json.loads((planned.folder / target).read_text(encoding="utf-8"))
    assert settings["classes"] == names
    assert not {"demo", "voc"} & set(settings)  # what is not chosen reaches no stage
    assert {"source", "classes", "bad_images", "table"} <= set(settings)
