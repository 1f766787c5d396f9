"""Upper bounds of each step's memory, for the workflow's `mem_mb`.

MB are 10⁶ bytes of one process, float32 on CPU. Each backbone declares its own figures, measured by
`benchmarks/memory.py`. No heavy imports here: planning uses this file.
"""

import math
from collections.abc import Callable
from pathlib import Path

from weakseg.backbones import BACKBONES
from weakseg.config import Config
from weakseg.crf.memory import peak_mb
from weakseg.dataset.survey import largest_image
from weakseg.saliency.methods.declaration import TrainedMethod
from weakseg.training.settings import TrainingConfig

PROCESS_MB = 1000
"""Python, torch and its libraries, with a network's weights at prediction."""
FORWARD_SHARE = 0.3
"""Upper bound of prediction's share of a training step's `pixel_bytes`: no gradients are kept."""
DECODED_BYTES = 40
"""Bytes per pixel of an image: the decoded image, label maps and results at the image's size."""
MAP_BYTES = 12
"""Bytes per pixel of each map enlarged to the image: the map, its score and a mask."""
WALK_BYTES = 64
"""Bytes per pixel of a walk: 34 affinities of each cell of 4×4 pixels in several copies, and its scores."""
MOST_PRESENT = 5
"""Assumed upper bound of the classes in one image."""


def needed_mb(config: Config, rule: str, width: int, height: int) -> int:
    """Upper bound of the memory of a rule.

    Args:
        config: of the run.
        rule: one of `saliency_train`, `attention_train`, `segmenter_train`, `detector_train`, `saliency_maps`,
            `attention_maps`, `proxy_fuse`, `affinity_train`, `affinity_walk`, `proxy_refine`, `segmenter_predict`,
            `segmenter_refine`, `segmenter_relabel`, `detector_predict` and `evaluate`.
        width, height: of the largest image, pixels.
    """
    room, _, step = rule.partition("_")
    if step != "train":
        return math.ceil(_of_images(config, rule, width, height))
    section = getattr(config, room)
    network = section.own if room == "saliency" else section.backbone
    return math.ceil(_training(section.training, network.architecture))


def training_cores(config: Config, room: str) -> int:
    """`threads` of a room's training: as many cores as its network uses."""
    section = getattr(config, room)
    network = section.own if room == "saliency" else section.backbone
    declared = BACKBONES.get(getattr(network, "architecture", ""))
    return 1 if declared is None else declared.cores


def megabytes(config: Config, dataset: Path, rule: str) -> Callable[[object, int], int]:
    """`mem_mb` of a rule for Snakemake, a function of wildcards and attempt; each attempt adds half of the first.

    It needs the size of the largest image. Until the index in the folder `dataset` exists it raises a
    `FileNotFoundError`, after which Snakemake asks again.
    """

    def mem_mb(wildcards: object, attempt: int) -> int:
        height, width = largest_image(dataset)
        return int(needed_mb(config, rule, width, height) * (1 + attempt) / 2)

    return mem_mb


def _of_images(config: Config, rule: str, width: int, height: int) -> float:
    pixels, classes = width * height, len(config.dataset.classes) or config.dataset.own.usual_classes
    present = min(classes, MOST_PRESENT) + 1
    fused = MAP_BYTES * present * pixels / 1e6
    scores = MAP_BYTES * (classes + 1) * pixels / 1e6
    refined = peak_mb(width, height, present, config.proxy.refine.crf.longest)
    crf = config.segmenter.prediction.crf.longest
    own: dict[str, Callable[[], float]] = {
        "saliency_maps": lambda: _saliency_maps(config, pixels),
        "attention_maps": lambda: _attention_maps(config, max(width, height)),
        "proxy_fuse": lambda: fused,
        "proxy_refine": lambda: refined,
        "affinity_walk": lambda: 2 * fused + _walking(config, width, height),
        "segmenter_predict": lambda: scores + _predicting(config, width, height),
        "segmenter_refine": lambda: scores + peak_mb(width, height, classes + 1, crf),
        "segmenter_relabel": lambda: refined + _predicting(config, width, height),
        "detector_predict": lambda: _inference(
            config.detector.backbone.architecture,
            (config.detector.prediction.size or max(width, height)) ** 2,
        ),
        "evaluate": lambda: fused,
    }
    return PROCESS_MB + DECODED_BYTES * pixels / 1e6 + own[rule]()


def _attention_maps(config: Config, longest: int) -> float:
    maps = config.attention.maps
    images = maps.batch_size * (2 if maps.flip else 1)
    gradients = 3 if maps.source == "gradcam" else 1
    side = (maps.size or longest) * max(maps.scales)
    pixels = side**2 * images * gradients
    return _inference(config.attention.backbone.architecture, pixels)


def _training(training: TrainingConfig, architecture: str) -> float:
    backbone, pixels = BACKBONES[architecture], training.crop**2 * training.batch_size
    return PROCESS_MB + backbone.network_mb + backbone.pixel_bytes * pixels / 1e6


def _saliency_maps(config: Config, pixels: int) -> float:
    own = config.saliency.own
    if not isinstance(own, TrainedMethod):
        return float(own.maps_mb())
    size = getattr(own, "size", None)
    return _inference(own.architecture, size**2 if size else pixels)


def _inference(architecture: str, pixels: float) -> float:
    backbone = BACKBONES[architecture]
    return backbone.network_mb / 2 + FORWARD_SHARE * backbone.pixel_bytes * pixels / 1e6


def _walking(config: Config, width: int, height: int) -> float:
    longest = config.affinity.walk.longest or max(width, height)
    pixels = width * height * min(1.0, longest / max(width, height, 1)) ** 2
    affinities = WALK_BYTES * pixels / 1e6
    return _inference(config.affinity.backbone.architecture, 2 * pixels) + affinities


def _predicting(config: Config, width: int, height: int) -> float:
    prediction = config.segmenter.prediction
    longest = max(width, height)
    scale = max(prediction.scales) * min(1.0, (prediction.longest or longest) / max(longest, 1))
    pixels = width * height * scale**2 * (2 if prediction.flip else 1)
    return _inference(config.segmenter.backbone.architecture, pixels)
