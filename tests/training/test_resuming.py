"""A training that was killed goes on where its network is: on another device, or in another type, than it was built.

The stand-in for a GPU is Fabric's precision `64-true`: `setup` brings the network to float64, as it would to a device,
and an optimiser's state that was loaded before stays behind and is refused by the first step.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric.plugins.precision.amp import MixedPrecision
from torch import Tensor, nn

import brightness
from brightness import Brightness, Images, network, same
from weakseg.training.checkpoint import load_checkpoint
from weakseg.training.fabric import Fabric
from weakseg.training.history import HISTORY, read_history
from weakseg.training.loop import fit
from weakseg.training.sampling import Samples, seed_step
from weakseg.training.settings import TrainingConfig

OPTIONS = {name: value for name, value in brightness.OPTIONS.items() if name != "precision"} | {
    "iterations": 10,
    "checkpoint_every": 5,
}


class Cut(Exception):
    """The kill."""


class CutShort:
    """Samples that are cut off, as by a kill, at a position of their order."""

    def __init__(self, samples: Samples, after: int) -> None:
        self._samples, self._left = samples, after
        self.portions = getattr(samples, "portions", ())

    def __len__(self) -> int:
        return len(self._samples)

    def name(self, item: int) -> str:
        return self._samples.name(item)

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        if self._left == 0:
            raise Cut
        self._left -= 1
        return self._samples.sample(item, generator)


def moved(**options: Any) -> Fabric:
    fabric = Fabric(accelerator="cpu", devices=1, **options)
    fabric.launch()
    return fabric


def killed_and_resumed(
    folder: Path,
    build: Callable[[], nn.Module],
    samples: Callable[[nn.Module], Samples],
    fabric: Callable[[], Fabric],
    **changes: Any,
) -> tuple[nn.Module, nn.Module]:
    """Networks of a training that was killed in its second half, after the first half was saved, and of a whole one."""
    options = OPTIONS | changes
    ends = []
    for name, kills in (("killed", True), ("whole", False)):
        model = build()
        if kills:
            cut = CutShort(samples(model), (options["iterations"] - 1) * options["batch_size"])
            with pytest.raises(Cut):
                fit(fabric(), model, cut, folder / name, "m", TrainingConfig(**options))
            saved = load_checkpoint(folder / name, "m")
            assert saved is not None
            assert saved["iteration"] == options["checkpoint_every"]
            model = build()
        fit(fabric(), model, samples(model), folder / name, "m", TrainingConfig(**options))
        ends.append(model)
    return ends[0], ends[1]


@pytest.fixture
def float_is_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """What networks ask to be float32 is float64, so that they compute in the type that `64-true` gives them."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)


@pytest.mark.usefixtures("float_is_double")
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_optimisers_state_follows_the_network(tmp_path: Path, optimizer: str) -> None:
    """Found by reading Lightning's issue 19225: on a GPU a resumed training could not take its first step."""
    resumed, whole = killed_and_resumed(
        tmp_path, network, lambda _: Images(), lambda: moved(precision="64-true"), optimizer=optimizer
    )
    assert next(resumed.parameters()).dtype == torch.float64
    assert same(resumed, whole)


def half() -> Fabric:
    """Float16 with a loss scale that grows every third step; Fabric itself offers it on a GPU alone."""
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
    return moved(plugins=[MixedPrecision("16-mixed", "cpu", scaler)])


def test_the_loss_scale_belongs_to_the_checkpoint(tmp_path: Path) -> None:
    resumed, whole = killed_and_resumed(tmp_path, network, lambda _: Images(), half)
    assert same(resumed, whole)
    ends = [load_checkpoint(tmp_path / name, "m") for name in ("killed", "whole")]
    assert [end["precision"]["scale"] for end in ends if end] == [2048.0, 2048.0]  # 256, grown three times


def test_the_gradients_norm_is_that_before_clipping_and_without_the_loss_scale(tmp_path: Path) -> None:
    def norms(name: str, fabric: Fabric, **changes: Any) -> list[float]:
        fit(
            fabric,
            network(),
            Images(),
            tmp_path / name,
            "m",
            TrainingConfig(**OPTIONS | {"iterations": 1} | changes),
        )
        return [float(row["gradient_norm"]) for row in read_history(tmp_path / name / HISTORY)]

    model, images = network().to(memory_format=torch.channels_last), Images()  # dropout falls by the layout
    batch = torch.utils.data.default_collate(
        [images.sample(*drawn) for drawn in first_batch(OPTIONS["seed"], len(images), OPTIONS["batch_size"])]
    )
    batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
    seed_step(OPTIONS["seed"], 0, 0)
    model.losses(batch)["loss_bright"].backward()
    expected = float(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm())
    assert norms("whole", moved()) == pytest.approx([expected], rel=1e-5)
    assert norms("clipped", moved(), clip_gradient=1e-3) == pytest.approx([expected], rel=1e-5)
    assert norms("free", moved(), clip_gradient=0.0) == pytest.approx([expected], rel=1e-5)
    assert norms("half", half(), clip_gradient=0.0) == pytest.approx([expected], rel=0.05)


def first_batch(seed: int, items: int, size: int) -> list[tuple[int, np.random.Generator]]:
    order = np.random.default_rng([seed, 0]).permutation(items)
    return [(int(order[place]), np.random.default_rng([seed, 0, place])) for place in range(size)]


class Overflowing(Brightness):
    """Its second step's gradient is too large for any loss scale of float16."""

    steps = 0

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.steps += 1
        losses = super().losses(batch)
        return {name: value * (1e30 if self.steps == 2 else 1.0) for name, value in losses.items()}


def test_a_step_that_the_loss_scale_left_out_does_not_count_in_the_norm(tmp_path: Path) -> None:
    torch.manual_seed(5)
    fit(half(), Overflowing(), Images(), tmp_path, "m", TrainingConfig(**OPTIONS))
    assert all(0 < float(row["gradient_norm"]) < 100 for row in read_history(tmp_path / HISTORY))


class Drawn:
    """Eight images of noise, with what any room learns from: labels, masks, label maps, boxes, places in a memory."""

    def __len__(self) -> int:
        return 8

    def name(self, item: int) -> str:
        return str(item)

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        image = generator.integers(0, 256, (3, 32, 32), dtype=np.uint8)
        there = torch.zeros(32, 32, dtype=torch.uint8)
        there[8:24, 8:24] = 1
        return {
            "image": torch.from_numpy(image),
            "mask": there,
            "target": torch.stack([there.float(), 1.0 - there.float()]).to(torch.float32),
            "slots": torch.tensor([item, -1]),
            "view": torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0]),
            "boxes": torch.tensor([[8.0, 8.0, 24.0, 24.0]]),
        }


class Seen(Drawn):
    """Of every image the first class, as a label of the image."""

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        return super().sample(item, generator) | {"labels": torch.tensor([1.0, 0.0])}


class Painted(Drawn):
    """Of every image the first class, as a label map."""

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        drawn = super().sample(item, generator)
        return drawn | {"labels": drawn["mask"]}


class Boxed(Drawn):
    """Of every image the first class, as the label of its box."""

    def sample(self, item: int, generator: np.random.Generator) -> dict[str, Tensor]:
        return super().sample(item, generator) | {"labels": torch.tensor([1])}


def attention(method: str) -> nn.Module:
    from weakseg.attention.network import build
    from weakseg.attention.settings import AttentionConfig

    backbone = {"architecture": "vgg_small", "weights": "none"}
    built = build(AttentionConfig.model_validate({"method": method, "backbone": backbone}), 2)
    if built.memory is not None:
        built.memory.enrol([(str(item), ["first"]) for item in range(8)])
    return built


def affinity(method: str) -> nn.Module:
    from weakseg.affinity.network import build
    from weakseg.affinity.settings import AffinityConfig

    backbone = {"architecture": "vgg_small", "weights": "none"}
    return build(AffinityConfig.model_validate({"method": method, "backbone": backbone}))


def segmenter(method: str) -> nn.Module:
    from weakseg.segmenter.network import build
    from weakseg.segmenter.settings import SegmenterConfig

    values = {"method": method, "backbone": {"architecture": "vgg_small", "weights": "none"}}
    return build(SegmenterConfig(**values, loss="symmetric", balance="foreground"), 2)


def detector(_: str) -> nn.Module:
    from weakseg.detector.network import Detector
    from weakseg.detector.settings import DetectorConfig

    backbone = {"architecture": "vgg_small", "weights": "none"}
    few = {"channels": 16, "width": 32, "proposals": 16}
    return Detector(DetectorConfig(backbone=backbone, stride=8, anchors=[8, 16], **few), 2)


def saliency(_: str) -> nn.Module:
    from weakseg.saliency.methods.small import SmallSaliency, SmallSettings

    return SmallSaliency(SmallSettings())


ROOMS: dict[str, tuple[Callable[[str], nn.Module], type[Drawn]]] = {
    "saliency small": (saliency, Drawn),
    "attention seenet": (attention, Seen),
    "attention spg": (attention, Seen),
    "attention oaa": (attention, Seen),
    "attention oaa_plus": (attention, Seen),
    "attention acol": (attention, Seen),
    "attention cam": (attention, Seen),
    "affinity psa": (affinity, Painted),
    "affinity irn": (affinity, Painted),
    "segmenter largefov": (segmenter, Painted),
    "segmenter deformable": (segmenter, Painted),
    "segmenter fcn8s": (segmenter, Painted),
    "detector vgg_small": (detector, Boxed),
}


@pytest.mark.usefixtures("float_is_double")
@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.slow
def test_every_room_resumes_where_its_network_is(tmp_path: Path, room: str) -> None:
    build, samples = ROOMS[room]

    def built() -> nn.Module:
        torch.manual_seed(1)
        return build(room.split()[1])

    resumed, whole = killed_and_resumed(
        tmp_path,
        built,
        lambda _: samples(),
        lambda: moved(precision="64-true"),
        optimizer="adamw",
        learning_rate=1e-4,
        batch_size=2,
        iterations=4,
        checkpoint_every=2,
    )
    assert same(resumed, whole)
    if room == "attention oaa":
        assert int(resumed.memory.visits.sum()) == 8  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_keeps_a_tensor_that_would_not_move_with_its_network(room: str) -> None:
    """Parameters and buffers go to a GPU; a tensor in a plain attribute would stay behind."""
    network = ROOMS[room][0](room.split()[1])
    kept = [
        f"{name}.{key}"
        for name, module in network.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, Tensor)
    ]
    assert kept == []
    network.to("meta")
    assert {value.device.type for value in network.state_dict().values()} == {"meta"}


def on_timm(room: str, model: str, frozen: bool) -> nn.Module:
    from weakseg.attention.network import build as build_attention
    from weakseg.attention.settings import AttentionConfig
    from weakseg.segmenter.network import build as build_segmenter
    from weakseg.segmenter.settings import SegmenterConfig

    torch.manual_seed(5)
    backbone = {"architecture": f"timm/{model}", "weights": "none"}
    built: Any = (
        build_attention(AttentionConfig.model_validate({"method": "cam", "backbone": backbone}), 2)
        if room == "attention"
        else build_segmenter(SegmenterConfig(method="deeplab_v3_plus", backbone=backbone), 2)
    )
    if frozen:
        built.backbone.freeze_normalization()
    return built


@pytest.mark.parametrize(
    ("room", "model", "frozen"),
    [
        ("attention", "regnetx_002", False),
        ("attention", "convnext_atto", False),
        ("attention", "vit_tiny_patch16_224", False),
        ("segmenter", "mobilenetv4_conv_small_035", True),
        ("segmenter", "pvt_v2_b0", False),
    ],
)
def test_models_of_timm_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: str, model: str, frozen: bool
) -> None:
    """With layers that are skipped at random, and with normalisation that learns or stays."""
    import timm

    dropping = partial(timm.create_model, drop_path_rate=0.3)
    monkeypatch.setattr(timm, "create_model", dropping)
    assert any(type(part).__name__ == "DropPath" for part in on_timm(room, model, frozen).modules())
    samples = Seen if room == "attention" else Painted
    resumed, whole = killed_and_resumed(
        tmp_path,
        lambda: on_timm(room, model, frozen),
        lambda _: samples(),
        moved,
        iterations=6,
        checkpoint_every=3,
        optimizer="adamw",
        learning_rate=1e-4,
        precision="fp32",
    )
    assert same(resumed, whole)
    built = on_timm(room, model, frozen)
    assert not same(resumed, built)
    normal = {
        f"{place}.{key}"
        for place, part in built.backbone.named_modules()  # type: ignore[union-attr,operator]
        if isinstance(part, nn.BatchNorm2d)
        for key in part.state_dict()
    }
    before, after = built.backbone.state_dict(), resumed.backbone.state_dict()  # type: ignore[union-attr,operator]
    moved_on = [key for key in normal if not torch.equal(before[key], after[key])]
    assert bool(moved_on) == (bool(normal) and not frozen)
