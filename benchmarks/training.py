"""Training steps and epochs."""

import shutil
from typing import Any

import numpy as np
import research
import torch
from machine import peak, seconds
from setting import BATCH, CLASSES, CROP, Setting, network
from torch.utils.flop_counter import FlopCounterMode

from weakseg.attention.samples import LabelledImages
from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.segmenter.samples import LabelledPixels
from weakseg.training.augment import Crops
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.precision import autocast, resolve
from weakseg.training.settings import TrainingConfig

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def training(setting: Setting) -> dict[str, Any]:
    """Training steps and epochs as shares of the matrix-product peak, and against the research loop."""
    precision = resolve("auto")
    best = peak(setting.device, DTYPES[precision])
    plain = peak(setting.device, torch.float32)
    found: dict[str, Any] = {
        "precision": precision,
        "peak_tflops": best / 1e12,
        "peak_over_fp32": best / plain,
    }
    for name in ("seenet", "largefov"):
        found[name] = _training(setting, name, precision, best)
    return found


def _training(setting: Setting, name: str, precision: str, best: float) -> dict[str, float]:
    device = setting.device
    batch = _batch(name, device)
    ours = network(name).to(device).train()
    with FlopCounterMode(display=False) as counter:
        sum(ours.losses(batch).values()).backward()  # type: ignore[operator]
    operations = counter.get_total_flops()
    ours = ours.to(memory_format=torch.channels_last)
    solver = torch.optim.SGD(
        [{"params": g.parameters, "lr": 1e-5} for g in ours.parameter_groups()], momentum=0.9
    )  # type: ignore[operator]
    last = batch | {"image": batch["image"].contiguous(memory_format=torch.channels_last)}

    def step() -> None:
        solver.zero_grad(set_to_none=True)
        with autocast(precision, device):
            loss = sum(ours.losses(last).values())  # type: ignore[operator]
        loss.backward()
        solver.step()

    one = seconds(step, device, 5)
    epoch = _epoch(setting, name)
    theirs = network(name).to(device).train()
    plain = research.solver(theirs.parameter_groups())  # type: ignore[operator]
    loaded = research.batches(setting.files, CROP, BATCH, len(CLASSES))
    extra = {} if name == "seenet" else {"labels": batch["labels"]}

    def research_step() -> None:
        images = {key: value.to(device) for key, value in next(loaded).items()}
        research.step(theirs, plain, images | extra)

    research_one = seconds(research_step, device, 3)
    return {
        "gflop_per_image": operations / BATCH / 1e9,
        "step_images_per_second": BATCH / one,
        "step_of_peak": operations / one / best,
        "epoch_images_per_second": BATCH / epoch,
        "epoch_of_peak": operations / epoch / best,
        "research_images_per_second": BATCH / research_one,
        "epoch_over_research": research_one / epoch,
    }


def _batch(name: str, device: torch.device) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (BATCH, 3, CROP, CROP), dtype=torch.uint8, generator=generator)
    if name == "largefov":
        labels = torch.randint(
            0, len(CLASSES) + 1, (BATCH, CROP, CROP), dtype=torch.uint8, generator=generator
        )
    else:
        labels = torch.eye(len(CLASSES))[torch.arange(BATCH) % len(CLASSES)]
    return {"image": image.to(device), "labels": labels.to(device)}


def _epoch(setting: Setting, name: str) -> float:
    """Seconds of one step of the training command's own loop, loading included, in the steady state."""
    iterations = 20
    config = TrainingConfig(
        iterations=iterations,
        batch_size=BATCH,
        crop=CROP,
        learning_rate=1e-5,
        checkpoint_every=10 * iterations,
    )
    index = setting.index(4 * BATCH)
    crops = Crops(config, (124, 117, 104))
    if name == "largefov":
        labels = {record.id: _labels(record) for record in index.records}
        samples: Any = LabelledPixels(index.records, lambda record: labels[record.id], crops)
    else:
        samples = LabelledImages(index, index.records, crops)
    state = setting.folder / f"state-{name}"
    fit(launch(config), network(name), samples, state, "benchmark", config)
    rows = (state / "history.csv").read_text(encoding="utf-8").splitlines()
    taken = [float(row.rsplit(",", 1)[1]) for row in rows[2:]]  # without the first ten: warming up
    shutil.rmtree(state)
    return sum(taken) / (10 * len(taken))


def _labels(record: Record) -> np.ndarray:
    height, width = read_image(record.image).shape[:2]
    return (np.indices((height, width)).sum(0) // 40 % (len(CLASSES) + 1)).astype(np.uint8)
