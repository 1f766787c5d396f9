"""RCRNet's released weights (`image_pretrained_model.pth`, `video_best_model.pth`) under the names used here.

The layers are the same. Two things differ besides names: a non-local block has three-dimensional 1×1×1 convolutions
there, and the update gate of its recurrent units says how much of the old state is kept, the complement of ours. As
σ(−x) = 1 − σ(x), that gate's weights and bias are negated.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from weakseg.errors import InputError
from weakseg.saliency.methods.rcrnet import RcrNetSettings
from weakseg.saliency.methods.rcrnet_video import RcrNetVideoSettings
from weakseg.storage.weights import Weights, file_sha256

TRAINED_ON = {"rcrnet": "MSRA-B + HKU-IS masks", "rcrnet_video": "MSRA-B + HKU-IS + VOS + DAVIS + FBMS masks"}
"""By the repository's training instructions."""
_PYRAMID = {
    "imagepool.conv.conv": "whole.1",
    "imagepool.conv.bn": "whole.2",
    "fire.conv.conv": "fuse.0",
    "fire.conv.bn": "fuse.1",
}
_DECODER = {"conv1.conv": "0", "conv1.bn": "1", "conv2": "3"}
_NON_LOCAL = {"theta": "theta", "phi": "phi", "g": "value", "W": "out"}


def read_released(path: Path, stride: Literal[8, 16] = 16) -> Weights:
    """Weights of a released model, as `weights.pt` keeps them.

    Args:
        path: the file.
        stride: output stride to use them at; the released training has 16.

    Raises:
        InputError: missing, unreadable, or not the released layers.
    """
    found = _read(path)
    video = any(name.startswith("convgru_") for name in found)
    settings = RcrNetVideoSettings(stride=stride) if video else RcrNetSettings(stride=stride)
    named = {ours: value for name, value in found.items() if (ours := _image_name(name, video)) is not None}
    if video:
        named |= _video_part(found, path)
    expected = settings.maker()(settings).state_dict()
    state = {name: _fitting(path, name, value, named) for name, value in expected.items()}
    unknown = [name for name in found if _image_name(name, video) not in (None, *expected)]
    if unknown:
        raise InputError(f"{path} holds '{unknown[0]}' besides RCRNet's layers; {_EXPECTED}.")
    text = TRAINED_ON[settings.name]
    return Weights(
        "saliency",
        state,
        {"method": settings.name, settings.name: settings.values(), "trained_on": text},
        [],
        {"source": str(path), "sha256": file_sha256(path), "trained_on": text},
    )


_EXPECTED = (
    "a released RCRNet (image_pretrained_model.pth or video_best_model.pth) was expected: give that file"
)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, without what training wraps them in."""
    if not path.is_file():
        raise InputError(f"{path} is missing; {_EXPECTED}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a foreign file
        raise InputError(
            f"{path} cannot be read as weights ({type(error).__name__}); {_EXPECTED}."
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path} holds no named tensors; {_EXPECTED}.")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _image_name(name: str, video: bool) -> str | None:
    """Our name of one of the image model's tensors; `None` for the classifier and what is not the image model's."""
    if not name.startswith("backbone."):
        return None if video else name
    part, _, rest = name.removeprefix("backbone.").partition(".")
    if part == "resnet":
        ours = None if rest.startswith("fc.") else f"backbone.{rest}"
    elif part == "aspp":
        ours = f"pyramid.{_pyramid(rest)}"
    elif part.startswith("refinement"):
        ours = f"refinements.{int(part[-1]) - 1}.{_refinement(rest)}"
    else:
        ours = f"{part}.{_renamed(rest, _DECODER)}"
    return ours if ours is None or not video else f"image_model.{ours}"


def _pyramid(rest: str) -> str:
    if not rest.startswith("stages.c"):
        return _renamed(rest, _PYRAMID)
    number, layer, tensor = rest.removeprefix("stages.c").split(".", 2)
    return f"branches.{number}.{'0' if layer == 'conv' else '1'}.{tensor}"


def _refinement(rest: str) -> str:
    if rest.startswith("skip."):
        return f"reduce.{rest.removeprefix('skip.')}"
    return _renamed(rest, {"refine.conv": "join.0", "refine.bn": "join.1"})


def _renamed(rest: str, names: Mapping[str, str]) -> str:
    layer, _, tensor = rest.rpartition(".")
    return f"{names.get(layer, layer)}.{tensor}"


def _video_part(found: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The non-local blocks and the recurrence, by our names."""
    named = {}
    try:
        for theirs, ours in (("non_local_block", "first"), ("non_local_block2", "second")):
            for layer, name in _NON_LOCAL.items():
                named[f"{ours}.{name}.weight"] = found[f"{theirs}.{layer}.weight"].flatten(2)[..., None]
                named[f"{ours}.{name}.bias"] = found[f"{theirs}.{layer}.bias"]
        for direction in ("forward", "backward"):
            cell, ours = f"convgru_{direction}", f"recurrence.{direction}s"
            for tensor in ("weight", "bias"):
                gates = (-found[f"{cell}.update_gate.{tensor}"], found[f"{cell}.reset_gate.{tensor}"])
                named[f"{ours}.gates.{tensor}"] = torch.cat(gates)
                named[f"{ours}.candidate.{tensor}"] = found[f"{cell}.output_gate.{tensor}"]
        for tensor in ("weight", "bias"):
            named[f"recurrence.join.{tensor}"] = found[f"bidirection_conv.{tensor}"]
    except KeyError as error:
        raise InputError(f"{path} lacks {error}; {_EXPECTED}.") from None
    return named


def _fitting(path: Path, name: str, expected: Tensor, named: Mapping[str, Tensor]) -> Tensor:
    """The tensor of a name; what PyTorch added later, and the normalisation of the input, are the network's own."""
    if name.endswith(("num_batches_tracked", "backbone.mean", "backbone.std")):
        return named.get(name, expected)
    found = named.get(name)
    if found is None or found.shape != expected.shape:
        held = "nothing" if found is None else "×".join(map(str, found.shape))
        raise InputError(
            f"{path} holds {held} for the layer '{name}', which has {'×'.join(map(str, expected.shape))}; {_EXPECTED}."
        )
    return found
