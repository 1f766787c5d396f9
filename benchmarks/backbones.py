"""A row for each backbone and room: parameters, multiplications, images a second, memory.

    OMP_NUM_THREADS=1 python benchmarks/backbones.py --out benchmarks/results/backbones.json

Weights are random. Images of 224², float32, one core; seconds are those of the processor, so that another busy process
counts little. Every measurement is a process of its own, and all rows are measured in turn, round after round.
Pairs that the tables refuse have no row.
"""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import torch
from machine import describe
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from weakseg.attention.network import build as build_attention
from weakseg.attention.settings import AttentionConfig
from weakseg.segmenter.network import build as build_segmenter
from weakseg.segmenter.settings import SegmenterConfig

SIDE, BATCH, CLASSES = 224, 2, 6
BACKBONES = (
    "vgg16",
    "resnet50",
    "timm/resnet18",
    "timm/tf_efficientnet_lite0",
    "timm/efficientnet_b0",
    "timm/mobilenetv4_conv_small",
    "timm/convnext_atto",
    "timm/vit_tiny_patch16_224",
    "timm/swin_tiny_patch4_window7_224",
)
METHODS = {"attention": ("cam", "seenet"), "segmenter": ("largefov", "deeplab_v3_plus", "smp/fpn")}


def networks() -> Iterator[tuple[str, str, str, Callable[[], Any]]]:
    """Backbone, room, method and what makes the network, of every pair that the tables allow."""
    training = {"batch_size": BATCH, "iterations": 10}
    for backbone in BACKBONES:
        for room, methods in METHODS.items():
            for method in methods:
                given: dict[str, Any] = {
                    "method": method,
                    "backbone": {"architecture": backbone, "weights": "none"},
                    "training": training,
                }
                section = AttentionConfig if room == "attention" else SegmenterConfig
                build: Any = build_attention if room == "attention" else build_segmenter
                try:
                    config = section(**given)
                except ValidationError:
                    continue
                yield backbone, room, method, _maker(build, config)


def _maker(build: Any, config: Any) -> Callable[[], Any]:
    return lambda: build(config, CLASSES)


def measure(room: str, make: Callable[[], Any]) -> dict[str, float]:
    """Processor seconds of a forward pass and of a training step of a batch, and the process's most memory."""
    torch.manual_seed(0)
    network = make().to(memory_format=torch.channels_last)
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8)
    labels = torch.eye(CLASSES)[torch.arange(BATCH) % CLASSES]
    pixels = torch.randint(0, CLASSES + 1, (BATCH, SIDE, SIDE), dtype=torch.uint8)
    batch = {"image": images, "labels": labels if room == "attention" else pixels}
    solver = torch.optim.SGD([{"params": g.parameters, "lr": 1e-6} for g in network.parameter_groups()])

    def step() -> None:
        solver.zero_grad(set_to_none=True)
        torch.stack(list(network.losses(batch).values())).sum().backward()
        solver.step()

    def forward() -> None:
        with torch.inference_mode():
            network.attention(images, labels) if room == "attention" else network.logits(images)

    network.train()
    step()  # not counted: it prepares oneDNN's convolutions
    trained = _seconds(step)
    network.eval()
    forward()
    passed = _seconds(forward)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"training": trained, "forward": passed, "peak_mb": memory}


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def counted(room: str, make: Callable[[], Any]) -> dict[str, float]:
    """Millions of parameters, and billions of multiplications with an addition of one image, forward."""
    network = make().eval()
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    images = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.attention(images, torch.ones(1, CLASSES)) if room == "attention" else network.logits(images)
    return {"parameters_m": parameters, "gmac": counter.get_total_flops() / 2e9}


def apart(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What the work finds in a process of its own: a fork, which has imported everything."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(work()).encode())
        except Exception as error:  # the parent says it
            os.write(write, json.dumps({"failed": f"{type(error).__name__}: {error}"[:300]}).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, float] = json.loads(content)
    return found


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="JSON file; written after each row."
)
def main(rounds: int, out: Path) -> None:
    """Measure every pair in turn, `rounds` times; medians are kept."""
    torch.set_num_threads(1)
    cases, machine = list(networks()), describe()
    rows = [{"backbone": backbone, "room": room, "method": method} for backbone, room, method, _ in cases]
    taken: list[list[dict[str, float]]] = [[] for _ in cases]
    settings = {"side": SIDE, "batch": BATCH, "threads": 1, "precision": "float32"}
    out.parent.mkdir(parents=True, exist_ok=True)
    for turn in range(rounds):
        for row, times, (_, room, _, make) in zip(rows, taken, cases, strict=True):
            if turn == 0:
                row |= apart(lambda room=room, make=make: counted(room, make))  # type: ignore[misc]
            found = apart(lambda room=room, make=make: measure(room, make))  # type: ignore[misc]
            if "failed" not in found:
                times.append(found)
            row |= {"rounds": len(times)} | (_summary(times) if times else found)
            click.echo(json.dumps(row))
            done = [each for each in rows if "rounds" in each]
            text = json.dumps({"machine": machine, "settings": settings, "rows": done}, indent=1)
            out.write_text(text + "\n", encoding="utf-8")


def _summary(times: list[dict[str, float]]) -> dict[str, float]:
    """Images a processor second, of the median time; the most memory."""

    def median(name: str) -> float:
        return sorted(each[name] for each in times)[len(times) // 2]

    return {
        "forward_images_s": BATCH / median("forward"),
        "training_images_s": BATCH / median("training"),
        "peak_mb": max(each["peak_mb"] for each in times),
    }


if __name__ == "__main__":
    main()
