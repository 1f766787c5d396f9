"""Building, starting and loading saliency networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weakseg.backbones.weights import InitialWeights, read_initial_weights
from weakseg.crf.size import shrunk
from weakseg.devices import device
from weakseg.errors import InputError
from weakseg.saliency.maps import Source, of_images
from weakseg.saliency.methods.declaration import NetworkMethod, Say, TrainedMethod
from weakseg.saliency.methods.parts import SaliencyNetwork
from weakseg.saliency.settings import SaliencyConfig
from weakseg.settings.reading import parse
from weakseg.storage.weights import Weights, file_sha256, load_weights, restore

_SHAPING = ("architecture", "stride", "activation", "stages")
"""Values of a section that decide whether the weights of one network fit another."""


@dataclass(frozen=True)
class Start:
    """What a training starts from: nothing, ImageNet weights of the backbones, or a trained network.

    Attributes:
        provenance: where they come from.
        initial: of the backbones.
        trained: a network of the same method, or the `rcrnet` inside a video model.
    """

    provenance: dict[str, str]
    initial: InitialWeights | None = None
    trained: Weights | None = None


def build(settings: TrainedMethod, start: Start | None = None) -> SaliencyNetwork:
    """An untrained network, started from `start` if that is given, the first stages of its backbones frozen."""
    network: SaliencyNetwork = settings.maker()(settings)
    for backbone in network.backbones():
        if start is not None and start.initial is not None:
            backbone.load(start.initial)
        if isinstance(settings, NetworkMethod):
            backbone.freeze(settings.backbone.frozen_stages)
    if start is not None and start.trained is not None:
        same = start.trained.settings["method"] == settings.name
        part = network if same else network.get_submodule("image_model")
        part.load_state_dict(start.trained.state)
    return network


def read_start(settings: TrainedMethod) -> Start:
    """What the training of a section starts from.

    Raises:
        InputError: it is missing, damaged or does not fit.
    """
    if not isinstance(settings, NetworkMethod):
        return Start({"source": "none"})
    if settings.start is None:
        initial = read_initial_weights(settings.backbone.weights, "auto", settings.architecture)
        return Start(initial.provenance if initial else {"source": "none"}, initial)
    path = Path(settings.start)
    weights = load_start(path, settings)
    made_by = weights.settings
    provenance = {"source": str(path), "sha256": file_sha256(path), "trained_on": made_by["trained_on"]}
    data = made_by[made_by["method"]].get("data", {})
    if data.get("source") == "folder":
        provenance["masks"] = data["masks"]
    if weights.initial.get("source", "none") != "none":
        provenance |= {f"initial_{name}": value for name, value in weights.initial.items()}
    return Start(provenance, trained=weights)


def load_start(path: Path, settings: NetworkMethod) -> Weights:
    """Weights of a trained network that a training of these settings can start from.

    Raises:
        InputError: they are of another method, architecture, stride, activation or number of stages.
    """
    weights = load_weights(path, "saliency")
    made = section_of(path, weights)
    found = {"method": made.name} | _shape(made)
    inside = settings.name == "rcrnet_video" and made.name == "rcrnet"
    expected = {"method": made.name if inside else settings.name} | _shape(settings)
    for name, value in expected.items():
        if found.get(name) != value:
            raise InputError(
                f"saliency.{settings.name}.start is {path}, whose {name} is {found.get(name)}; {value} was expected: "
                "give weights that fit, or set this method's values to theirs."
            )
    return weights


def _shape(settings: TrainedMethod) -> dict[str, Any]:
    return {name: value for name in _SHAPING if (value := getattr(settings, name, None)) is not None}


def section_of(path: Path, weights: Weights) -> TrainedMethod:
    """The settings of the method that trained these weights.

    Raises:
        InputError: another version wrote them.
    """
    known = {name: value for name, value in weights.settings.items() if name != "trained_on"}
    own: TrainedMethod = parse(SaliencyConfig, known, str(path)).own
    return own


def load(path: Path) -> SaliencyNetwork:
    """A trained saliency network, in evaluation mode.

    Raises:
        InputError: not saliency weights, or of another version.
    """
    weights = load_weights(path, "saliency")
    return restore(path, weights, lambda _: build(section_of(path, weights))).eval()


def source_of(settings: SaliencyConfig, weights: Path | None, say: Say) -> Source:
    """The maps of a section's method.

    Args:
        settings: of the saliency maps.
        weights: the network that the run trained, of methods that train one.
        say: is given what users should know about the maps' files.

    Raises:
        InputError: what the maps come from is missing or does not fit.
    """
    own = settings.own
    if not isinstance(own, TrainedMethod):
        found: Source = own.source(settings.flip, say)
        return found
    trained = getattr(own, "trained", None)
    if weights is None and trained is None:
        raise InputError(
            f"saliency.method is '{own.name}' but no --weights were given; train the network first."
        )
    return network_source(weights or Path(str(trained)), getattr(own, "size", None), settings.flip)


def network_source(weights: Path, size: int | None = None, flip: bool = False) -> Source:
    """Maps of a saliency network that was trained here.

    Args:
        weights: the trained network.
        size: longest side that larger images are brought to; `None` keeps every image's size.
        flip: average with the map of the mirrored image.

    Raises:
        InputError: not saliency weights.
    """
    network = load(weights).to(device())

    def saliency(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            maps = network.saliency(as_batch(shrunk(image, size)).to(device()))
        found: np.ndarray = maps[0, 0].cpu().numpy()
        return found

    return of_images(saliency, flip)


def as_batch(image: np.ndarray) -> torch.Tensor:
    """H×W×3 → 1×3×H×W."""
    return torch.from_numpy(image).permute(2, 0, 1)[None]
