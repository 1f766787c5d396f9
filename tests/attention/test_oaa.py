"""OAA's acceptance rule, its memory under crops and flips, and OAA+'s loss, against numbers worked out by hand."""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from weakseg.attention.network import enrol
from weakseg.attention.networks.attention_memory import ACCEPTED, GRID, PROVISIONAL, AttentionMemory, lay
from weakseg.attention.networks.oaa import (
    Oaa,
    OaaPlus,
    OaaPlusSettings,
    OaaSettings,
    integral_loss,
    recognised,
)
from weakseg.attention.samples import LabelledImages
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.training.augment import Crops
from weakseg.training.settings import TrainingConfig

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
    memory.take(7.0 * values[None, None], torch.tensor([[accepted]]), slot, view)
    recalled = memory.recall("a", "cat")
    assert recalled is not None
    return recalled


def flat(value: float) -> Tensor:
    """A map with the value everywhere but in one corner, where its maximum of 1 is."""
    values = torch.full((GRID, GRID), value)
    values[-1, -1] = 1.0
    return values


def rest(values: Tensor) -> Tensor:
    """All but that corner's row and column."""
    return values[:-1, :-1]


def test_maximum_of_what_was_accepted_after_the_first_visit() -> None:
    memory = memory_with_one_slot()
    assert memory.recall("a", "cat") is None
    assert rest(offer(memory, flat(0.8), True)).max() == pytest.approx(0.8, abs=0.003)
    assert int(memory.state[0]) == PROVISIONAL  # the first epoch is not accumulated
    assert rest(offer(memory, flat(0.4), True)).max() == pytest.approx(0.4, abs=0.003)
    assert int(memory.state[0]) == ACCEPTED  # and what was provisional is dropped
    half = flat(0.2)
    half[:, :20] = 0.6
    after = offer(memory, half, True)
    assert after[:, :20].unique().tolist() == pytest.approx([0.6], abs=0.003)
    assert rest(after)[:, 20:].unique().tolist() == pytest.approx([0.4], abs=0.003)
    assert torch.equal(offer(memory, flat(1.0), False), after)  # not recognised: not accepted


def test_a_class_never_recognised_keeps_its_last_attention() -> None:
    memory = memory_with_one_slot()
    for value in (0.3, 0.9, 0.5):
        last = offer(memory, flat(value), False)
    torch.testing.assert_close(rest(last), torch.full_like(rest(last), 0.5), atol=0.003, rtol=0)
    assert int(memory.state[0]) == PROVISIONAL


def test_a_view_without_its_whole_image_is_refused() -> None:
    memory = memory_with_one_slot()
    with pytest.raises(ValueError, match="whole image"):
        offer(memory, flat(0.5), True, torch.tensor([[0.5, 0.0, 1.0, 1.0, 0.0]]))


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
    augmentation = Crops(TrainingConfig(crop=96, scales=(0.8, 1.3)), (0, 0, 0))
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


def samples_of(folder: Path, image: np.ndarray, network: Oaa) -> LabelledImages:
    """One image of a cat as training gives it to this network."""
    Image.fromarray(image).save(folder / "a.png")
    index = Index((Record("a", folder / "a.png", "train", ("cat",), None),), ("cat",), (0, 1))
    enrol(network, index)
    augmentation = Crops(TrainingConfig(crop=96, scales=(0.8, 1.3)), (0, 0, 0), whole=True)
    return LabelledImages(index, index.records, augmentation, network.memory)


class BrightnessIsAttention(Oaa):
    """Its score is the brightness of each 8×8 pixels, always above zero."""

    def scores(self, images: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images[:, :1].float(), 8) * self.gain

    def __init__(self) -> None:
        super().__init__("vgg_small", 1, OaaSettings())
        self.gain = torch.nn.Parameter(torch.ones(()))


def test_a_view_beside_the_object_does_not_lift_the_background(tmp_path: Path) -> None:
    """The object scores 200, the background 32, a share of 0.16, and crops of half the image often miss the object.

    Divided by each crop's own maximum the background rose to 1.00 within these 30 views; it stays at 0.16.
    """
    image = np.full((160, 240, 3), 32, np.uint8)
    image[16:56, 176:224] = 200
    network = BrightnessIsAttention()
    samples = samples_of(tmp_path, image, network)
    for seed in range(30):
        sample = samples.sample(0, np.random.default_rng(seed))
        network.losses({name: value[None] for name, value in sample.items()})
    recalled = network.memory.recall("a", "cat")
    assert recalled is not None
    assert int(network.memory.state[0]) == ACCEPTED
    assert recalled[6:12, 31:36].min() > 0.8  # the object
    assert recalled[20:, :25].max() == pytest.approx(0.16, abs=0.01)


def test_every_view_of_a_network_with_a_memory_shows_its_whole_image(tmp_path: Path) -> None:
    samples = samples_of(tmp_path, np.zeros((60, 200, 3), np.uint8), Oaa("vgg_small", 1, OaaSettings()))
    for seed in range(20):
        left, top, right, bottom, _ = samples.sample(0, np.random.default_rng(seed))["view"].tolist()
        assert left <= 0
        assert top <= 0
        assert right >= 1
        assert bottom >= 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_memory_is_integer_buffers_that_a_change_of_format_leaves_alone(dtype: torch.dtype) -> None:
    network = Oaa("vgg_small", 1, OaaSettings(drop=True))
    network.memory.enrol([("a", ["cat"])])
    for value in (0.8, 0.4, 0.3):
        offer(network.memory, flat(value), True)
    kept = {name: value.clone() for name, value in network.memory.state_dict().items()}
    assert set(kept) == {name for name, _ in network.memory.named_buffers()}
    assert {value.dtype for value in kept.values()} == {torch.uint8, torch.int32}
    resumed = Oaa("vgg_small", 1, OaaSettings(drop=True))
    resumed.memory.enrol([("a", ["cat"])])
    resumed.load_state_dict(network.state_dict())
    resumed.to(dtype)
    assert all(torch.equal(value, kept[name]) for name, value in resumed.memory.state_dict().items())
    for memory in (network.memory, resumed.memory):
        offer(memory, flat(0.6), True)
    assert torch.equal(network.memory.maps, resumed.memory.maps)
    assert torch.equal(network.memory.last, resumed.memory.last)


def test_the_memory_stays_where_the_network_is() -> None:
    memory = AttentionMemory(keeps_last=True).to("meta")
    memory.enrol([("a", ["cat"])])
    assert {value.device.type for value in memory.buffers()} == {"meta"}


def test_what_was_accepted_last_is_seen_where_the_view_shows_it() -> None:
    memory = AttentionMemory(keeps_last=True)
    memory.enrol([("a", ["cat"]), ("b", ["cat"])])
    values = torch.zeros(GRID, GRID)
    values[:, 30:] = 1.0  # the right quarter
    for _ in range(2):  # the first visit is not accepted
        offer(memory, values, True)
    view = torch.tensor([[-0.5, 0.0, 1.5, 1.0, 0.0]] * 3)  # the image in the middle half
    view[1, 4] = 1.0  # the second one mirrored
    hidden = memory.attended(torch.tensor([[0], [0], [1]]), view, (10, 80), 0.6)[:, 0]
    assert hidden[0, 0].nonzero().flatten().tolist() == list(range(50, 60))
    assert hidden[1, 0].nonzero().flatten().tolist() == list(range(20, 30))
    assert not hidden[2].any()  # never accepted
    offer(memory, flat(0.5), True)
    assert (
        memory.attended(torch.tensor([[0]]), WHOLE, (40, 40), 0.6).sum() == 1
    )  # the last map, not their maximum


def test_drop_hides_the_last_attention_of_half_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = Oaa("vgg_small", 1, OaaSettings(drop=True))
    network.memory.enrol([("a", ["cat"])])
    values = torch.zeros(GRID, GRID)
    values[:, :20] = 1.0
    for _ in range(2):
        offer(network.memory, values, True)
    given: list[Tensor] = []
    monkeypatch.setattr(
        network, "scores", lambda images: given.append(images) or torch.zeros(len(images), 1, 4, 4)
    )
    count = 200
    images = torch.full((count, 3, 32, 32), 9, dtype=torch.uint8)
    batch = {
        "image": images,
        "labels": torch.ones(count, 1),
        "slots": torch.zeros(count, 1, dtype=torch.int64),
    }
    network.losses(batch | {"view": WHOLE.repeat(count, 1)})
    hidden = (given[0] == network.backbone.mean).all(dim=1)
    assert not hidden[:, :, 16:].any()
    whole = hidden[:, :, :16].flatten(1)
    assert torch.equal(whole.all(dim=1), whole.any(dim=1))
    assert 0.4 < whole.all(dim=1).float().mean() < 0.6
    assert (given[0][~hidden[:, None].expand_as(given[0])] == 9).all()


def test_loss_is_averaged_over_classes() -> None:
    torch.manual_seed(0)
    network = Oaa("vgg_small", 3, OaaSettings()).eval()
    network.memory.enrol([])
    images, labels = torch.randint(0, 256, (2, 3, 64, 64)), torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    batch = {"image": images, "labels": labels, "slots": torch.full((2, 3), -1), "view": WHOLE.repeat(2, 1)}
    p = network.class_scores(images).sigmoid()
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    torch.testing.assert_close(network.losses(batch)["loss_class"], expected)


@pytest.mark.parametrize(("made", "settings"), [(Oaa, OaaSettings()), (OaaPlus, OaaPlusSettings())])
def test_layers_and_rates_of_the_released_network(made: Any, settings: Any) -> None:
    network = made("vgg16", 20, settings)
    new = 3 * (512 * 512 * 9 + 512) + 512 * 20 + 20
    assert sum(p.numel() for p in network.parameters()) == 14_714_688 + new  # VGG16's convolutions
    fifth = [m for m in network.backbone.stages[4] if isinstance(m, torch.nn.Conv2d)]
    assert [m.dilation for m in fifth] == [(2, 2)] * 3
    pools = [m for m in network.backbone.modules() if isinstance(m, torch.nn.MaxPool2d)]
    assert [(m.kernel_size, m.stride, m.padding) for m in pools] == [(2, 2, 0)] * 3 + [(3, 1, 1)]
    with torch.no_grad():
        assert network.eval().scores(torch.zeros(1, 3, 224, 224)).shape == (1, 20, 28, 28)
    rates = {
        id(p): (group.rate, group.decay) for group in network.parameter_groups() for p in group.parameters
    }
    found = {
        (name.partition(".")[0], name.rpartition(".")[2]): rates[id(p)]
        for name, p in network.named_parameters()
    }
    assert found == {
        ("backbone", "weight"): (1.0, 1.0),
        ("backbone", "bias"): (2.0, 1.0),
        ("head", "weight"): (10.0, 1.0),
        ("head", "bias"): (20.0, 1.0),
    }


def test_both_read_outs_of_the_integral_attention() -> None:
    torch.manual_seed(0)
    network = OaaPlus("vgg_small", 2, OaaPlusSettings()).eval()
    images, labels = torch.randint(0, 256, (1, 3, 64, 64)), torch.ones(1, 2)
    scores = network.scores(images)
    shift = scores.median()
    network.head[-1].bias.data -= shift  # half of the scores are negative
    scores = scores - shift
    positive = scores.clamp(min=0)
    maps = network.attention(images, labels)[0]
    torch.testing.assert_close(maps, positive / (positive.amax(dim=(2, 3), keepdim=True) + 1e-8))
    assert (maps == 0).any()
    network.read_out = "sigmoid"
    maps = network.attention(images, labels)[0]
    torch.testing.assert_close(maps, scores.sigmoid() / scores.sigmoid().amax(dim=(2, 3), keepdim=True))


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
    augmentation = Crops(TrainingConfig(crop=32, scales=(1.0, 1.0), flip=False), (0, 0, 0))
    sent = pickle.dumps(LabelledImages(index, records, augmentation, memory))
    assert len(sent) < memory.maps.numel() / 2
    samples = pickle.loads(sent)
    assert samples.sample(7, np.random.default_rng(0))["slots"].tolist() == [-1, 7]
