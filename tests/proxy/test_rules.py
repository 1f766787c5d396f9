"""Every proxy rule on pixels worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weakseg.proxy.rules import RULES
from weakseg.proxy.rules.dcsp import DcspRule, dcsp
from weakseg.proxy.rules.oaa import OaaRule, oaa
from weakseg.proxy.rules.parts import harmonic_mean
from weakseg.proxy.rules.seenet import SeeNetRule, seenet
from weakseg.proxy.rules.threshold import ThresholdRule, threshold
from weakseg.proxy.settings import ProxyConfig

ROW = np.ndarray


def row(*values: float) -> ROW:
    return np.array([values], np.float32)


def maps(*rows: ROW) -> np.ndarray:
    return np.stack(rows)


def test_threshold() -> None:
    #              background  band  salient  salient,   rescued  salient but
    #                                cat      dog                 nobody attends
    saliency = row(0.1, 0.3, 0.9, 0.9, 0.1, 0.9)
    cat = row(0.3, 0.6, 0.6, 0.2, 0.1, 0.05)
    dog = row(0.2, 0.1, 0.1, 0.5, 0.8, 0.01)
    labels = threshold(saliency, maps(cat, dog), [8, 12], ThresholdRule(attention_least=0.1))
    assert labels.tolist() == [[0, 255, 8, 12, 12, 255]]


def test_threshold_leaves_background_that_attracts_attention_undecided() -> None:
    #              background  attended  rescued  salient
    labels = threshold(
        row(0.1, 0.1, 0.1, 0.9),
        maps(row(0.3, 0.4, 0.95, 0.6), row(0.0, 0.1, 0.1, 0.4)),
        [8, 12],
        ThresholdRule(rescue=0.9, background_attention=0.35),
    )
    assert labels.tolist() == [[0, 255, 8, 8]]


def test_seenet() -> None:
    # w = 1.5: Q = 2.5 / (1.5 / A + 1 / D)
    saliency = row(0.8, 0.1, 0.9, 0.12)
    cat = row(0.6, 0.9, 0.8, 1.0)
    dog = row(0.2, 0.0, 0.75, 0.0)
    labels = seenet(saliency, maps(cat, dog), [1, 2], SeeNetRule())
    mean = harmonic_mean(saliency, maps(cat, dog), 1.5)
    assert mean[0, 0, 0] == pytest.approx(2.5 / (1.5 / 0.6 + 1 / 0.8), abs=1e-5)
    # second: Q_cat = 2.5 / (1.67 + 10) = 0.21 < 0.9; third: both classes attract more than 0.7;
    # fourth: Q_cat = 2.5 / (1.5 + 8.33) = 0.25 < 0.88
    assert labels.tolist() == [[1, 0, 255, 0]]


def test_seenet_class_pixels_need_saliency() -> None:
    # with a low weight on background the class wins at D = 0.5; 0.6 is asked for
    labels = seenet(row(0.55), maps(row(1.0)), [3], SeeNetRule(saliency_low=0.6))
    assert labels.tolist() == [[255]]


def test_dcsp() -> None:
    # 2 / (1 / 0.5 + 1 / 0.4) = 0.444 ≥ 0.4; 2 / (1 / 0.3 + 1 / 0.4) = 0.343 < 0.4
    saliency, attention = row(0.4, 0.4, 0.9), maps(row(0.5, 0.3, 0.1), row(0.1, 0.1, 0.8))
    assert dcsp(saliency, attention, [1, 2], DcspRule()).tolist() == [[1, 0, 2]]
    assert harmonic_mean(saliency, attention)[0, 0, 0] == pytest.approx(0.4444, abs=1e-4)


def oaa_labels(saliency: ROW, attention: np.ndarray, present: list[int]) -> list[list[int]]:
    result: list[list[int]] = oaa(saliency, attention, present, OaaRule(least_foreground=0.0)).tolist()
    return result


def test_oaa() -> None:
    #              plain bg  class  all scores < 0.3   bg and class > 0.9  bg, but salient 0.2
    saliency = row(0.05, 0.9, 0.75, 0.05, 0.2)
    attention = row(0.1, 0.6, 0.2, 0.95, 0.1)
    assert oaa_labels(saliency, maps(attention), [5]) == [[0, 5, 255, 255, 255]]


def test_oaa_background_with_much_attention_is_undecided() -> None:
    assert oaa_labels(row(0.05), maps(row(0.85)), [5]) == [[255]]


def test_oaa_two_sure_classes_are_undecided() -> None:
    assert oaa_labels(row(0.9), maps(row(0.95), row(0.92)), [1, 2]) == [[255]]


def test_oaa_image_without_foreground() -> None:
    saliency, attention = np.zeros((10, 20), np.float32), np.zeros((1, 10, 20), np.float32)
    saliency[0, 0], attention[0, 0, 0] = 1.0, 1.0
    assert (oaa(saliency, attention, [1], OaaRule()) == 255).all()  # 1 of 200 pixels is 0.5 %
    saliency[0, 1], attention[0, 0, 1] = 1.0, 1.0
    labels = oaa(saliency, attention, [1], OaaRule())  # 1 % is enough
    assert (labels == 1).sum() == 2
    assert (labels == 0).sum() == 198


unit = st.floats(0, 1, width=32)


@pytest.mark.parametrize("name", RULES)
@given(
    saliency=arrays(np.float32, (4, 5), elements=unit),
    attention=arrays(np.float32, (2, 4, 5), elements=unit),
)
def test_no_rule_invents_a_class(name: str, saliency: np.ndarray, attention: np.ndarray) -> None:
    labels = RULES[name].maker()(saliency, attention, [3, 7], RULES[name]())
    assert labels.shape == (4, 5)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 3, 7, 255}


@pytest.mark.parametrize("name", RULES)
def test_image_without_classes_has_no_foreground(name: str) -> None:
    labels = RULES[name].maker()(
        np.full((4, 5), 0.9, np.float32), np.zeros((0, 4, 5), np.float32), [], RULES[name]()
    )
    assert set(np.unique(labels)) <= {0, 255}


@pytest.mark.parametrize("name", RULES)
def test_a_declaration_is_what_the_configuration_takes(name: str) -> None:
    assert isinstance(ProxyConfig(rule=name).own, RULES[name])
