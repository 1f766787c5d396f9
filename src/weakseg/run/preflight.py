"""Checks a run's input before Snakemake removes finished results.

Snakemake deletes the outputs of a job before the job can refuse its input. So the input of jobs that run again is
checked here first.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.backbones.settings import BackboneConfig
from weakseg.config import Config

if TYPE_CHECKING:
    from weakseg.dataset.records import Record


def check(config: Config, rules: Collection[str], run: Path) -> None:
    """Raise the errors that the given rules would raise about their input.

    Args:
        config: of the run.
        rules: finished rules that will run again.
        run: its folder.

    Raises:
        InputError: an input is missing, damaged or does not fit.
    """
    for check_input in dict.fromkeys(
        _CHECKS[rule] for rule in _CHECKS if rule in rules
    ):  # rules may share one
        check_input(config, run)


def _dataset(config: Config, run: Path) -> None:
    from weakseg.dataset.indexing import check_data, list_source

    folder = run / "dataset"
    if not config.dataset.own.generates and list_source(config.dataset, folder) is not None:
        check_data(config.dataset, folder)


def _initial(weights: str, architecture: str, normalization: str = "auto") -> None:
    from weakseg.backbones.weights import read_initial_weights

    if Path(weights).is_file():  # published weights have a rule of their own
        read_initial_weights(weights, normalization, architecture)


def _backbone(chosen: BackboneConfig) -> None:
    _initial(chosen.weights, chosen.architecture, chosen.normalization)


def _attention(config: Config, run: Path) -> None:
    _backbone(config.attention.backbone)


def _saliency(config: Config, run: Path) -> None:
    network = config.saliency.network()
    if network is not None and network.start is None:
        _initial(network.backbone.weights, network.backbone.architecture)


def _saliency_maps(config: Config, run: Path) -> None:
    own = config.saliency.own
    if own.known() is not None:
        return  # published weights are fetched and verified by a rule of their own
    if own.maps_read() and config.saliency.network() is None:  # loads a model, or all maps of a folder
        source = own.source(config.saliency.flip, lambda sentence: None)
        for record in _mapped(run) if own.name == "folder" else ():
            source(record)


def _attention_maps(config: Config, run: Path) -> None:
    from weakseg.attention.networks.folder import read_maps

    if not config.attention.trains:
        for record in _mapped(run):
            read_maps(Path(config.attention.own.folder), record)


def _segmenter(config: Config, run: Path) -> None:
    from weakseg.storage.review import read_corrected, read_review

    _backbone(config.segmenter.backbone)
    classes = config.dataset.classes
    if classes and config.segmenter.labels == "proxy":
        for path in read_review(run / "review").corrected.values():
            read_corrected(path, classes)


def _detector(config: Config, run: Path) -> None:
    _backbone(config.detector.backbone)


def _mapped(run: Path) -> "Sequence[Record]":
    from weakseg.dataset.index import proxy_records, read_index

    return proxy_records(read_index(run / "dataset" / "index.csv", run / "dataset" / "classes.csv"))


_CHECKS: dict[str, Callable[[Config, Path], None]] = {
    "dataset_index": _dataset,
    "dataset_masks": _dataset,
    "attention_train": _attention,
    "attention_accumulate": _attention,
    "attention_maps": _attention_maps,
    "saliency_train": _saliency,
    "saliency_maps": _saliency_maps,
    "segmenter_train": _segmenter,
    "detector_train": _detector,
}
"""Rule → check of its input."""
