"""Building and loading a segmenter."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from weakseg.backbones.start import Start
from weakseg.backbones.weights import InitialWeights
from weakseg.devices import device
from weakseg.segmenter.loss import PixelLoss
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.storage.weights import Weights, load_weights, restore


def make(settings: SegmenterMethod, architecture: str, classes: int) -> PixelClassifier:
    """A segmenter by its own settings, on a backbone, for C classes without background."""
    network: PixelClassifier = settings.maker()(architecture, classes, settings)
    return network


def build(section: SegmenterConfig, classes: int, initial: Start = None) -> PixelClassifier:
    """An untrained segmenter, its backbone's first stages frozen.

    Args:
        section: its settings.
        classes: number of classes C, without background.
        initial: published weights, or the state of a trained backbone.
    """
    network = make(section.own, section.backbone.architecture, classes)
    if isinstance(initial, InitialWeights):
        network.load(initial)
    elif initial is not None:
        network.backbone.take_trained(initial)
    network.backbone.freeze(section.backbone.frozen_stages)
    if section.backbone.freezes_normalization:
        network.backbone.freeze_normalization()
    network.pixel_loss = PixelLoss(section.loss, section.balance)
    return network


def load(path: Path, classes: Sequence[str]) -> PixelClassifier:
    """A trained segmenter on its device, in evaluation mode.

    Raises:
        InputError: not segmenter weights, of another version, or trained for other classes.
    """
    return ready(from_weights(path, load_weights(path, "segmenter", classes)))


def ready(network: PixelClassifier) -> PixelClassifier:
    """The network on its device, in evaluation mode."""
    return network.eval().to(device()).to(memory_format=torch.channels_last)


def from_weights(path: Path, weights: Weights) -> PixelClassifier:
    """The segmenter that a weights file holds.

    Raises:
        InputError: weights of another version.
    """

    def untrained(settings: dict[str, Any]) -> PixelClassifier:
        method = NETWORKS[settings["method"]]
        return make(
            method(**settings.get(method.section(), {})),
            settings["backbone"]["architecture"],
            len(weights.classes),
        )

    return restore(path, weights, untrained)
