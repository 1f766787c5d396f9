"""Building and loading attention networks."""

from pathlib import Path
from typing import Any

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.settings import AttentionConfig
from weakseg.backbones.weights import InitialWeights
from weakseg.dataset.index import Index
from weakseg.storage.weights import load_weights, restore


def build(section: AttentionConfig, classes: int, initial: InitialWeights | None = None) -> Classifier:
    """An untrained attention network, its backbone initialised from `initial` if given, its first stages frozen."""
    own, backbone = section.own, section.backbone
    network: Classifier = own.maker()(
        backbone.architecture, classes, own, section.stride, section.new_layers_rate
    )
    if initial is not None:
        network.backbone.load(initial)
    network.backbone.freeze(backbone.frozen_stages)
    if backbone.freezes_normalization:
        network.backbone.freeze_normalization()
    return network


def enrol(network: Classifier, index: Index) -> None:
    """Give the network's memory, if it has one, a slot for each class of each training image."""
    if network.memory is not None:
        network.memory.enrol([(record.id, record.labels) for record in index.split("train")])


def load(path: Path, index: Index) -> Classifier:
    """A trained attention network.

    Raises:
        InputError: not attention weights, of another version, or trained for other classes.
    """
    weights = load_weights(path, "attention", index.classes)

    def untrained(settings: dict[str, Any]) -> Classifier:
        network = build(AttentionConfig.model_validate(settings), len(index.classes))
        enrol(network, index)
        return network

    return restore(path, weights, untrained)
