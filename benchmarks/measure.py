"""Measure weakseg on this machine: every figure is a ratio within this process, or says what it is per image.

    python benchmarks/measure.py --out benchmarks/results/0.1.0-some-machine.json
    python benchmarks/measure.py --only crf --images VOC2012/JPEGImages

Run it alone: another busy process slows an OpenMP training several times.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import research
import torch
from machine import describe, peak, seconds
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from weakseg.attention.maps import _input_size, attention_maps
from weakseg.attention.network import build as build_attention
from weakseg.attention.samples import LabelledImages
from weakseg.config.training import TrainingConfig
from weakseg.crf import ENGINES, PRESETS, dense_crf
from weakseg.dataset.demo import draw
from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.segmenter.network import build as build_segmenter
from weakseg.segmenter.samples import LabelledPixels
from weakseg.storage.shards import write_shard
from weakseg.training.augment import Augmentation
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.precision import autocast, resolve

ROOT = Path(__file__).parents[1]
CLASSES = ("cat", "cow", "dog", "horse", "person", "sheep")
CROP = 321
BATCH = 8
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
OWN = ("numba", "torch")
"""The CRF engines that are held against pydensecrf."""
READING = """
import sys; from pathlib import Path; from weakseg.dataset.index import proxy_records, read_index, shard
index = read_index(Path(sys.argv[1]) / "index.csv", Path(sys.argv[1]) / "classes.csv")
print(len(shard(proxy_records(index), sys.argv[2])))
"""
"""What each job of a per-image stage does first."""
TIMED = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
sys.exit(done.returncode)
"""
"""Run a command from a small process: a child's peak memory counts that of the process it was forked from."""
DAG_SIZES = {1_000: 10, 10_000: 100, 100_000: 200, 1_000_000: 1000}
"""Images → shards: about a hundred images each, then more, as config.yaml advises."""


@dataclass(frozen=True)
class Setting:
    """What every measurement is given.

    Attributes:
        device: where to compute.
        files: photographs, at least `BATCH`.
        folder: for what is written.
    """

    device: torch.device
    files: Sequence[Path]
    folder: Path

    def index(self, count: int) -> Index:
        """The first `count` images, repeated if they are fewer, each showing one class or two."""
        records = []
        for number in range(count):
            names = tuple(sorted({CLASSES[number % 6], CLASSES[number % 4]}))
            records.append(
                Record(f"{number:05d}", self.files[number % len(self.files)], "train", names, None)
            )
        return Index(tuple(records), CLASSES, tuple(range(len(CLASSES) + 1)))


# ------------------------------------------------------------------------------------------------ training


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


def _network(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "largefov":
        return build_segmenter(name, "vgg16", len(CLASSES), {})
    return build_attention(name, "vgg16", len(CLASSES), {})


def _training(setting: Setting, name: str, precision: str, best: float) -> dict[str, float]:
    device = setting.device
    batch = _batch(name, device)
    ours = _network(name).to(device).train()
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
    theirs = _network(name).to(device).train()
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
    augmentation = Augmentation(**config.augmentation(), fill=(124, 117, 104))
    if name == "largefov":
        labels = {record.id: _labels(record) for record in index.records}
        samples: Any = LabelledPixels(index.records, lambda record: labels[record.id], augmentation)
    else:
        samples = LabelledImages(index, index.records, augmentation)
    state = setting.folder / f"state-{name}"
    options = config.optimization()
    fabric = launch(*(options.pop(name) for name in ("precision", "processes", "nodes")))
    fit(fabric, _network(name), samples, state, "benchmark", **options)
    rows = (state / "history.csv").read_text(encoding="utf-8").splitlines()
    taken = [float(row.rsplit(",", 1)[1]) for row in rows[2:]]  # without the first ten: warming up
    shutil.rmtree(state)
    return sum(taken) / (10 * len(taken))


def _labels(record: Record) -> np.ndarray:
    height, width = read_image(record.image).shape[:2]
    return (np.indices((height, width)).sum(0) // 40 % (len(CLASSES) + 1)).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------- maps


def maps(setting: Setting) -> dict[str, Any]:
    """Attention maps with flip: per second, against the research loop, and their bytes on disk."""
    index, device = setting.index(2 * BATCH), setting.device
    network = _network("seenet").to(device).eval()
    arguments: dict[str, Any] = {
        "source": "network",
        "size": CROP,
        "scales": (1.0,),
        "flip": True,
        "batch_size": BATCH,
    }

    def ours(precision: str) -> list[Any]:
        channels = network.to(memory_format=torch.channels_last)
        return list(
            attention_maps(channels, index, index.records, precision=precision, device=device, **arguments)
        )

    fast = seconds(lambda: ours("auto"), device, 3)
    exact, rounded = ({item.id: item.maps for item in ours(precision)} for precision in ("fp32", "auto"))
    labels = torch.from_numpy(np.stack([index.class_vector(record) for record in index.records])).to(device)
    sizes = [_input_size(record, CROP) for record in index.records]
    plain = network.to(memory_format=torch.contiguous_format)
    files = [record.image for record in index.records]
    slow = seconds(lambda: research.maps(plain, files, labels, sizes), device, 1)
    theirs = {
        record.id: dict(zip(index.classes, values.numpy(force=True), strict=True))
        for record, values in zip(index.records, research.maps(plain, files, labels, sizes), strict=True)
    }
    written = setting.folder / "maps.h5"
    write_shard(written, exact.items())
    size = written.stat().st_size / len(index.records)
    return {
        "maps_per_second": len(index.records) / fast,
        "over_research": slow / fast,
        "mean_difference_fp32": _difference(exact, theirs),
        "mean_difference_auto": _difference(rounded, theirs),
        "bytes_per_image": size,
        "gigabytes_of_voc_train_aug": size * 10_582 / 1e9,
    }


def _difference(
    ours: Mapping[str, Mapping[str, np.ndarray]], theirs: Mapping[str, Mapping[str, np.ndarray]]
) -> float:
    """Mean difference of two sets of maps, which lie in [0, 1]."""
    pairs = [(values, theirs[image][name]) for image, maps in ours.items() for name, values in maps.items()]
    return float(np.mean([np.abs(mine - other).mean() for mine, other in pairs]))


# ----------------------------------------------------------------------------------------------------- CRF


def crf(setting: Setting) -> dict[str, Any]:
    """Images per second of the engines on one core: three labels, 500×375 pixels, ten iterations."""
    torch.set_num_threads(1)
    cases = [_case(file, number) for number, file in enumerate(setting.files[:4])]
    found: dict[str, Any] = {}
    for preset in ("psa", "irn", "deeplab"):
        times = {}
        for engine in ENGINES:
            parameters = replace(PRESETS[preset], engine=engine)
            work = lambda chosen=parameters: [dense_crf(*case, chosen) for case in cases]  # noqa: E731
            times[engine] = seconds(work, setting.device, 3) / len(cases)
        found[preset] = {"pydensecrf_images_per_second": 1 / times["pydensecrf"]}
        found[preset] |= {f"{engine}_over_pydensecrf": times["pydensecrf"] / times[engine] for engine in OWN}
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return found


def agreement(setting: Setting) -> dict[str, Any]:
    """The engines' labels and probabilities against pydensecrf's, over all photographs and presets."""
    found: dict[str, Any] = {"images": len(setting.files)}
    for preset in PRESETS:
        same: dict[str, list[float]] = {engine: [] for engine in OWN}
        difference: dict[str, list[float]] = {engine: [] for engine in OWN}
        for number, file in enumerate(setting.files):
            case = _case(file, number)
            oracle = dense_crf(*case, replace(PRESETS[preset], engine="pydensecrf"))
            for engine in OWN:
                result = dense_crf(*case, replace(PRESETS[preset], engine=engine))
                same[engine].append(float((result.argmax(0) == oracle.argmax(0)).mean()))
                difference[engine].append(float(np.abs(result - oracle).mean()))
        found[preset] = {
            engine: {
                "same_labels": float(np.mean(same[engine])),
                "same_labels_in_the_worst_image": min(same[engine]),
                "mean_difference": float(np.mean(difference[engine])),
                "mean_difference_in_the_worst_image": max(difference[engine]),
            }
            for engine in OWN
        }
    return found


def _case(file: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph of 500×375 pixels and smooth random probabilities of three labels."""
    image = cv2.resize(read_image(file), (500, 375), interpolation=cv2.INTER_AREA)
    coarse = np.random.default_rng(seed).random((3, 12, 16)).astype(np.float32)
    values = np.stack([cv2.resize(channel, (500, 375)) for channel in coarse]) ** 3
    return image, values / values.sum(0)


# ------------------------------------------------------------------------------------------------- workflow


def workflow(setting: Setting) -> dict[str, Any]:
    """Planning a run of many images, and how long commands take to start."""
    found: dict[str, Any] = {
        "help_seconds": _command(["weakseg", "--help"])[0],
        "train_help_seconds": _command(["weakseg", "attention", "train", "--help"])[0],
    }
    base = _command(["python", "-c", READING.partition("index =")[0]])[1]
    for images, shards in DAG_SIZES.items():
        records = [
            Record(str(n), Path(f"{n}.jpg"), "train" if n % 10 else "val", (CLASSES[n % 6],), None)
            for n in range(images)
        ]
        write_index(setting.folder, Index(records, CLASSES, tuple(range(len(CLASSES) + 1))))
        table = setting.folder / "table.csv"
        rows = [f"{n}.jpg,{CLASSES[n % 6]},{'train' if n % 10 else 'val'}" for n in range(images)]
        table.write_text("\n".join(["image,labels,split", *rows, ""]), encoding="utf-8")
        section = {
            "source": "table",
            "classes": list(CLASSES),
            "table": {"images": str(setting.folder), "labels": str(table)},
        }
        taken, memory = _command(
            ["snakemake", "--dry-run", "--quiet", "all", "--cores", "1", "--config", f"run=plan-{images}",
             f"shards={shards}", f"dataset={json.dumps(section)}"]
        )  # fmt: skip
        reading = _command(["python", "-c", READING, str(setting.folder), f"2-of-{shards}"])
        found[f"images_{images}"] = {
            "shards": shards,
            "plan_seconds": taken,
            "plan_peak_mb": memory,
            "shard_read_seconds": reading[0],
            "shard_read_extra_mb": reading[1] - base,
        }
    if (ROOT / "results" / "demo" / "report.html").exists():
        found["no_op_seconds"] = _command(["snakemake", "--cores", "1"])[0]
    return found


def _command(words: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a command, the faster of two runs."""
    program = str(Path(sys.executable).parent / words[0])
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", TIMED, program, *words[1:]], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise click.ClickException(f"{' '.join(words[:3])} failed: {done.stderr[-500:]}")
        runs.append(tuple(map(float, done.stdout.split()[-2:])))
    seconds_taken, peak_mb = min(runs)
    return seconds_taken, peak_mb


# ------------------------------------------------------------------------------------------------- the whole

SECTIONS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "training": training,
    "maps": maps,
    "crf": crf,
    "agreement": agreement,
    "workflow": workflow,
}


def lines(found: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested figures as (dotted name, number) rows."""
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += lines(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows


def _photographs(folder: Path | None, out: Path) -> list[Path]:
    """The images of a folder, or generated ones of 500×375 pixels."""
    if folder is not None:
        files = sorted(folder.glob("*.jpg"))[:100]
        if len(files) < BATCH:
            raise click.ClickException(
                f"{folder} holds {len(files)} JPEG files; at least {BATCH} were expected."
            )
        return files
    files = []
    for number in range(2 * BATCH):
        image, _ = draw(0, "train", number, 500)
        files.append(out / f"{number}.jpg")
        cv2.imwrite(str(files[-1]), image[:375, :, ::-1])
    return files


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(SECTIONS)), help="Measure these parts alone.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of photographs; else generated ones.",
)
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write.")
def main(only: tuple[str, ...], images: Path | None, out: Path | None) -> None:
    """Measure, print a table, and write JSON."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found: dict[str, Any] = {"machine": describe()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        setting = Setting(device, _photographs(images, folder), folder)
        for name in only or SECTIONS:
            found[name] = SECTIONS[name](setting)
            found[name]["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            for row, value in lines({name: found[name]}):
                click.echo(f"{row:55} {value}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
