"""Initial weights of the backbones, with the normalisation that belongs to them.

Networks here take RGB in 0…255. Weights trained on BGR have the input channels of their first convolution
reversed on reading, so that channel order needs no switch later.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from weakseg.backbones import BACKBONES
from weakseg.backbones.architecture import Torchvision
from weakseg.backbones.states import check_finite, read_state, require_file, unreadable
from weakseg.errors import InputError
from weakseg.storage.weights import file_sha256
from weakseg.weights.cache import provenance, ready
from weakseg.weights.known import Known, find, near

Triple = tuple[float, float, float]

NORMALIZATIONS: dict[str, tuple[Triple, Triple, bool]] = {
    # name: (mean, std, whether the weights expect BGR); RGB order, 0…255
    "torchvision": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), False),
    "caffe_rgb": ((123.0, 117.0, 104.0), (1.0, 1.0, 1.0), False),  # IMAGENET1K_FEATURES
    "caffe_bgr": ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), True),
    # [-1, 1]: torchvision's Inception-v3 came from TensorFlow and undoes the usual normalisation first
    "inception": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), False),
}

CLASSIFIERS = ("fc.", "classifier.", "AuxLogits.")
"""Names of the parts of a torchvision network that no backbone has."""

# Widths of the 13 convolutions, input channels first.
_CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
_KERAS_NAMES = [f"block{b}_conv{c}" for b, n in enumerate((2, 2, 3, 3, 3), start=1) for c in range(1, n + 1)]
_FIRST = "features.0.weight"
_TORCHVISION_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@dataclass(frozen=True)
class InitialWeights:
    """Weights for RGB input in 0…255.

    Attributes:
        convolutions: VGG16: 13 pairs of weight O×I×3×3 and bias O, float32.
        fc6: 4096×512×7×7 weight and its bias, if the source has it; AlexNet's is 4096×256×6×6.
        fc7: 4096×4096×1×1 weight and its bias, if the source has it.
        mean, std: normalisation, RGB.
        provenance: `source` and `sha256`.
        state: of the architectures that declare `torchvision`: its parameters by name.
    """

    convolutions: list[tuple[Tensor, Tensor]]
    fc6: tuple[Tensor, Tensor] | None
    fc7: tuple[Tensor, Tensor] | None
    mean: Triple
    std: Triple
    provenance: dict[str, str]
    state: Mapping[str, Tensor] | None = None


def read_initial_weights(
    source: str, normalization: str = "auto", architecture: str = "vgg16"
) -> InitialWeights | None:
    """Read weights by name or from a file; `none` gives `None`.

    Args:
        source: a name of `weakseg.weights.known`, whose file is fetched if the cache lacks it; `none`; or a `.pth`,
            `.safetensors`, `.npz` or `.h5` file.
        normalization: a name of `NORMALIZATIONS`; `auto` takes the usual one of the format.
        architecture: whose weights are expected.

    Raises:
        InputError: unknown name or format, missing or damaged file, or not this architecture's weights; or they cannot
            be fetched.
    """
    if source == "none":
        return None
    network, known = BACKBONES[architecture].torchvision, find(source, architecture)
    if architecture.startswith("timm/"):
        return _timm(source, known, normalization, architecture)
    if architecture.startswith("smp/"):
        return _smp(Path(source), normalization, architecture.removeprefix("smp/"))
    if network is not None:
        return _torchvision(source, known, normalization, architecture, network)
    if known is None:
        weights, usual = _read_file(Path(source))
    else:
        path = ready(known)
        weights = replace(_read_torch(path), provenance=provenance(known, path))
        usual = "caffe_rgb" if known.torchvision == "IMAGENET1K_FEATURES" else "torchvision"
    mean, std, is_bgr = NORMALIZATIONS[usual if normalization == "auto" else normalization]
    if is_bgr:
        first, bias = weights.convolutions[0]
        weights.convolutions[0] = (first.flip(1), bias)
    return replace(weights, mean=mean, std=std)


def _timm(source: str, known: Known | None, normalization: str, architecture: str) -> InitialWeights:
    """Timm's state of a model, by name or from a file; its own filter renames what other programs published."""
    from weakseg.backbones.timm_models import expected_state, own_names

    path = Path(source) if known is None else ready(known)
    if path.suffix not in (".pth", ".pt", ".safetensors"):
        raise InputError(
            f"backbone.weights is '{source}' for {architecture}; none, a file ending in .pth or .safetensors or a name "
            f"was expected: {near(source, architecture)}."
        )
    name = architecture.removeprefix("timm/")
    expected, config, first = expected_state(name, "" if known is None else known.name)
    state = own_names(name, read_state(path, next(iter(expected))), expected)
    _require(state, expected, source, f"timm's {name}")
    origin = {"source": source, "sha256": file_sha256(path)} if known is None else provenance(known, path)
    if normalization == "auto":
        mean, std = (tuple(255.0 * value for value in config[key]) for key in ("mean", "std"))
    else:
        mean, std, is_bgr = NORMALIZATIONS[normalization]
        if is_bgr:
            state = {**state, first: state[first].flip(1)}
    return InitialWeights([], None, None, mean, std, origin, state)


def _smp(path: Path, normalization: str, encoder: str) -> InitialWeights:
    """The state of one of segmentation_models_pytorch's own encoders, from a file; more may stand in it."""
    from weakseg.backbones.smp_encoders import FILES, expected_state, usual_normalization

    if path.suffix not in FILES:
        raise InputError(
            f"backbone.weights is '{path}' for smp/{encoder}; none or a file ending in {', '.join(FILES)} was expected."
        )
    expected = expected_state(encoder)
    state = read_state(path, next(iter(expected)))
    _require(state, expected, str(path), f"segmentation_models_pytorch's {encoder}")
    mean, std, is_bgr = NORMALIZATIONS[
        usual_normalization(encoder) if normalization == "auto" else normalization
    ]
    if is_bgr:
        first = next(name for name, value in expected.items() if value.ndim == 4)
        state = {**state, first: state[first].flip(1)}
    provenance = {"source": str(path), "sha256": file_sha256(path)}
    return InitialWeights([], None, None, mean, std, provenance, state)


def _require(state: Mapping[str, Tensor], needed: Mapping[str, Tensor], source: str, network: str) -> None:
    """Refuse a state that lacks a parameter, or has it in another shape or not finite."""
    for name, value in needed.items():
        found = state.get(name)
        if found is None or found.shape != value.shape:
            raise InputError(
                f"weights file {source} holds {'nothing' if found is None else tuple(found.shape)} as '{name}'; "
                f"{network} has {tuple(value.shape)}: give such weights."
            )
        check_finite(found, name, source)


def _torchvision(
    source: str, known: Known | None, normalization: str, architecture: str, network: Torchvision
) -> InitialWeights:
    """Torchvision's state of an architecture, by name or from a `.pth` or `.safetensors` file."""
    from torchvision import models

    with torch.device("meta"):
        expected = models.get_model(architecture, weights=None, **network.built_with).state_dict()
    path = Path(source) if known is None else ready(known)
    if path.suffix not in (".pth", ".pt", ".safetensors"):
        raise InputError(
            f"backbone.weights is '{source}' for {architecture}; none, a file ending in .pth or .safetensors or a name "
            f"was expected: {near(source, architecture)}."
        )
    state = read_state(path, next(iter(expected)))
    origin = {"source": source, "sha256": file_sha256(path)} if known is None else provenance(known, path)
    needed = {name: value for name, value in expected.items() if not name.startswith(CLASSIFIERS)}
    _require(state, needed, source, f"torchvision's {architecture}")
    mean, std, is_bgr = NORMALIZATIONS[network.normalization if normalization == "auto" else normalization]
    if is_bgr:
        first = next(name for name, value in expected.items() if value.ndim == 4)
        state = {**state, first: state[first].flip(1)}
    fc6 = fc7 = None
    if architecture == "alexnet":
        fc6 = _dense(state, "classifier.1", (4096, 256, 6, 6))
        fc7 = _dense(state, "classifier.4", (4096, 4096, 1, 1))
    return InitialWeights([], fc6, fc7, mean, std, origin, state)


def _read_file(path: Path) -> tuple[InitialWeights, str]:
    readers: dict[str, tuple[Callable[[Path], InitialWeights], str]] = {
        ".npz": (_read_npz, "caffe_bgr"),
        ".h5": (_read_keras, "caffe_bgr"),
        ".pth": (_read_torch, "torchvision"),
        ".pt": (_read_torch, "torchvision"),
        ".safetensors": (_read_torch, "torchvision"),
    }
    if path.suffix not in readers:
        raise InputError(
            f"backbone.weights is '{path}'; none, a file ending in {', '.join(readers)} or a name was expected: "
            f"{near(str(path), 'vgg16')}."
        )
    require_file(path)
    reader, usual = readers[path.suffix]
    try:
        weights = reader(path)
    except InputError:
        raise
    except Exception as error:  # each format's library raises types of its own for a damaged file
        raise unreadable(path, error) from error
    weights.provenance["sha256"] = file_sha256(path)
    return weights, usual


def _read_npz(path: Path) -> InitialWeights:
    with np.load(path, allow_pickle=False) as file:
        named = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    return _assemble(
        named, [(f"{name}.weight", f"{name}.bias") for name in _KERAS_NAMES], ("fc6", "fc7"), path
    )


def _read_torch(path: Path) -> InitialWeights:
    return _from_torchvision(read_state(path, _FIRST), str(path))


def _from_torchvision(state: Mapping[str, Tensor], source: str) -> InitialWeights:
    named = {name: value.float() for name, value in state.items()}
    keys = [(f"features.{number}.weight", f"features.{number}.bias") for number in _TORCHVISION_NUMBERS]
    return _assemble(named, keys, ("classifier.0", "classifier.3"), source)


def _read_keras(path: Path) -> InitialWeights:
    """Kernels are H×W×I×O; the first dense layer flattens H, W, C in that order."""
    named: dict[str, Tensor] = {}

    def visit(name: str, item: object) -> None:
        layer = re.search(r"(block\d_conv\d|fc1|fc2)", name)
        if layer is None or not isinstance(item, h5py.Dataset):
            return
        value = torch.from_numpy(np.asarray(item[:], np.float32))
        key = layer.group(1).replace("fc1", "fc6").replace("fc2", "fc7")
        if value.ndim == 4:
            value = value.permute(3, 2, 0, 1).contiguous()
        elif key == "fc6" and value.ndim == 2:
            value = value.view(7, 7, 512, -1).permute(3, 2, 0, 1).contiguous()
        elif value.ndim == 2:
            value = value.T.contiguous()
        named[f"{key}.{'bias' if value.ndim == 1 else 'weight'}"] = value

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return _assemble(
        named, [(f"{name}.weight", f"{name}.bias") for name in _KERAS_NAMES], ("fc6", "fc7"), path
    )


def _assemble(
    named: Mapping[str, Tensor], keys: list[tuple[str, str]], dense: tuple[str, str], source: Path | str
) -> InitialWeights:
    convolutions = []
    for number, (weight_key, bias_key) in enumerate(keys):
        expected = (_CHANNELS[number + 1], _CHANNELS[number], 3, 3)
        weight, bias = named.get(weight_key), named.get(bias_key)
        found = "nothing" if weight is None or bias is None else tuple(weight.shape)
        if weight is None or bias is None or found != expected:
            raise InputError(
                f"weights file {source} holds {found} as '{weight_key}'; VGG16's {expected} was expected: "
                "give the weights of a VGG16 without batch normalisation."
            )
        check_finite(weight, weight_key, source)
        check_finite(bias, bias_key, source)
        convolutions.append((weight, bias))
    return InitialWeights(
        convolutions=convolutions,
        fc6=_dense(named, dense[0], (4096, 512, 7, 7)),
        fc7=_dense(named, dense[1], (4096, 4096, 1, 1)),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        provenance={"source": str(source)},
    )


def _dense(
    named: Mapping[str, Tensor], key: str, shape: tuple[int, int, int, int]
) -> tuple[Tensor, Tensor] | None:
    weight, bias = named.get(f"{key}.weight"), named.get(f"{key}.bias")
    if weight is None or bias is None or weight.numel() != int(np.prod(shape)):
        return None
    # IMAGENET1K_FEATURES fills its classifier with NaN: as good as absent.
    if not (bool(torch.isfinite(weight).all()) and bool(torch.isfinite(bias).all())):
        return None
    return weight.reshape(shape), bias
