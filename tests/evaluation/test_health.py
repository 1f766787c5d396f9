"""Each signal is told where it is made to appear, and not on healthy input; no mask is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import tensor
from torchmetrics.classification import BinaryAveragePrecision

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.evaluation.health.advice import Advice, read_now
from weakseg.evaluation.health.attention import Attended, check_attention
from weakseg.evaluation.health.doubt import View, doubt_of, signals
from weakseg.evaluation.health.proxy import Labelled, agreement, check_labels, inside, labelled
from weakseg.evaluation.health.record import StageHealth, Warning, read_health, write_health
from weakseg.evaluation.health.saliency import check_saliency, odd
from weakseg.evaluation.health.segmenter import Predicted, check_predictions
from weakseg.evaluation.health.signals import USUALLY
from weakseg.evaluation.health.text import health_text, refuse
from weakseg.evaluation.settings import HealthConfig
from weakseg.settings.reading import parse
from weakseg.training.ranking import average_precision, mean_average_precision

CLASSES = ("cat", "cow", "dog")
ADVICE = Advice()


def told(health: StageHealth) -> list[str]:
    """The names of the signals."""
    return [warning.signal for warning in health.warnings]


def spot(row: int = 2, size: int = 12) -> np.ndarray:
    """A map with one bright square."""
    values = np.zeros((size, size), np.float32)
    values[row : row + 3, 3:7] = 1.0
    return values


def image(number: int, labels: tuple[str, ...], right: bool = True, **maps: np.ndarray) -> Attended:
    scores = {name: (2.0 if (name in labels) == right else -2.0) + 0.01 * number for name in CLASSES}
    return Attended(
        f"i{number}",
        labels,
        {name: maps.get(name, spot(2 + 3 * CLASSES.index(name))) for name in labels},
        scores,
    )


HEALTHY = [image(number, (CLASSES[number % 3],)) for number in range(12)]


def test_attention_of_a_good_classifier_warns_of_nothing() -> None:
    health = check_attention(HEALTHY, HEALTHY, CLASSES, ADVICE)
    assert told(health) == []
    assert health.line == "attention in all 12 images, average precision 1.00 on 12 held-out images"
    assert health.by_image == {}
    assert health.figures["without"] == 0


@pytest.mark.parametrize("values", [np.zeros((12, 12)), np.full((12, 12), 0.8), np.full((12, 12), 0.01)])
def test_a_class_whose_maps_are_empty_or_flat_has_collapsed(values: np.ndarray) -> None:
    images = [image(n, ("cow",), cow=values) if n % 3 == 1 else HEALTHY[n] for n in range(12)]
    health = check_attention(images, HEALTHY, CLASSES, ADVICE)
    (warning,) = health.warnings
    assert warning.signal == "attention.collapsed"
    assert warning.classes == ("cow",)
    assert warning.found == "1 of 3 classes has no attention in most of its images: cow (4 of 4 images)"
    assert warning.images == ("i1", "i4", "i7", "i10")
    assert health.by_class["without"] == {"cat": 0.0, "cow": 1.0, "dog": 0.0}
    assert health.by_image == dict.fromkeys(["i1", "i4", "i7", "i10"], 1.0)
    assert health.line.startswith("1 of 3 classes and 4 of 12 images without attention")


def test_a_part_of_a_class_without_attention_is_told_by_its_kind() -> None:
    images = [image(1, ("cow",), cow=np.zeros((12, 12))), image(4, ("cow",), cow=np.full((12, 12), 0.9))]
    health = check_attention([*images, *HEALTHY], [], CLASSES, ADVICE)
    assert told(health) == ["attention.empty", "attention.flat"]
    assert all(warning.classes == ("cow",) for warning in health.warnings)


def test_a_small_bright_spot_is_not_flat() -> None:
    values = np.zeros((40, 40))
    values[3, 4] = 1.0
    assert values.std() < 0.1
    images = [image(number, ("cat",), cat=values) for number in range(4)]
    assert told(check_attention(images, [], CLASSES, ADVICE)) == []


def test_a_classifier_that_says_another_class_is_told_with_the_class() -> None:
    images = [image(n, ("dog",), right=n % 3 != 2) if n % 3 == 2 else HEALTHY[n] for n in range(12)]
    health = check_attention(images, [], CLASSES, ADVICE)
    assert told(health) == ["attention.other_class"]
    assert health.warnings[0].classes == ("dog",)
    assert health.by_image == dict.fromkeys(["i2", "i5", "i8", "i11"], 0.5)


def test_maps_of_two_classes_that_coincide_are_told() -> None:
    same = [image(n, ("cat", "dog"), cat=spot(4), dog=spot(4)) for n in range(4)]
    apart = [image(n, ("cat", "dog")) for n in range(4)]
    health = check_attention(same, [], CLASSES, ADVICE)
    assert told(health) == ["attention.coincides"]
    assert health.warnings[0].found == "the same attention: cat and dog (4 of 4 images)"
    assert health.warnings[0].classes == ("cat", "dog")
    assert told(check_attention(apart, [], CLASSES, ADVICE)) == []


def test_bad_precision_on_held_out_images_names_the_class_and_the_chance() -> None:
    scores = [{"cat": 0.0, "cow": float(n % 3 == 1), "dog": float(n % 3 == 2)} for n in range(12)]
    held = [Attended(f"v{n}", (CLASSES[n % 3],), {}, scores[n]) for n in range(12)]
    health = check_attention(HEALTHY, held, CLASSES, ADVICE)
    assert told(health) == ["attention.precision"]
    assert health.warnings[0].found.endswith("cat 0.33 (by chance 0.33)")
    assert health.by_class["average_precision"] == {"cat": 0.3333, "cow": 1.0, "dog": 1.0}


def test_maps_made_elsewhere_have_no_scores() -> None:
    images = [Attended(each.id, each.labels, each.maps) for each in HEALTHY]
    health = check_attention(images, [], CLASSES, ADVICE)
    assert told(health) == []
    assert "average_precision" not in health.figures
    assert "other_class" not in health.figures


def test_images_without_labels_have_no_attention_to_lack() -> None:
    health = check_attention([Attended("n", (), {}, dict.fromkeys(CLASSES, -1.0))], [], CLASSES, ADVICE)
    assert health.warnings == []
    assert health.by_image == {}


def framing() -> np.ndarray:
    values = np.zeros((20, 20), np.float32)
    values[0], values[-1], values[:, 0], values[:, -1] = 1, 1, 1, 1
    return values


ODD = {
    "constant": np.full((20, 20), 0.4, np.float32),
    "nothing": np.linspace(0, 0.08, 400, dtype=np.float32).reshape(20, 20),
    "everything": np.linspace(0.48, 0.9, 400, dtype=np.float32).reshape(20, 20),
    "borders": framing(),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_saliency_is_told_by_its_kind(kind: str) -> None:
    assert odd(ODD[kind]) == kind
    good = [(f"g{number}", spot(size=20)) for number in range(4)]
    health = check_saliency([*good, ("a", ODD[kind]), ("b", ODD[kind])], ADVICE)
    assert told(health) == [f"saliency.{kind}"]
    assert health.line.startswith("6 maps, 2 ")
    assert health.warnings[0].images == ("a", "b")
    assert set(health.by_image) == {"a", "b"}
    assert told(check_saliency([*good, ("a", ODD[kind])], ADVICE)) == []
    assert told(check_saliency(good, ADVICE)) == []


def test_maps_that_are_dark_by_nature_are_not_odd() -> None:
    assert odd(0.2 * spot(size=20)) is None
    assert odd(0.05 * spot(size=20)) == "nothing"


def label_map(index: int, undecided: bool = False) -> np.ndarray:
    labels = np.full((10, 10), 255 if undecided else 0, np.uint8)
    labels[2:6, 3:7] = index
    return labels


def of(number: int, labels: np.ndarray, present: tuple[str, ...], **more: Any) -> Labelled:
    return labelled(f"i{number}", labels, present, CLASSES, **more)


def test_good_label_maps_warn_of_nothing() -> None:
    images = [of(n, label_map(1 + n % 3), (CLASSES[n % 3],), apart=0.9) for n in range(6)]
    health = check_labels("proxy_fuse", images, CLASSES, ADVICE)
    assert told(health) == []
    assert health.figures == {"missing": 0.0, "undecided": 0.0, "disagreement": 0.0}
    assert health.by_class["share"] == dict.fromkeys(CLASSES, 0.16)
    assert health.by_class["spread"] == dict.fromkeys(CLASSES, 0.0)


@pytest.mark.parametrize("stage", ["proxy_fuse", "proxy_refine", "segmenter_relabel-2"])
def test_classes_without_a_pixel_are_named_with_their_images(stage: str) -> None:
    images = [of(n, label_map(0 if n % 3 == 1 else 1 + n % 3), (CLASSES[n % 3],)) for n in range(6)]
    health = check_labels(stage, images, CLASSES, ADVICE)
    kind = {"proxy_fuse": "fused", "proxy_refine": "refined"}.get(stage, "relabelled")
    assert told(health) == [f"{kind}.missing"]
    assert health.warnings[0].classes == ("cow",)
    assert health.warnings[0].images == ("i1", "i4")
    assert health.by_image == {"i1": 1.0, "i4": 1.0}
    assert health.line == "2 of 6 images without a pixel of a class, 0% undecided"


@pytest.mark.parametrize("stage", ["proxy_fuse", "proxy_refine", "segmenter_relabel-2"])
def test_much_undecided_is_told(stage: str) -> None:
    images = [of(n, label_map(1, undecided=True), ("cat",)) for n in range(3)]
    (signal,) = told(check_labels(stage, images, CLASSES, ADVICE))
    assert signal.endswith(".undecided")


def test_attention_apart_from_saliency_is_told_of_the_fused_labels() -> None:
    assert inside(spot(2), spot(2)) == 1.0
    assert inside(spot(2), spot(8)) == 0.0
    assert inside(np.zeros((3, 3)), spot(2)) is None
    images = [of(n, label_map(1), ("cat",), apart=0.1 if n < 2 else 0.8) for n in range(4)]
    health = check_labels("proxy_fuse", images, CLASSES, ADVICE)
    assert told(health) == ["fused.disagreement"]
    assert health.warnings[0].images == ("i0", "i1")


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 10)])
def test_regions_of_an_unlikely_size_are_told(rows: slice) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[0, 0] = 1
    labels[rows.start * 2 : rows.stop * 2] = 1
    health = check_labels("proxy_fuse", [of(0, labels, ("cat",))], CLASSES, ADVICE)
    assert told(health) == ["fused.size"]


def test_labels_that_the_refinement_redraws_are_told() -> None:
    before, after = label_map(1), np.roll(label_map(1), 4, axis=0)
    changed = check_labels("proxy_refine", [of(0, after, ("cat",), before=before)], CLASSES, ADVICE)
    assert told(changed) == ["refined.changed"]
    same = check_labels("proxy_refine", [of(0, before, ("cat",), before=before)], CLASSES, ADVICE)
    assert told(same) == []
    assert same.figures["agreement"] == 1.0


def test_agreement_by_hand() -> None:
    one = np.array([[0, 0, 1, 1]], np.uint8)
    other = np.array([[0, 1, 1, 255]], np.uint8)
    assert agreement(one, other) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert agreement(one, np.full((1, 4), 255, np.uint8)) is None


def predicted(number: int, present: str, shown: str, agreed: float = 0.8) -> Predicted:
    return Predicted(f"v{number}", (present,), {shown: 0.2}, agreed)


def test_predictions_are_checked_against_labels_and_proxies() -> None:
    good = [predicted(n, CLASSES[n % 3], CLASSES[n % 3]) for n in range(9)]
    health = check_predictions("segmenter_predict", good, "val", CLASSES, ADVICE)
    assert told(health) == []
    assert (
        health.line
        == "classes of 9 val images: recall 1.00, precision 1.00, 0.80 agreement with the proxy labels"
    )
    bad = [predicted(n, CLASSES[n % 3], "cat", 0.2) for n in range(9)]
    health = check_predictions("segmenter_predict", bad, "val", CLASSES, ADVICE)
    assert told(health) == ["segmenter.recall", "segmenter.precision", "segmenter.agreement"]
    assert health.warnings[0].classes == ("cow", "dog")
    assert health.warnings[1].classes == ("cat",)
    assert health.by_image == dict.fromkeys(["v1", "v2", "v4", "v5", "v7", "v8"], 1.0)


def test_average_precision_is_that_of_torchmetrics() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        scores = random.integers(0, 6, 30) / 5  # with ties
        truth = random.integers(0, 2, 30)
        expected = float(BinaryAveragePrecision()(tensor(scores), tensor(truth)))
        assert average_precision(scores, truth) == pytest.approx(expected, abs=1e-6)
    assert average_precision(np.array([1.0, 2.0]), np.array([1, 1])) is None
    assert average_precision(np.array([]), np.array([])) is None
    table, present = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[1, 1], [0, 1]])
    assert mean_average_precision(table, present) == 1.0


def test_every_signal_has_a_remedy_that_the_configuration_takes() -> None:
    now = read_now_of(Config())
    for signal in USUALLY:
        for values in (now, {}):
            path, _, value = Advice(now=values).remedy(signal, 120).partition(": ")
            changed: Any = value if not value.replace(".", "").isdigit() else float(value)
            changed = int(changed) if isinstance(changed, float) and changed == int(changed) else changed
            for name in reversed(path.split(".")):
                changed = {name: changed}
            if path != "saliency.method":  # onnx needs a file
                parse(Config, changed, path)


def read_now_of(config: Config) -> dict[str, Any]:
    from weakseg.evaluation.health.advice import _flat

    return dict(_flat("", config.model_dump(mode="json")))


def test_remedies_follow_the_values_of_the_run(tmp_path: Path) -> None:
    config = parse(
        Config, {"attention": {"new_layers_rate": 10, "training": {"iterations": 40, "batch_size": 16}}}, ""
    )
    (tmp_path / "run.json").write_text(config.model_dump_json())
    advice = Advice(now=read_now(tmp_path / "run.json"))
    assert advice.remedy("attention.collapsed", 402) == "attention.training.iterations: 380"
    assert advice.remedy("attention.collapsed", 10) == "attention.training.iterations: 80"
    pretrained = {"backbone": {"architecture": "vgg16", "weights": "IMAGENET1K_V1"}, "method": "cam"}
    for rate, tried in (
        (1.0, "new_layers_rate: 10.0"),
        (None, "new_layers_rate: 10.0"),
        (10.0, "training.iterations: 380"),
    ):
        attention = pretrained | {"new_layers_rate": rate, "training": {"iterations": 40, "batch_size": 16}}
        (tmp_path / "run.json").write_text(parse(Config, {"attention": attention}, "").model_dump_json())
        advice = Advice(now=read_now(tmp_path / "run.json"))
        assert advice.remedy("attention.collapsed", 402) == f"attention.{tried}"
    with pytest.raises(InputError, match="delete it and run snakemake again"):
        read_now(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("attention.colapsed", "did you mean 'attention.collapsed'"), ("x", "known are attention.collapsed")],
)
def test_stop_takes_signals_only(name: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"'health.stop.0': '{name}' is not a signal of health; {hint}"):
        parse(Config, {"health": {"stop": [name]}}, "config.yaml")


def test_a_signal_that_comes_after_the_segmenter_cannot_stop_it() -> None:
    with pytest.raises(InputError, match=r"'segmenter\.recall' is seen only after the segmenter has trained"):
        parse(Config, {"health": {"stop": ["segmenter.recall"]}}, "config.yaml")


def test_what_stop_names_is_refused_in_one_sentence(tmp_path: Path) -> None:
    images = [image(number, ("cow",), cow=np.zeros((12, 12))) for number in range(4)]
    for stop in ([], ["saliency.constant"], ["attention.collapsed"]):
        health = check_attention(images, [], CLASSES, Advice(HealthConfig(stop=stop)))
        write_health(tmp_path / "a.json", [health])
        if stop != ["attention.collapsed"]:
            refuse([tmp_path / "a.json"])
    with pytest.raises(InputError) as refused:
        refuse([tmp_path / "a.json"])
    text = str(refused.value)
    assert "health.stop names attention.collapsed" in text
    assert "cow (4 of 4 images)" in text
    assert "set attention.method: cam, or take attention.collapsed out of health.stop." in text
    assert "\n" not in text


def test_a_file_of_health_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    warning = Warning("attention.flat", "found", "usually", "a: 1", ("cat",), ("i",), True)
    stage = StageHealth("attention_maps", "line", 3, {"a": 0.5}, {"b": {"cat": 1.0}}, {"i": 1.0}, (warning,))
    write_health(tmp_path / "health.json", [stage])
    assert read_health(tmp_path / "health.json") == [stage]
    assert health_text([stage]).splitlines() == [
        "attention_maps: line",
        "  ! found (attention.flat)",
        "    usually: usually",
        "    try: a: 1",
    ]


def view(**changes: Any) -> View:
    values: dict[str, Any] = {"attention": {1: spot()}, "saliency": spot(), "fused": label_map(1),
                              "refined": label_map(1), "present": (1,), "margin": 3.0}  # fmt: skip
    return View(**values | changes)


def test_doubt_lies_between_0_and_1_and_grows_with_what_is_wrong() -> None:
    good = doubt_of(signals(view()))
    empty = np.zeros((10, 10), np.uint8)
    nothing = np.zeros((12, 12), np.float32)
    bad = [
        doubt_of(signals(view(attention={1: nothing}, saliency=nothing, fused=empty, refined=empty))),
        doubt_of(signals(view(refined=np.full((10, 10), 255, np.uint8)))),
    ]
    assert all(0 <= good < each <= 1 for each in bad)
    assert all(0 <= value <= 1 for value in signals(view(margin=None, present=())).values())
