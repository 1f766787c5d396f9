"""The inspector's answers: what they hold, and what is refused."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.config import Config
from weakseg.inspector.palettes import PALETTES
from weakseg.inspector.run import RunView
from weakseg.proxy.settings import ProxyConfig
from weakseg.settings.reading import parse
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import write_shard

PORT = 8642
ODD = "folder/ü & 100% #1"
OURS = {"x-weakseg": "1"}
Ask = Callable[..., httpx.Response]
Asker = Callable[..., Ask]


def _unpacked(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    assert answer.status_code == 200, answer.text
    (length,) = struct.unpack("<I", answer.content[:4])
    header = json.loads(answer.content[4 : 4 + length])
    shape = (header["height"], header["width"])
    planes = np.frombuffer(answer.content[4 + length :], np.uint8).reshape(-1, *shape)
    return header, {about["name"]: plane for about, plane in zip(header["planes"], planes, strict=True)}


def _files(run: Path) -> set[Path]:
    return {path for path in run.parent.parent.rglob("*") if path.is_file()}


def _ids(ask: Ask, **values: str) -> list[str]:
    return [row["id"] for row in ask("GET", "/api/images", params=values).json()["rows"]]


# ------------------------------------------------------------------------------------------- what is shown


def test_run_tells_scores_curves_and_knobs(ask: Ask) -> None:
    found = ask("GET", "/api/run").json()
    assert found["classes"] == ["bird", "cat", "dog"]
    assert found["splits"] == {"train": 6, "val": 2}
    assert found["summary"]["scores"]["refined"]["miou"] > 0.5
    assert found["histories"]["segmenter"]["loss"][0] == 2
    assert set(found["measures"]) == {"iou", "prediction_iou", "undecided", "changed", "disagreement"}
    assert len(found["palettes"]["safe"]) == 5  # background, three classes, undecided


def test_run_names_all_that_can_be_scored_in_the_order_of_the_chain(ask: Ask) -> None:
    stages = ask("GET", "/api/run").json()["stages"]
    assert [stage["name"] for stage in stages] == [
        "attention",
        "fused",
        "refined",
        "segmenter",
        "segmenter-crf",
    ]
    assert stages[-1]["title"] == "segmenter with CRF"


def test_every_knob_of_the_configuration_has_a_slider_that_holds_its_value(ask: Ask) -> None:
    knobs = ask("GET", "/api/run").json()["knobs"]
    settings = ProxyConfig()
    for rule, sliders in knobs["rules"].items():
        assert [slider["name"] for slider in sliders] == list(type(getattr(settings, rule)).model_fields)
    for slider in [
        *knobs["crf"],
        *knobs["refine"],
        *(knob for rule in knobs["rules"].values() for knob in rule),
    ]:
        assert slider["help"]
        if slider["kind"] == "range":
            assert slider["least"] <= slider["value"] <= slider["most"]


def test_gallery_filters_and_sorts(ask: Ask) -> None:
    assert len(_ids(ask)) == 8
    assert _ids(ask, label="bird", split="train") == ["img-02", "img-04", ODD]
    assert _ids(ask, text="IMG-05") == ["img-05"]
    rows = ask("GET", "/api/images", params={"sort": "iou", "order": "down"}).json()["rows"]
    known = [row["iou"] for row in rows if row["iou"] is not None]
    assert known == sorted(known, reverse=True)
    assert [row["split"] for row in rows[-2:]] == ["val", "val"]  # no proxy score: last, whatever the order
    assert ask("GET", "/api/images", params={"sort": "iou"}).json()["rows"][-1]["split"] == "val"


def test_disagreement_is_the_mean_distance_of_the_two_maps(ask: Ask, small: Path) -> None:
    rows = ask("GET", "/api/images", params={"sort": "disagreement"}).json()["rows"]
    run = RunView(small)
    record = run.record("img-03")
    strongest = np.max([*run.attention(record).values()], axis=0)
    saliency = run.saliency(record)
    assert saliency is not None
    blocks = saliency.reshape(12, 4, 16, 4).mean(axis=(1, 3))
    expected = float(np.abs(strongest - blocks).mean())
    assert next(row["disagreement"] for row in rows if row["id"] == "img-03") == pytest.approx(
        expected, abs=1e-3
    )


def test_neighbours_follow_the_filter(ask: Ask) -> None:
    found = ask("GET", "/api/place", params={"id": "img-03", "label": "cat"}).json()
    assert (found["before"], found["after"], found["place"], found["total"]) == ("img-02", "img-06", 2, 4)
    outside = ask("GET", "/api/place", params={"id": "img-01", "label": "cat"}).json()
    assert (outside["before"], outside["after"], outside["place"]) == (None, None, None)


def test_layers_are_the_values_on_disk(ask: Ask, small: Path) -> None:
    header, planes = _unpacked(ask("GET", "/api/layers", params={"id": ODD}))
    assert list(planes) == ["attention bird", "attention dog", "saliency", "fused", "refined", "truth"]
    assert header["labels"] == ["bird", "dog"]
    for stage in ("fused", "refined"):
        assert np.array_equal(planes[stage], read_labels(small / "proxy" / stage / f"{ODD}.png"))
    per_image = json.loads((small / "evaluation" / "refined.json").read_text())["per_image"]
    shown = next(item["iou"] for item in header["planes"] if item["name"] == "refined")
    assert shown == pytest.approx(per_image[ODD], abs=1e-3)
    _, val = _unpacked(ask("GET", "/api/layers", params={"id": "img-05"}))
    assert "prediction" in val


def test_a_run_that_stopped_early_is_shown_as_far_as_it_came(asker: Asker, small: Path) -> None:
    for name in ("evaluation", "segmenter", "proxy", "saliency"):
        for path in sorted((small / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    ask = asker(small)
    assert ask("GET", "/api/run").json()["measures"] == []
    assert len(_ids(ask)) == 8
    assert ask("GET", "/api/thumbnail", params={"id": "img-00"}).status_code == 200
    _, planes = _unpacked(ask("GET", "/api/layers", params={"id": "img-00"}))
    assert list(planes) == ["attention cat", "truth"]
    answer = ask("POST", "/api/what-if", headers=OURS, json={"id": "img-00", "proxy": {}})
    assert answer.status_code == 422
    assert "no saliency map" in answer.json()["error"]


def test_the_last_round_is_shown(asker: Asker, twice: Path) -> None:
    ask = asker(twice)
    further = ask("GET", "/api/run").json()["stages"][5:]
    assert [stage["name"] for stage in further] == ["relabelled-2", "segmenter-2", "segmenter-crf-2"]
    assert further[-1]["title"] == "segmenter with CRF, round 2"
    assert ask("GET", "/api/place", params={"id": "img-05"}).json()["row"]["prediction_iou"] == 0.125
    shown = _unpacked(ask("GET", "/api/layers", params={"id": "img-05"}))[1]["prediction"]
    assert (shown == 1).all()
    assert set(ask("GET", "/api/run").json()["histories"]) == {"attention", "segmenter", "segmenter/round-2"}
    (twice / "evaluation/summary.json").unlink()
    assert "segmenter-crf-2" in ask("GET", "/api/run").json()["summary"]["scores"]
    for name in ("weights.pt", "history.csv"):  # asked for, but not trained yet
        (twice / "segmenter/round-2" / name).unlink()
    ask = asker(twice)
    assert set(ask("GET", "/api/run").json()["histories"]) == {"attention", "segmenter"}
    assert ask("GET", "/api/place", params={"id": "img-05"}).json()["row"]["prediction_iou"] != 0.125


def test_what_is_scored_is_named_in_the_order_of_the_chain(asker: Asker, twice: Path) -> None:
    assert asker(twice)("GET", "/api/run").json()["stages"] == [
        {"name": "attention", "title": "attention maps"},
        {"name": "fused", "title": "fused proxies"},
        {"name": "refined", "title": "refined proxies"},
        {"name": "segmenter", "title": "segmenter"},
        {"name": "segmenter-crf", "title": "segmenter with CRF"},
        {"name": "relabelled-2", "title": "relabelled proxies, round 2"},
        {"name": "segmenter-2", "title": "segmenter, round 2"},
        {"name": "segmenter-crf-2", "title": "segmenter with CRF, round 2"},
    ]


def test_maps_labels_and_tables_of_another_run_are_shown(
    asker: Asker, small: Path, configure: Callable[..., Path]
) -> None:
    own = asker(small)
    paths = ("/api/layers", "/api/place", "/api/thumbnail")
    before = [own("GET", path, params={"id": "img-02"}) for path in paths]
    reused = {room: {"from_run": "small"} for room in ("attention", "saliency", "proxy")}
    other = configure(small.with_name("other"), **reused)
    for name in ("dataset", "evaluation", "segmenter"):
        (small / name).rename(other / name)
    ask = asker(other)
    after = [ask("GET", path, params={"id": "img-02"}) for path in paths]
    assert after[0].content == before[0].content
    assert after[1].json() == before[1].json()
    assert after[1].json()["row"]["undecided"] is not None
    assert after[2].content == before[2].content


def test_shards_of_before_are_passed_over(asker: Asker, small: Path) -> None:
    (small / "proxy/refined/shard-2-of-2.csv").write_text("id,undecided\nimg-00,0.987\n")
    write_shard(
        small / "saliency/maps/shard-2-of-2.h5", [("img-00", {"saliency": np.ones((2, 2), np.float32)})]
    )
    row = asker(small)("GET", "/api/place", params={"id": "img-00"}).json()["row"]
    assert row["undecided"] != 0.987
    run = RunView(small)
    saliency = run.saliency(run.record("img-00"))
    assert saliency is not None
    assert saliency.shape == (48, 64)


def test_thumbnail_shows_the_proxy_in_the_chosen_palette(ask: Ask) -> None:
    pictures = {}
    for palette in PALETTES:
        answer = ask("GET", "/api/thumbnail", params={"id": "img-00", "palette": palette})
        pictures[palette] = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert pictures["voc"].shape == (48, 64, 3)
    assert np.abs(pictures["voc"].astype(int) - pictures["safe"]).max() > 40


def test_no_two_of_sixteen_safe_colours_are_close() -> None:
    colours = PALETTES["safe"][1:17].astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert apart[~np.eye(16, dtype=bool)].min() > 40


# ------------------------------------------------------------------------------------------- what if


def test_what_if_with_the_runs_own_values_makes_the_runs_own_labels(ask: Ask, small: Path) -> None:
    own = RunView(small).proxy().model_dump(mode="json")
    for image_id in ("img-02", ODD):
        answer = ask("POST", "/api/what-if", headers=OURS, json={"id": image_id, "proxy": own})
        header, planes = _unpacked(answer)
        assert header["changed"] == 0
        assert header["old"] == header["new"]
        for stage in ("fused", "refined"):
            stored = read_labels(small / "proxy" / stage / f"{image_id}.png")
            assert np.array_equal(planes[f"new {stage}"], stored)


def test_what_if_tells_other_labels_and_their_score(ask: Ask) -> None:
    proxy = {"rule": "threshold", "threshold": {"saliency_low": 0.95, "saliency_high": 0.96, "rescue": 1.0}}
    _, planes = _unpacked(ask("POST", "/api/what-if", headers=OURS, json={"id": "img-02", "proxy": proxy}))
    assert (planes["new refined"] == 255).all()  # no class has a pixel: it is not learnt as background
    proxy["refine"] = {"missing_class": "background"}
    header, planes = _unpacked(
        ask("POST", "/api/what-if", headers=OURS, json={"id": "img-02", "proxy": proxy})
    )
    assert not planes["new refined"].any()  # all is background
    assert header["new"]["iou"] < header["old"]["iou"]
    assert header["changed"] > 0.05
    counts = np.array(header["new"]["counts"])
    assert counts.sum() == 48 * 64
    assert header["planes"][1]["iou"] == header["new"]["iou"]


def test_what_if_without_planes_is_small(ask: Ask) -> None:
    question = {"id": "img-02", "proxy": {}, "planes": False}
    assert len(ask("POST", "/api/what-if", headers=OURS, json=question).content) < 1500


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ({"rule": "best"}, "'rule'"),
        ({"threshold": {"rescue": 7}}, "'threshold.rescue'"),
        ({"threshhold": {}}, "did you mean 'threshold'"),
        ({"refine": {"crf": {"iterations": 10**9}}}, "'refine.crf.iterations'"),
    ],
)
def test_what_if_refuses_values_the_configuration_would_refuse(ask: Ask, proxy: Any, sentence: str) -> None:
    answer = ask("POST", "/api/what-if", headers=OURS, json={"id": "img-00", "proxy": proxy})
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_the_yaml_is_a_configuration_that_means_the_same(ask: Ask) -> None:
    proxy = {
        "rule": "dcsp",
        "dcsp": {"background": 0.33},
        "refine": {"crf": {"preset": "custom", "iterations": 4}},
    }
    text = ask("POST", "/api/yaml", headers=OURS, json={"id": "", "proxy": proxy}).json()["yaml"]
    assert parse(Config, yaml.safe_load(text), "pasted").proxy == parse(ProxyConfig, proxy, "")
