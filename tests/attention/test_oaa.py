"""OAA's acceptance rule, its memory under crops and flips, and OAA+'s loss, against numbers worked out by hand."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from weakseg.attention.memory import ACCEPTED, GRID, PROVISIONAL, AttentionMemory, lay
from weakseg.attention.oaa import integral_loss, recognised
from weakseg.attention.samples import LabelledImages
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.augment import Augmentation

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0]])


def test_acceptance_by_hand() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0, 0.0]])
    for labels, expected in (
        ([1, 0, 0, 0], [True, False, False, False]),  # first of one
        ([0, 0, 1, 0], [False, False, False, False]),  # second, but only one is present
        ([1, 1, 0, 0], [True, False, False, False]),  # the second place belongs to an absent class
        ([0, 1, 1, 0], [False, False, True, False]),
        ([1, 1, 1, 0], [True, True, True, False]),
    ):
        assert recognised(scores, torch.tensor([labels]).float())[0].tolist() == expected


def memory_with_one_slot() -> AttentionMemory:
    memory = AttentionMemory()
    memory.enrol([("a", ["cat"])])
    return memory


def offer(memory: AttentionMemory, values: Tensor, accepted: bool, view: Tensor = WHOLE) -> Tensor:
    slot = torch.tensor([[memory.slot("a", "cat")]])
    memory.take(values[None, None], torch.tensor([[accepted]]), slot, view)
    recalled = memory.recall("a", "cat")
    assert recalled is not None
    return recalled


def flat(value: float) -> Tensor:
    return torch.full((GRID, GRID), value)


def test_maximum_of_what_was_accepted_after_the_first_visit() -> None:
    memory = memory_with_one_slot()
    assert memory.recall("a", "cat") is None
    assert offer(memory, flat(0.8), True).max() == pytest.approx(0.8, abs=0.003)
    assert int(memory.state[0]) == PROVISIONAL  # the first epoch is not accumulated
    assert offer(memory, flat(0.4), True).max() == pytest.approx(0.4, abs=0.003)
    assert int(memory.state[0]) == ACCEPTED  # and what was provisional is dropped
    half = flat(0.2)
    half[:, :20] = 0.6
    after = offer(memory, half, True)
    assert after[:, :20].unique().tolist() == pytest.approx([0.6], abs=0.003)
    assert after[:, 20:].unique().tolist() == pytest.approx([0.4], abs=0.003)
    assert torch.equal(offer(memory, flat(1.0), False), after)  # not recognised: not accepted


def test_a_class_never_recognised_keeps_its_last_attention() -> None:
    memory = memory_with_one_slot()
    for value in (0.3, 0.9, 0.5):
        last = offer(memory, flat(value), False)
    assert last.unique().tolist() == pytest.approx([0.5], abs=0.003)
    assert int(memory.state[0]) == PROVISIONAL


def test_a_crop_is_laid_where_it_lay() -> None:
    view = torch.tensor([[0.5, 0.25, 1.0, 0.75, 0.0]])  # the right half, the middle rows
    values = torch.zeros(1, 1, 20, 20)
    values[..., :10] = 1.0  # its left half
    laid, covered = lay(values, view)
    expected = torch.zeros(GRID, GRID, dtype=torch.bool)
    expected[10:30, 20:] = True
    assert torch.equal(covered[0, 0], expected)
    inside = laid[0, 0] * covered[0, 0]
    assert (inside[10:30, 20:29] == 1).all()
    assert (inside[10:30, 31:] == 0).all()


def test_a_mirrored_crop_is_turned_back() -> None:
    values = torch.rand(1, 1, 20, 20)
    view = torch.tensor([[0.1, 0.2, 0.8, 0.9, 0.0]])
    mirrored = view.clone()
    mirrored[0, 4] = 1.0
    plain, turned = lay(values, view), lay(values.flip(3), mirrored)
    torch.testing.assert_close(plain[0] * plain[1], turned[0] * turned[1], atol=1e-5, rtol=0)


def test_a_crop_of_a_known_map_comes_back_to_its_place() -> None:
    """Augmentation's geometry and the memory's agree: crop a picture of a blob, lay it, find the blob."""
    rows, columns = np.mgrid[0:120, 0:160]
    blob = np.exp(-((rows - 40) ** 2 + (columns - 110) ** 2) / 400.0)
    image = np.repeat((blob * 255).astype(np.uint8)[..., None], 3, axis=2)
    augmentation = Augmentation(96, (0.8, 1.3), None, True, 0.0, (0, 0, 0))
    seen = set()
    for seed in range(12):
        generator = np.random.default_rng(seed)
        view = augmentation.view(generator, image)
        crop = augmentation.cut_image(generator, image, view)[..., 0].astype(np.float32) / 255
        shares = torch.tensor([view.shares(96)])
        laid, covered = lay(torch.from_numpy(crop)[None, None], shares)
        centres = (np.arange(GRID) + 0.5) / GRID
        truth = np.exp(-((centres[:, None] * 120 - 40.5) ** 2 + (centres[None] * 160 - 110.5) ** 2) / 400.0)
        difference = np.abs(laid[0, 0].numpy() - truth)
        assert difference[covered[0, 0].numpy()].max() < 0.12
        seen.add(view.mirrored)
    assert seen == {True, False}


def test_order_and_batches_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    offers = [(n % 3, torch.rand(1, 12, 12, generator=generator), n % 4 != 0) for n in range(24)]

    def remembered(order: list[int], size: int) -> Tensor:
        memory = AttentionMemory()
        memory.enrol([(str(n), ["cat"]) for n in range(3)])
        memory.visits += 1  # as after the first epoch
        for start in range(0, len(order), size):
            rows = [offers[n] for n in order[start : start + size]]
            memory.take(
                torch.stack([values for _, values, _ in rows]),
                torch.tensor([[accepted] for _, _, accepted in rows]),
                torch.tensor([[slot] for slot, _, _ in rows]),
                WHOLE.repeat(len(rows), 1),
            )
        return memory.maps

    assert torch.equal(remembered(list(range(24)), 1), remembered(list(range(23, -1, -1)), 5))


def test_integral_loss_by_hand() -> None:
    scores = torch.tensor([[[[0.0, 2.0, -1.0, 0.5]]]])
    target = torch.tensor([[[[0.5, 1.0, 0.0, 0.001]]]])  # 0.001 itself is no positive
    losses = integral_loss(scores, target)
    positive = (0.5 * math.log(2) + math.log(1 + math.exp(-2))) / 2
    negative = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(0.5))) / 2
    assert losses["loss_positive"].item() == pytest.approx(positive)
    assert losses["loss_negative"].item() == pytest.approx(negative)


def test_samples_reach_data_workers_without_the_memorys_maps(tmp_path: Path) -> None:
    for number in range(100):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{number}.png")
    records = [Record(str(n), tmp_path / f"{n}.png", "train", ("dog",), None) for n in range(100)]
    memory = AttentionMemory()
    memory.enrol([(record.id, record.labels) for record in records])
    index = Index(records, ("cat", "dog"), (0, 1, 2))
    augmentation = Augmentation(
        crop=32, scales=(1.0, 1.0), resize=None, flip=False, color_jitter=0.0, fill=(0, 0, 0)
    )
    sent = pickle.dumps(LabelledImages(index, records, augmentation, memory))
    assert len(sent) < memory.maps.numel() / 2
    samples = pickle.loads(sent)
    assert samples.sample(7, np.random.default_rng(0))["slots"].tolist() == [-1, 7]
