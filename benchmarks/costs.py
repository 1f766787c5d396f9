"""What could make a run cheaper without learning less, each as a ratio of CPU times in turn.

    python benchmarks/costs.py --out benchmarks/results/costs.json
    python benchmarks/costs.py --only optimizers

One thread and CPU time, not wall time: so it can run beside other work. The networks are the demo's. `saliency` needs
`pip install -e '.[onnx]'`, a model and photographs: `--model u2netp.onnx --images FOLDER`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import click
import cv2
import numpy as np
import torch
from machine import describe
from torch import nn

from weakseg.attention.network import build
from weakseg.attention.settings import AttentionConfig
from weakseg.dataset.images import read_image
from weakseg.saliency.methods.onnx import OnnxSettings, onnx_maps
from weakseg.saliency.methods.small import SmallSaliency, SmallSettings
from weakseg.segmenter.network import make
from weakseg.segmenter.networks import NETWORKS
from weakseg.training.allocator import keep_memory
from weakseg.training.precision import autocast, resolve

CLASSES, BATCH, SIDE = 6, 16, 96
Step = Callable[[], Any]
IMPORTS = {
    "python": "pass",
    "command line": "import weakseg.cli",
    "torch": "import torch",
    "training": "import weakseg.training.stage",
    "attention maps": "import weakseg.attention.maps",
    "captum": "import torch, captum.attr",
    "crf": "import weakseg.proxy.stages, weakseg.crf.lattice",
}
"""What is imported: the code that does it."""
KEPT = "import sys; sys.path.insert(0, {here!r}); import costs; costs.print_faults({network!r}, {keep!r})"


def demo_network(name: str) -> nn.Module:
    """The demo's `seenet`, `small` saliency network or `largefov`, untrained, the same each time."""
    torch.manual_seed(0)
    if name == "largefov":
        return make(NETWORKS[name](), "vgg_small", CLASSES)
    if name == "small":
        return SmallSaliency(SmallSettings())
    backbone: Any = {"architecture": "vgg_small", "weights": "none"}
    return build(AttentionConfig(method=name, backbone=backbone, new_layers_rate=1.0), CLASSES)


def training_step(
    name: str,
    *,
    precision: str = "auto",
    channels_last: bool = True,
    change: Callable[[nn.Module], nn.Module] = lambda network: network,
    **optimizer: Any,
) -> Step:
    """One step of a training of the demo, by its own optimiser with these options."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = change(demo_network(name).train().to(memory_format=layout))
    generator = torch.Generator().manual_seed(0)
    shape = (BATCH, SIDE, SIDE)
    image = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    batch = {
        "image": image.contiguous(memory_format=layout),
        "mask": torch.randint(0, 2, shape, dtype=torch.uint8, generator=generator),
        "labels": torch.randint(0, CLASSES + 1, shape, dtype=torch.uint8, generator=generator)
        if name == "largefov"
        else torch.eye(CLASSES)[torch.arange(BATCH) % CLASSES],
    }
    groups = [{"params": group.parameters, "lr": 1e-5} for group in network.parameter_groups()]  # type: ignore[operator]
    solver: torch.optim.Optimizer = (
        torch.optim.SGD(groups, momentum=0.9, **optimizer)
        if name == "seenet"
        else torch.optim.AdamW(groups, **optimizer)
    )

    def step() -> None:
        with autocast(precision, torch.device("cpu")):
            loss = sum(network.losses(batch).values())  # type: ignore[operator]
        loss.backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        solver.step()
        solver.zero_grad(set_to_none=True)

    return step


def in_turn(steps: Mapping[str, Step], rounds: int = 4, repeats: int = 5) -> dict[str, float]:
    """CPU milliseconds of each, the median of some rounds in turn, and each but the first as a share of the first."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = process_time()
            for _ in range(repeats):
                step()
            taken[name].append((process_time() - start) / repeats * 1000)
    first, *others = steps
    shares = {
        f"{name} / {first}": median(a / b for a, b in zip(taken[name], taken[first], strict=True))
        for name in others
    }
    return {f"{name}, ms": median(values) for name, values in taken.items()} | shares


def imports() -> dict[str, float]:
    """CPU seconds of a process that imports something, the least of two."""
    return {name: min(_child(code)[0] for _ in range(2)) for name, code in IMPORTS.items()}


def _child(code: str) -> tuple[float, str]:
    """CPU seconds and output of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def allocator() -> dict[str, Any]:
    """A training step's CPU time and page faults with memory given back and kept, two processes each in turn."""
    found: dict[str, Any] = {}
    for network in ("seenet", "largefov"):
        runs: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for _ in range(2):
            for keep in runs:
                code = KEPT.format(here=str(Path(__file__).parent), network=network, keep=keep)
                taken, faults = map(float, _child(code)[1].split()[-2:])
                runs[keep].append((taken, faults))
        given, kept = ([median(values) for values in zip(*runs[keep], strict=True)] for keep in runs)
        found[network] = {
            "given back, ms": given[0],
            "kept / given back": kept[0] / given[0],
            "faults given back": given[1],
            "faults kept": kept[1],
        }
    return found


def print_faults(network: str, keep: bool) -> None:
    """CPU milliseconds and page faults of a training step, in a process of its own, on batches that are new."""
    if keep:
        keep_memory()
    step = training_step(network)
    batches: list[torch.Tensor] = []

    def loaded() -> None:
        batches[:] = [torch.zeros(BATCH, 3, SIDE, SIDE, dtype=torch.uint8)]
        step()

    for _ in range(5):
        loaded()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start = process_time()
    for _ in range(25):
        loaded()
    taken = (process_time() - start) / 25 * 1000
    print(taken, (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / 25)


def optimizers() -> dict[str, Any]:
    """A training step with the optimiser's loop over parameters, its foreach form and its fused one."""
    return {
        network: in_turn(
            {
                "loop": training_step(network),
                "foreach": training_step(network, foreach=True),
                "fused": training_step(network, fused=True),
            }
        )
        for network in ("seenet", "largefov")
    }


def arithmetic() -> dict[str, Any]:
    """A training step in float32 and bfloat16, channels last and first."""
    keep_memory()
    return {"auto": resolve("auto")} | {
        network: in_turn(
            {
                "bf16": training_step(network, precision="bf16"),
                "fp32": training_step(network, precision="fp32"),
                "bf16, channels first": training_step(network, precision="bf16", channels_last=False),
            },
            rounds=2,
        )
        for network in ("seenet", "small", "largefov")
    }


def compiled() -> dict[str, Any]:
    """SeeNet's backbone by `torch.compile`, which needs a C++ compiler: CPU seconds until the first step is done."""
    keep_memory()

    def change(network: nn.Module) -> nn.Module:
        network.backbone = torch.compile(network.backbone)  # type: ignore[assignment]
        return network

    before = process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    step = training_step("seenet", change=change)
    step()
    warm_up = process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return {"first step, s": warm_up} | in_turn(
        {"plain": training_step("seenet"), "compiled": step}, rounds=3
    )


def saliency(model: Path, images: Path) -> dict[str, Any]:
    """A saliency network as it is and with weights and features of eight bits, and how far their maps differ."""
    files = sorted(images.glob("*.jpg"))[:48]
    with tempfile.TemporaryDirectory() as folder:
        quantized = Path(folder) / "int8.onnx"
        _quantize(model, quantized, files[:24])
        plain, small = (
            onnx_maps(OnnxSettings(file=str(each), preset="u2net", size=320)) for each in (model, quantized)
        )
        seen = [read_image(file) for file in files[24:]]
        pairs = [(plain(image), small(image)) for image in seen]
        differ = [float(np.abs(a - b).mean()) for a, b in pairs]
        decided = [float(((a > 0.5) != (b > 0.5)).mean()) for a, b in pairs]
        times = in_turn({"float32": lambda: plain(seen[0]), "int8": lambda: small(seen[0])}, 3, 4)
    return times | {"mean difference": float(np.mean(differ)), "other side of 0.5": float(np.mean(decided))}


def _quantize(model: Path, out: Path, files: list[Path]) -> None:
    """Eight bits by onnxruntime's static quantisation, calibrated on some images."""
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    from weakseg.saliency.methods.onnx import prepare

    name = InferenceSession(str(model)).get_inputs()[0].name

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(files)

        def get_next(self) -> dict[str, np.ndarray] | None:
            file = next(self._left, None)
            return None if file is None else {name: prepare(read_image(file), "u2net", 320)}

    quantize_static(str(model), str(out), Images(), quant_format=QuantFormat.QDQ)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "imports": imports,
    "allocator": allocator,
    "optimizers": optimizers,
    "arithmetic": arithmetic,
    "compiled": compiled,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice([*PARTS, "saliency"]))
@click.option("--model", type=click.Path(path_type=Path, exists=True), help="U²-Net-p as ONNX.")
@click.option("--images", type=click.Path(path_type=Path, exists=True), help="Folder of photographs.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file; other parts in it stay.")
def main(only: tuple[str, ...], model: Path | None, images: Path | None, out: Path | None) -> None:
    """Measure and print; each part is written at once."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found: dict[str, Any] = json.loads(out.read_text()) if out is not None and out.exists() else {}
    found["machine"] = describe()
    parts = dict(PARTS)
    if model is not None and images is not None:
        parts["saliency"] = lambda: saliency(model, images)
    for name in only or parts:
        found[name] = parts[name]()
        click.echo(f"{name}: {json.dumps(found[name], indent=2, ensure_ascii=False)}")
        if out is not None:
            out.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
