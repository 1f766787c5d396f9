"""Building and loading an affinity network."""

from pathlib import Path
from typing import Any

from weakseg.affinity.networks import NETWORKS
from weakseg.affinity.networks.declaration import AffinityMethod
from weakseg.affinity.networks.parts import AffinityNetwork
from weakseg.affinity.settings import AffinityConfig
from weakseg.backbones.start import Start
from weakseg.backbones.weights import InitialWeights
from weakseg.devices import device
from weakseg.storage.weights import load_weights, restore


def make(settings: AffinityMethod, architecture: str) -> AffinityNetwork:
    """A network by its own settings, on a backbone."""
    network: AffinityNetwork = settings.maker()(architecture, settings)
    return network


def build(section: AffinityConfig, initial: Start = None) -> AffinityNetwork:
    """An untrained network.

    Args:
        section: its settings.
        initial: published weights, or the state of a trained backbone.
    """
    network = make(section.own, section.backbone.architecture)
    if isinstance(initial, InitialWeights):
        network.load(initial)
    elif initial is not None:
        network.backbone.take_trained(initial)
    network.backbone.freeze(section.backbone.frozen_stages)
    if section.backbone.freezes_normalization:
        network.backbone.freeze_normalization()
    network.new_layers_rate = section.new_layers_rate
    return network


def load(path: Path) -> AffinityNetwork:
    """A trained network on its device, in evaluation mode.

    Raises:
        InputError: not affinity weights, or of another version.
    """

    def untrained(settings: dict[str, Any]) -> AffinityNetwork:
        method = NETWORKS[settings["method"]]
        return make(method(**settings.get(method.section(), {})), settings["backbone"]["architecture"])

    return restore(path, load_weights(path, "affinity"), untrained).eval().to(device())
