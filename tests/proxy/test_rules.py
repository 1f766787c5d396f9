"""Every proxy rule on pixels worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weakseg.proxy.rules import RULES, dcsp, oaa, seenet, threshold
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
    _, labels = threshold(
        saliency,
        maps(cat, dog),
        [8, 12],
        saliency_low=0.2,
        saliency_high=0.4,
        attention_least=0.1,
        rescue=0.7,
        background_attention=1.0,
    )
    assert labels.tolist() == [[0, 255, 8, 12, 12, 255]]


def test_threshold_leaves_background_that_attracts_attention_undecided() -> None:
    #              background  attended  rescued  salient
    _, labels = threshold(
        row(0.1, 0.1, 0.1, 0.9),
        maps(row(0.3, 0.4, 0.95, 0.6), row(0.0, 0.1, 0.1, 0.4)),
        [8, 12],
        saliency_low=0.2,
        saliency_high=0.4,
        attention_least=0.0,
        rescue=0.9,
        background_attention=0.35,
    )
    assert labels.tolist() == [[0, 255, 8, 8]]


def test_seenet() -> None:
    # w = 1.5: Q = 2.5 / (1.5 / A + 1 / D)
    saliency = row(0.8, 0.1, 0.9, 0.12)
    cat = row(0.6, 0.9, 0.8, 1.0)
    dog = row(0.2, 0.0, 0.75, 0.0)
    scores, labels = seenet(saliency, maps(cat, dog), [1, 2], weight=1.5, conflict=0.7, saliency_low=32 / 255)
    assert scores[1, 0, 0] == pytest.approx(2.5 / (1.5 / 0.6 + 1 / 0.8), abs=1e-5)
    assert scores[0, 0, 0] == pytest.approx(0.2, abs=1e-6)
    # second: Q_cat = 2.5 / (1.67 + 10) = 0.21 < 0.9; third: both classes attract more than 0.7;
    # fourth: Q_cat = 2.5 / (1.5 + 8.33) = 0.25 < 0.88
    assert labels.tolist() == [[1, 0, 255, 0]]


def test_seenet_class_pixels_need_saliency() -> None:
    # with a low weight on background the class wins at D = 0.5; 0.6 is asked for
    _, labels = seenet(row(0.55), maps(row(1.0)), [3], weight=1.5, conflict=0.7, saliency_low=0.6)
    assert labels.tolist() == [[255]]


def test_dcsp() -> None:
    # 2 / (1 / 0.5 + 1 / 0.4) = 0.444 ≥ 0.4; 2 / (1 / 0.3 + 1 / 0.4) = 0.343 < 0.4
    scores, labels = dcsp(
        row(0.4, 0.4, 0.9), maps(row(0.5, 0.3, 0.1), row(0.1, 0.1, 0.8)), [1, 2], background=0.4
    )
    assert labels.tolist() == [[1, 0, 2]]
    assert scores[1, 0, 0] == pytest.approx(0.4444, abs=1e-4)


def oaa_labels(saliency: ROW, attention: np.ndarray, present: list[int]) -> list[list[int]]:
    options = ProxyConfig().oaa.model_dump() | {"least_foreground": 0.0}
    result: list[list[int]] = oaa(saliency, attention, present, **options)[1].tolist()
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
    options = ProxyConfig().oaa.model_dump()
    saliency, attention = np.zeros((10, 20), np.float32), np.zeros((1, 10, 20), np.float32)
    saliency[0, 0], attention[0, 0, 0] = 1.0, 1.0
    assert (oaa(saliency, attention, [1], **options)[1] == 255).all()  # 1 of 200 pixels is 0.5 %
    saliency[0, 1], attention[0, 0, 1] = 1.0, 1.0
    labels = oaa(saliency, attention, [1], **options)[1]  # 1 % is enough
    assert (labels == 1).sum() == 2
    assert (labels == 0).sum() == 198


unit = st.floats(0, 1, width=32)


@pytest.mark.parametrize("name", sorted(RULES))
@given(
    saliency=arrays(np.float32, (4, 5), elements=unit),
    attention=arrays(np.float32, (2, 4, 5), elements=unit),
)
def test_no_rule_invents_a_class(name: str, saliency: np.ndarray, attention: np.ndarray) -> None:
    options = getattr(ProxyConfig(), name).model_dump()
    scores, labels = RULES[name](saliency, attention, [3, 7], **options)
    assert scores.shape == (3, 4, 5)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 3, 7, 255}


@pytest.mark.parametrize("name", sorted(RULES))
def test_image_without_classes_has_no_foreground(name: str) -> None:
    options = getattr(ProxyConfig(), name).model_dump()
    labels = RULES[name](np.full((4, 5), 0.9, np.float32), np.zeros((0, 4, 5), np.float32), [], **options)[1]
    assert set(np.unique(labels)) <= {0, 255}
