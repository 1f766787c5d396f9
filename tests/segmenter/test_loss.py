"""Losses against their formulas, and the plain one against what it always was."""

import pytest
import torch
import torch.nn.functional as functional

from weakseg.segmenter.loss import PixelLoss

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(2, 3, 6, 7, generator=GENERATOR)
LABELS = torch.randint(0, 3, (2, 6, 7), generator=GENERATOR)
LABELS[0, :3] = 255
DECIDED = LABELS != 255


def probabilities() -> torch.Tensor:
    """Of the labels, decided pixels only."""
    chosen = LOGITS.softmax(1).gather(1, LABELS.clamp(max=2)[:, None])[:, 0]
    return chosen[DECIDED]


def test_plain_is_the_mean_over_decided_pixels() -> None:
    expected = functional.cross_entropy(LOGITS, LABELS, ignore_index=255)
    torch.testing.assert_close(PixelLoss()(LOGITS, LABELS), expected)


def test_bootstrapped_believes_itself_a_fifth() -> None:
    own = LOGITS.softmax(1).amax(1)[DECIDED]
    expected = -(0.8 * probabilities().log() + 0.2 * own.log()).mean()
    torch.testing.assert_close(PixelLoss("bootstrapped")(LOGITS, LABELS), expected)


def test_symmetric_by_its_definition() -> None:
    """−Σ q log t with log 0 = −4, summed over the classes."""
    targets = functional.one_hot(LABELS.clamp(max=2), 3).permute(0, 3, 1, 2).float()
    logarithm = torch.where(targets > 0, 0.0, -4.0)
    reverse = -(LOGITS.softmax(1) * logarithm).sum(1)[DECIDED]
    expected = (0.1 * -probabilities().log() + reverse).mean()
    torch.testing.assert_close(PixelLoss("symmetric")(LOGITS, LABELS), expected)


def test_symmetric_bounds_what_a_wrong_label_costs() -> None:
    sure_and_wrong = torch.tensor([[50.0], [0.0]])[None, :, :, None]
    label = torch.ones(1, 1, 1, dtype=torch.long)
    assert PixelLoss()(sure_and_wrong, label) == pytest.approx(50)
    assert PixelLoss("symmetric")(sure_and_wrong, label) == pytest.approx(0.1 * 50 + 4)


@pytest.mark.parametrize("kind", ["cross_entropy", "bootstrapped", "symmetric"])
def test_balance_gives_both_sides_half(kind: str) -> None:
    sides = []
    for side in (LABELS == 0, (LABELS > 0) & DECIDED):
        alone = torch.where(side, LABELS, 255)
        sides.append(PixelLoss(kind)(LOGITS, alone))
    expected = (sides[0] + sides[1]) / 2
    torch.testing.assert_close(PixelLoss(kind, "foreground")(LOGITS, LABELS), expected)
    only = torch.where(LABELS == 0, LABELS, 255)
    torch.testing.assert_close(PixelLoss(kind, "foreground")(LOGITS, only), sides[0])


@pytest.mark.parametrize("kind", ["cross_entropy", "bootstrapped", "symmetric"])
@pytest.mark.parametrize("balance", ["none", "foreground"])
def test_undecided_pixels_cost_and_teach_nothing(kind: str, balance: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = PixelLoss(kind, balance)(logits, LABELS)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[0, :, :3].any()
    assert logits.grad[0, :, 3:].any()
    assert PixelLoss(kind, balance)(LOGITS, torch.full_like(LABELS, 255)) == 0
