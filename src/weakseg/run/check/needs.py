"""What a run needs: weights, memory, disk."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weakseg.backbones import BACKBONES
from weakseg.config.memory import needed_mb
from weakseg.errors import InputError
from weakseg.run import inputs
from weakseg.run.check.words import size
from weakseg.run.table import Table
from weakseg.weights.cache import locate
from weakseg.weights.known import Known

_OF_IMAGES = (
    "saliency_maps",
    "attention_maps",
    "proxy_fuse",
    "affinity_walk",
    "proxy_refine",
    "segmenter_predict",
    "segmenter_refine",
)
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_LABELS = 0.1
"""Bytes per pixel of a label map as PNG; of voc-animals, fused ones have 0.007 to 0.03, refined ones 0.009 to 0.08."""
_SCORES = 2
"""Bytes per cell and class of a prediction's scores, float16, uncompressed."""


@dataclass(frozen=True)
class Needed:
    """What a run needs, and what this machine has too little of."""

    lines: list[tuple[str, str]]
    warnings: list[str]


def needs(table: Table, images: dict[str, int], height: int, width: int) -> Needed:
    """What a run needs.

    Args:
        table: of the run.
        images: split → number of images.
        height, width: of the largest image.
    """
    asked, has = max(memory(table, height, width)), ram()
    lines = [
        *_sources(table),
        ("memory", f"up to {size(asked[0])} ({asked[1]}); this machine has {size(has)}"),
    ]
    warnings = []
    if asked[0] > has:
        warnings.append(
            f"{asked[1]} may need {size(asked[0])} of memory, and this machine has {size(has)}: lower its "
            f"{'training.batch_size or training.crop' if asked[1].endswith('train') else 'size'}"
        )
    written, free = disk(table, images, height * width), shutil.disk_usage(_existing(table.folder)).free
    lines.append(("disk", f"about {size(written)} in {table.folder}; {size(free)} are free"))
    if written > free:
        warnings.append(
            f"{table.folder} may need {size(written)} of disk, and {size(free)} are free: free some, or start the run "
            "on another disk"
        )
    return Needed(lines, warnings)


def memory(table: Table, height: int, width: int) -> list[tuple[float, str]]:
    """Bytes of memory that each step may take, and its rule."""
    rules = [
        stage.rule for stage in table.trainings() if stage.rule.endswith("_train") and not stage.is_reused
    ]
    rules += [rule for rule in _OF_IMAGES if rule in table and table.makes(rule)]
    return [(needed_mb(table.config, rule, width, height) * 1e6, rule) for rule in rules]


def ram() -> int:
    """Bytes of memory that this process may use: the machine's, or less in a container."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _CGROUPS:
        with suppress(OSError, ValueError):
            whole = min(whole, int(Path(path).read_text(encoding="ascii")))
    return whole


def disk(table: Table, images: dict[str, int], pixels: int) -> float:
    """Estimate of the bytes that a run writes.

    A training keeps its weights and a checkpoint with the optimiser's copies; per-image stages keep a saliency map, two
    label maps of each training and validation image (three with affinities), and the scores and two label maps of each
    prediction.
    """
    config = table.config
    trained = sum(BACKBONES[_architecture(table, stage.room)].network_mb * 1e6 for stage in table.trainings())
    side = getattr(config.saliency.own, "size", None)
    mapped = images.get("train", 0) + images.get("val", 0)
    maps = 3 if table.makes("affinity_walk") else 2
    proxies = mapped * (min(pixels, side**2 if side else pixels) + maps * _LABELS * pixels)
    classes = len(config.dataset.classes) or config.dataset.own.usual_classes
    scores = _SCORES * (classes + 1) / config.segmenter.own.scores_stride**2
    predicted = images.get(config.evaluation.split, 0) * (float(scores) + 2 * _LABELS) * pixels
    return trained + proxies + predicted * config.segmenter.rounds


def _architecture(table: Table, room: str) -> str:
    section = getattr(table.config, room)
    return str(section.own.architecture if room == "saliency" else section.backbone.architecture)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.absolute().parent)


def _sources(table: Table) -> list[tuple[str, str]]:
    """Where saliency comes from and what the networks start from; published weights with size and place."""
    config = table.config
    try:
        known = inputs.known_weights(table, ("saliency", "attention", "segmenter"))
    except InputError:  # which the refusals tell
        known = []
    read = [*config.saliency.maps_read().values(), *config.saliency.training_reads().values()]
    saliency = config.saliency.method + (f", {', '.join(read)}" if read else "")
    lines = [
        ("saliency", f"from the run {config.saliency.from_run}" if config.saliency.from_run else saliency)
    ]
    for room in ("attention", "segmenter"):
        section = getattr(config, room)
        starts = f" on {section.backbone.architecture}, from {section.backbone.weights}"
        lines.append((room, section.method + (starts if table.makes(f"{room}_train") else "")))
    if known:
        lines.append(("weights", "; ".join(_place(item) for item in known)))
    return lines


def _place(known: Known) -> str:
    """`u2netp, 4.6 MB, in the cache`."""
    place = "to be fetched once" if locate(known) is None else "in the cache"
    return f"{known.name}, {known.megabytes}, {place}"
