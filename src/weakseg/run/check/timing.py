"""How long a run takes on this machine, from one short measurement of each stage.

Each network is built untrained and takes training steps of noise, of the whole batch if that is small, else of two
batches, from which that of the whole follows; maps, predictions and CRF are made for one image. Loading of images and
the start of jobs are not counted.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate

from weakseg.crf.engine import dense_crf
from weakseg.crf.settings import CrfConfig
from weakseg.crf.size import seen_size
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.devices import device
from weakseg.run.table import Table
from weakseg.training.augment import Crops
from weakseg.training.precision import autocast
from weakseg.training.settings import TrainingConfig
from weakseg.weights.cache import locate

_IMAGES = 2  # of noise, and of the smaller measured batch
_MOST_CALLS, _LONG = 4, 1.0  # a call that takes longer than these seconds is not repeated
_PIXELS = 300_000  # of the crops of the larger measured batch, at least
_PRESENT = 2  # labels that the CRF of a proxy decides between: background and one class


def stages(table: Table, images: dict[str, int], size: tuple[int, int], cores: int) -> dict[str, float]:
    """Name of a room → seconds that its stages will take.

    Args:
        table: of the run.
        images: split → number of images.
        size: height and width of a typical image.
        cores: that jobs of one core share.
    """
    config = table.config
    mapped, scored = images.get("train", 0) + images.get("val", 0), images.get(config.evaluation.split, 0)
    with TemporaryDirectory() as folder:
        index = _noise(Path(folder), size, config.dataset.classes or ["object"])
        found = {
            "saliency": _saliency(table, index) * mapped,
            "attention": _attention(table, index, mapped),
            "proxies": _refining(size, _PRESENT, config.proxy.refine.crf) * mapped / cores,
            "segmenter": _segmenter(table, index, scored, cores) * config.segmenter.rounds,
        }
    return {name: seconds for name, seconds in found.items() if seconds > 0}


def _noise(folder: Path, size: tuple[int, int], classes: Sequence[str]) -> Index:
    """Images of noise that show the first class."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.jpg")
    records = [
        Record(f"{number}", folder / "noise.jpg", "train", (classes[0],), None) for number in range(_IMAGES)
    ]
    return Index(records, tuple(classes), tuple(range(len(classes) + 1)))


def _seconds(function: Callable[[], object]) -> float:
    """The shortest time of some calls, after a first one, which allocates and compiles."""
    function()
    times = [_timed(function)]
    while len(times) < _MOST_CALLS and sum(times) < _LONG:
        times.append(_timed(function))
    return min(times)


def _timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _training(network: Any, samples: Any, training: TrainingConfig) -> float:
    """Seconds of a whole training: a step has a fixed cost, such as the optimiser's, and one for each image."""
    network = network.train().to(device(), memory_format=torch.channels_last)
    few = min(_IMAGES, training.batch_size)
    more = min(training.batch_size, max(2 * _IMAGES, _PIXELS // training.crop**2))
    step = _seconds(_step(network, samples, training, more))
    if more < training.batch_size:
        image = max(0.0, step - _seconds(_step(network, samples, training, few))) / (more - few)
        step += image * (training.batch_size - more)
    return step * training.iterations


def _step(network: Any, samples: Any, training: TrainingConfig, images: int) -> Callable[[], None]:
    """A training step of a batch of some images."""
    generator = np.random.default_rng(0)
    chosen = [samples.sample(number % len(samples), generator) for number in range(images)]
    batch = {name: values.to(device()) for name, values in default_collate(chosen).items()}

    def step() -> None:
        with autocast(training.precision, device()):
            loss: Tensor = torch.stack(list(network.losses(batch).values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]

    return step


def _attention(table: Table, index: Index, images: int) -> float:
    if not table.makes("attention_train"):
        return 0.0
    from weakseg.attention.maps import attention_maps
    from weakseg.attention.network import build, enrol
    from weakseg.attention.samples import LabelledImages

    config = table.config.attention
    network = build(config, len(index.classes))
    enrol(network, index)
    crops = Crops(config.training, network.backbone.fill, whole=network.memory is not None)
    trained = _training(network, LabelledImages(index, index.records, crops, network.memory), config.training)
    maps = _seconds(lambda: list(attention_maps(network, index, index.records, config.maps, device())))
    return trained + maps / _IMAGES * images


def _saliency(table: Table, index: Index) -> float:
    """Seconds of one image's map; of a network that the run trains, or reads from elsewhere, none."""
    config = table.config.saliency
    own = config.own
    if not table.makes("saliency_maps") or config.trains or own.name == "folder" or lacks_saliency(table):
        return 0.0
    source = own.source(config.flip, lambda sentence: None)
    return _seconds(lambda: source(index.records[0]))


def lacks_saliency(table: Table) -> bool:
    """Whether the saliency network is not fetched yet. A check fetches nothing, and so cannot run it."""
    known = table.config.saliency.own.known()
    return known is not None and locate(known) is None


def _segmenter(table: Table, index: Index, images: int, cores: int) -> float:
    from weakseg.crf.size import shrunk
    from weakseg.dataset.images import read_image
    from weakseg.segmenter.network import build, ready
    from weakseg.segmenter.prediction.predict import predict_scores
    from weakseg.segmenter.samples import LabelledPixels

    config = table.config.segmenter
    network, image = build(config, len(index.classes)), read_image(index.records[0].image)
    half = np.zeros(image.shape[:2], np.uint8)
    half[: len(half) // 2] = 1
    crops = Crops(config.training, network.backbone.fill)
    trained = _training(network, LabelledPixels(index.records, lambda record: half, crops), config.training)
    seen, prediction = shrunk(image, config.prediction.longest), config.prediction
    network = ready(network)
    predicted = _seconds(lambda: predict_scores(network, seen, prediction, device()))
    refined = _refining(seen.shape[:2], len(index.classes) + 1, prediction.crf)
    return trained + images * (predicted + refined / cores)


def _refining(size: Sequence[int], labels: int, crf: CrfConfig) -> float:
    """Seconds of the CRF of one image."""
    height, width = seen_size(np.zeros(size, np.uint8), crf.longest)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    even = np.full((labels, height, width), 1 / labels, np.float32)
    return _seconds(lambda: dense_crf(image, even, crf))


def described() -> str:
    """Where the networks compute: `NVIDIA H200, 140 GB` or `2 cores`."""
    threads = torch.get_num_threads()
    where = f"{threads} cores" if threads > 1 else "1 core"
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        where = f"{found.name} with {found.total_memory / 1e9:.0f} GB"
    busy = os.getloadavg()[0] - 1 > (os.cpu_count() or 1)
    return where + (", while other programs are at work" if busy else "")
