"""What a GPU makes of weakseg, in under five minutes, from a checkout and without a network.

    python benchmarks/gpu.py                      # writes benchmarks/results/gpu.jsonl
    python benchmarks/gpu.py --device cpu --smoke # a look at it without a GPU: tiny, and no figure to keep

Weights are random and images generated. Each row is a line of JSON, written as soon as it is measured. A part whose
package is missing, or that fails, is a row that says so; the others go on.
"""

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click

SECONDS = 270.0
"""After this no further row is begun."""


class Row(NamedTuple):
    """A row to be measured: its name, the package that it needs, what measures it."""

    name: str
    package: str
    measure: Callable[["Scale"], dict[str, Any]]


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        device: `cuda` or `cpu`.
        smoke: tiny networks and images.
        batches: crops of a training step at 321² and 512².
        repeats: timed calls.
        folder: for what is written.
    """

    device: str
    smoke: bool
    batches: tuple[int, int]
    repeats: int
    folder: Path

    @property
    def backbone(self) -> str:
        """VGG16, or its small likeness."""
        return "vgg_small" if self.smoke else "vgg16"


def step(scale: Scale, make: Callable[[], Any], batch: int, side: int, labels: bool) -> dict[str, Any]:
    """Images a second of a training step with SGD, and the memory that it takes."""
    import torch

    from weakseg.training.precision import autocast, resolve

    device = torch.device(scale.device)
    torch.manual_seed(0)
    network = make().to(device).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)
    target = torch.randint(0, 7, (batch, side, side), dtype=torch.uint8, generator=generator)
    given = {"image": image, "labels": target if labels else torch.eye(6)[torch.arange(batch) % 6]}
    given = {name: value.to(device) for name, value in given.items()}
    given["image"] = given["image"].contiguous(memory_format=torch.channels_last)
    solver = torch.optim.SGD(
        [{"params": group.parameters, "lr": 1e-5} for group in network.parameter_groups()], momentum=0.9
    )
    precision = "bf16" if scale.device == "cuda" else resolve("auto")

    def one() -> None:
        solver.zero_grad(set_to_none=True)
        with autocast(precision, device):
            loss = torch.stack(list(network.losses(given).values())).sum()
        loss.backward()
        solver.step()

    taken, memory = timed(scale, one)
    return {
        "batch": batch,
        "side": side,
        "precision": precision,
        "images_s": batch / taken,
        "peak_mb": memory,
    }


def timed(scale: Scale, work: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds of a call after a warm one, and the most memory in MB: of the GPU, or of this process."""
    import resource

    import torch
    from machine import seconds

    if scale.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    taken = seconds(work, torch.device(scale.device), scale.repeats)
    if scale.device == "cuda":
        return taken, torch.cuda.max_memory_allocated() / 1e6
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def seenet(backbone: str) -> Any:
    """SeeNet, untrained."""
    from weakseg.attention.network import build
    from weakseg.attention.settings import AttentionConfig

    given = {"architecture": backbone, "weights": "none"}
    return build(AttentionConfig(method="seenet", backbone=given), 6)


def segmenter(method: str, backbone: str) -> Any:
    """A segmenter, untrained."""
    from weakseg.segmenter.network import make
    from weakseg.segmenter.networks import NETWORKS

    return make(NETWORKS[method](), backbone, 6)


def steps(scale: Scale) -> Iterator[Row]:
    """A row for each network and size."""
    sides = (65, 97) if scale.smoke else (321, 512)
    light = "timm/test_resnet" if scale.smoke else "timm/resnet50"
    makers: dict[str, tuple[str, Callable[[], Any], bool]] = {
        "SeeNet": ("torch", lambda: seenet(scale.backbone), False),
        "LargeFOV": ("torch", lambda: segmenter("largefov", scale.backbone), True),
        "smp/deeplabv3plus": (
            "segmentation_models_pytorch",
            lambda: segmenter("smp/deeplabv3plus", light),
            True,
        ),
    }
    for side, batch in zip(sides, scale.batches, strict=True):
        for name, (package, make, labels) in makers.items():
            measure = _step_of(make, batch, side, labels)
            yield Row(f"training step, {name}, {side}²", package, measure)


def _step_of(
    make: Callable[[], Any], batch: int, side: int, labels: bool
) -> Callable[[Scale], dict[str, Any]]:
    return lambda scale: step(scale, make, batch, side, labels)


def maps(scale: Scale) -> dict[str, Any]:
    """Attention maps of SeeNet with flip, reading and resizing of the images included."""
    import torch
    from setting import Setting

    from weakseg.attention.maps import attention_maps
    from weakseg.attention.settings import MapsConfig

    device, batch = torch.device(scale.device), scale.batches[0]
    index = Setting(device, photographs(scale, 2 * batch), scale.folder).index(2 * batch)
    torch.manual_seed(0)
    network = seenet(scale.backbone).to(device).to(memory_format=torch.channels_last).eval()
    side = 65 if scale.smoke else 321
    how = MapsConfig(size=side, batch_size=batch)
    taken, memory = timed(scale, lambda: list(attention_maps(network, index, index.records, how, device)))
    return {"batch": batch, "side": side, "images_s": len(index.records) / taken, "peak_mb": memory}


def photographs(scale: Scale, count: int) -> list[Path]:
    """Generated images of 500×375 pixels, or small ones."""
    import cv2

    from weakseg.dataset.sources.demo import draw

    long, short = (100, 75) if scale.smoke else (500, 375)
    files = []
    for number in range(count):
        files.append(scale.folder / f"{number}.jpg")
        if not files[-1].exists():
            image, _ = draw(0, "train", number, long)
            cv2.imwrite(str(files[-1]), image[:short, :, ::-1])
    return files


def crf(scale: Scale) -> dict[str, Any]:
    """The torch engine of the dense CRF: seven labels, the preset `irn`, one image after the other."""
    import numpy as np

    from weakseg.crf.engine import dense_crf
    from weakseg.crf.settings import CrfConfig
    from weakseg.dataset.images import read_image

    image = read_image(photographs(scale, 1)[0])
    scores = np.random.default_rng(0).random((7, *image.shape[:2]), dtype=np.float32)
    given = CrfConfig(preset="irn", engine="torch")
    probabilities = scores / scores.sum(0)
    taken, memory = timed(scale, lambda: dense_crf(image, probabilities, given))
    return {"batch": 1, "side": image.shape[1], "images_s": 1.0 / taken, "peak_mb": memory}


def resumed(scale: Scale) -> dict[str, Any]:
    """Killed in the sixth step, resumed from the save after the fourth, against six in one go: equal bit for bit?

    With deterministic algorithms, where torch has them.
    """
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            whole, parts = _six_steps(scale, "whole"), _six_steps(scale, "parts", killed=True)
        finally:
            torch.use_deterministic_algorithms(False)
    differ = [name for name, value in whole.items() if not torch.equal(value, parts[name])]
    without = {str(each.message).split()[0] for each in told if "deterministic" in str(each.message)}
    return {
        "equal": not differ,
        "differ": differ[:5],
        "no_deterministic_form": sorted(without),
        "s": time.perf_counter() - start,
    }


def _six_steps(scale: Scale, name: str, killed: bool = False) -> Any:
    """State of a LargeFOV after six steps of weakseg's own loop."""
    import numpy as np
    import torch
    from setting import Setting

    from weakseg.segmenter.samples import LabelledPixels
    from weakseg.training.augment import Crops
    from weakseg.training.launch import launch
    from weakseg.training.loop import fit
    from weakseg.training.settings import TrainingConfig

    index = Setting(torch.device(scale.device), photographs(scale, 8), scale.folder).index(8)
    shape, side = ((75, 100), 65) if scale.smoke else ((375, 500), 321)
    config = TrainingConfig(iterations=6, batch_size=4, crop=side, workers=0, checkpoint_every=4)
    samples: Any = LabelledPixels(
        index.records,
        lambda record: np.full(shape, int(record.id) % 7, np.uint8),
        Crops(config, (124, 117, 104)),
    )
    for given in (Stopping(samples, 5 * 4), samples) if killed else (samples,):
        torch.manual_seed(0)
        network = segmenter("largefov", scale.backbone)
        with suppress(Stopped):
            fit(launch(config), network, given, scale.folder / name, "gpu", config)
    return network.cpu().state_dict()


class Stopped(Exception):
    """The kill."""


class Stopping:
    """Samples that end with an exception at a position of their order, as by a kill."""

    def __init__(self, samples: Any, after: int) -> None:
        self._samples, self._left = samples, after

    def __len__(self) -> int:
        return len(self._samples)

    def name(self, item: int) -> str:
        """Of the inner samples."""
        return str(self._samples.name(item))

    def sample(self, item: int, generator: Any) -> Any:
        """Of the inner samples, until the end."""
        if self._left == 0:
            raise Stopped
        self._left -= 1
        return self._samples.sample(item, generator)


def rows(scale: Scale) -> list[Row]:
    """All rows, in the order of measuring."""
    return [
        *steps(scale),
        Row("attention maps, SeeNet, flip", "torch", maps),
        Row("dense CRF, torch", "torch", crf),
        Row("resume on the GPU", "torch", resumed),
    ]


def measured(row: Row, scale: Scale, left: float) -> dict[str, Any]:
    """The row's figures; or why there are none."""
    if find_spec(row.package) is None:
        return {"missing": row.package}
    if left <= 0:
        return {"skipped": f"{SECONDS:.0f} seconds were over"}
    try:
        return row.measure(scale)
    except Exception as error:  # another row may work: this one says what it met
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


@click.command()
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--smoke", is_flag=True, help="Tiny networks and images: shows that it runs.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(__file__).parent / "results" / "gpu.jsonl",
    show_default="benchmarks/results/gpu.jsonl",
    help="File of JSON lines; rows are appended.",
)
def main(device: str, smoke: bool, out: Path) -> None:
    """Measure row by row; print and append each at once."""
    missing = [name for name in ("torch", "torchvision", "timm", "cv2", "numba") if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"{', '.join(missing)} not installed: run pip install -e . in the checkout."
        )
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic products need
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch
    from machine import describe

    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException(
            "torch finds no GPU here; --device cpu --smoke shows that the script runs."
        )
    start, machine = time.monotonic(), versions(describe())
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, out.open("a", encoding="utf-8") as file:
        batches = (2, 2) if smoke else (16, 8)
        scale = Scale(device, smoke, batches, 1 if smoke else 10, Path(folder))
        for row in rows(scale):
            found = measured(row, scale, SECONDS - (time.monotonic() - start))
            line = {"name": row.name, "device": device, "smoke": smoke, **found, "machine": machine}
            file.write(json.dumps(line) + "\n")
            file.flush()
            shown = ", ".join(f"{key} {_short(value)}" for key, value in found.items())
            click.echo(f"{row.name:40} {shown}")
    click.echo(f"{time.monotonic() - start:.0f} seconds; rows are in {out}")


def versions(machine: dict[str, Any]) -> dict[str, Any]:
    """The machine, with the versions of what the rows need."""
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    import torch

    found = {name: of(name) for name in ("timm", "segmentation_models_pytorch")}
    return machine | found | {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
