"""How a model of timm is built at a stride, which stages it then has, and where their cells lie over the image.

All of it is asked of models without memory: torch's device `meta` computes shapes and what depends on what.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.backbones.timm_names import PLAIN, kind
from weakseg.errors import InputError

GROUPS = 4
"""Stages that the blocks of a plain transformer are divided into."""
SIDES = (32, 56, 64, 112, 128, 192, 224, 256, 384, 448, 512)
"""Pixels after which the windows of transformers and their strides fit again."""
REFUSALS = (RuntimeError, AssertionError, ValueError)
"""What timm's models raise for images that they cannot take."""


@dataclass(frozen=True)
class Stage:
    """A place of a model where features are taken.

    Attributes:
        index: its number for `forward_intermediates`.
        channels, stride: of the features.
        shifted: its cells lie half a cell to the right and below of where `aligned` says.
    """

    index: int
    channels: int
    stride: int
    shifted: bool = False


@dataclass(frozen=True)
class Plan:
    """A model at a stride.

    Attributes:
        name: of the model.
        options: keyword arguments of `timm.create_model`.
        stages: where its features are taken, the last one of the stride asked for.
        multiple, over, least: an image's sides must be multiple · k + over, and at least so long.
        aligned: where the cells lie, a name of `grid`.
        normalized: the model's last normalisation belongs to the features of all stages.
    """

    name: str
    options: tuple[tuple[str, Any], ...]
    stages: tuple[Stage, ...]
    multiple: int
    over: int
    least: int
    aligned: str
    normalized: bool


@lru_cache
def plan(name: str, stride: int | None = None) -> Plan:
    """How a model gives features whose last stage has the stride; without one: as the model has it.

    A convolutional network is dilated by timm. A model that cannot be dilated ends with its last stage of that stride.

    Raises:
        InputError: the model has no features, cannot have this stride, or takes images of its own size only.
    """
    options, model = _free(name)
    stages = _stages(model, name)
    if stride is not None and stages[-1].stride != stride:
        options, model, stages = _at_stride(name, options, model, stride)
    normalized = kind(name) == PLAIN
    multiple, over, least, aligned = _fitting(model, name, stages, normalized)
    if aligned == CENTRES and _shifts(model):
        stages = tuple(
            Stage(stage.index, stage.channels, stage.stride, number > 0 and stage.stride == before.stride)
            for number, (stage, before) in enumerate(zip(stages, (stages[0], *stages), strict=False))
        )
    return Plan(name, tuple(options.items()), stages, multiple, over, least, aligned, normalized)


def build(of: Plan) -> Any:
    """The model with random weights, without what follows the last stage of its plan."""
    import timm

    model = timm.create_model(of.name, pretrained=False, num_classes=0, **dict(of.options))
    cut(model, of.stages, of.normalized)
    if of.over:
        _pad_by_half(model)
    return model


def _pad_by_half(model: nn.Module) -> None:
    """Give TensorFlow's "same" convolutions the padding that sides of stride · k + 1 always need: half the reach.

    timm computes it for each image and pads a copy; an ONNX export with these formulas takes minutes.
    """
    from timm.layers.conv2d_same import Conv2dSame

    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, Conv2dSame) and _reach(layer) % 2 == 0:
                setattr(parent, name, _padded(layer))


def _padded(layer: nn.Conv2d) -> nn.Conv2d:
    """The same layer, padded by half its reach."""
    padding = tuple(
        step * (taps - 1) // 2 for step, taps in zip(layer.dilation, layer.kernel_size, strict=True)
    )
    made = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        layer.groups,
        layer.bias is not None,
        device="meta",
    )
    made.weight, made.bias = layer.weight, layer.bias
    return made


def cut(model: Any, stages: Sequence[Stage], normalized: bool) -> None:
    """Remove what follows the last of the stages."""
    indices = [stage.index for stage in stages]
    model.prune_intermediate_layers(indices, prune_norm=not normalized, prune_head=True)


def features(model: Any, images: Tensor, stages: Sequence[Stage], normalized: bool) -> list[Tensor]:
    """What the stages give, each N×D×h×w, of normalised images of a size that the model takes."""
    found: list[Tensor] = model.forward_intermediates(
        images,
        indices=[stage.index for stage in stages],
        norm=normalized,
        intermediates_only=True,
        output_fmt="NCHW",
    )
    return found


def possible(name: str, stride: int) -> int:
    """The stride where the model can have it, else its patch size or coarsest stride."""
    try:
        return plan(name, stride).stages[-1].stride
    except InputError:
        return plan(name).stages[-1].stride


@lru_cache
def reached(of: Plan, numbers: tuple[int, ...], normalized: bool) -> frozenset[str]:
    """Names of the parameters on which the features of these stages depend."""
    with torch.device("meta"):
        model = build(of).eval()
    taken = [of.stages[number] for number in numbers]
    trained = {key: value for key, value in model.named_parameters() if value.requires_grad}
    with torch.enable_grad():
        images = torch.empty(1, 3, of.least, of.least, device="meta")
        total = torch.stack([each.sum() for each in features(model, images, taken, normalized)]).sum()
        gradients = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    return frozenset(key for key, value in zip(trained, gradients, strict=True) if value is not None)


def _free(name: str) -> tuple[dict[str, Any], Any]:
    """The options under which a model takes images of other sizes than its own, as far as it can; and the model."""
    import timm

    sizes: list[dict[str, Any]] = [{"strict_img_size": False}, {}]
    if kind(name) == PLAIN:
        sizes.insert(0, {"dynamic_img_size": True, "dynamic_img_pad": True})
    for options in sizes:
        try:
            with torch.device("meta"):
                return options, timm.create_model(name, pretrained=False, num_classes=0, **options)
        except TypeError:
            continue
    raise InputError(f"timm/{name} cannot be built without its classifier; choose another model of timm.")


def _stages(model: Any, name: str) -> tuple[Stage, ...]:
    if not hasattr(model, "forward_intermediates") or not hasattr(model, "prune_intermediate_layers"):
        raise InputError(
            f"timm/{name} has no features that can be taken (forward_intermediates); choose another model of timm."
        )
    info: Sequence[Mapping[str, Any]] = getattr(model.feature_info, "info", model.feature_info)
    found = [Stage(number, each["num_chs"], each["reduction"]) for number, each in enumerate(info)]
    if kind(name) == PLAIN:
        found = [found[len(found) * part // GROUPS - 1] for part in range(1, GROUPS + 1)]
    return tuple(found)


def _at_stride(
    name: str, options: dict[str, Any], model: Any, stride: int
) -> tuple[dict[str, Any], Any, tuple[Stage, ...]]:
    """The options, model and stages of a finer stride than the model's own."""
    import timm

    own = _stages(model, name)
    if kind(name) != PLAIN and own[-1].stride > stride:
        dilated = {**options, "output_stride": stride}
        try:
            with torch.device("meta"):
                other = timm.create_model(name, pretrained=False, num_classes=0, **dilated)
        except (TypeError, *REFUSALS):
            pass
        else:
            options, model, own = dilated, other, _stages(other, name)
    ends = tuple(stage for stage in own if stage.stride <= stride)
    if ends and ends[-1].stride == stride:
        return options, model, ends
    has = ", ".join(map(str, dict.fromkeys(stage.stride for stage in own)))
    raise InputError(
        f"timm/{name} cannot have stride {stride}; its features have {has}: choose one of these, or leave the stride "
        "out."
    )


def _fitting(model: Any, name: str, stages: Sequence[Stage], normalized: bool) -> tuple[int, int, int, str]:
    """What sides the model takes, as `multiple`, `over` and `least`, and where the cells then lie.

    Padded convolutions take sides of stride · k + 1 and give k + 1 cells, which lie over corners; patches and windows
    take whole multiples.
    """
    model.eval()
    stride = stages[-1].stride
    multiples = [multiple for multiple in dict.fromkeys((stride, *SIDES)) if multiple % stride == 0]
    tries = (
        [] if normalized else [(multiple, 1) for multiple in multiples[:2]]
    )  # plain ones pad to whole patches
    tries += [(multiple, 0) for multiple in multiples]
    for multiple, over in tries:
        short, middle, long = (times * multiple + over for times in (1, 2, 3))
        aligned = CORNERS if over else CENTRES
        if _gives(model, stages, normalized, (middle, long)) == _cells((middle, long), stride, aligned):
            works = _gives(model, stages, normalized, (short, short)) == _cells(
                (short, short), stride, aligned
            )
            corners = over or _only_padded(model, stride)
            return multiple, over, short if works else middle, CORNERS if corners else CENTRES
    raise InputError(f"timm/{name} takes images of its own size only; choose a model that takes any size.")


def _gives(model: Any, stages: Sequence[Stage], normalized: bool, size: tuple[int, int]) -> list[int]:
    """Height and width of the last stage's features of an image of a size; empty if the model does not take it."""
    try:
        with torch.no_grad():
            return list(
                features(model, torch.empty(1, 3, *size, device="meta"), stages, normalized)[-1].shape[2:]
            )
    except REFUSALS:
        return []


def _cells(size: tuple[int, int], stride: int, aligned: str) -> list[int]:
    return [cells(side, stride, aligned) for side in size]


def _reach(layer: nn.Conv2d) -> int:
    """Pixels from the first to the last tap of a kernel."""
    return int(layer.dilation[0]) * (int(layer.kernel_size[0]) - 1)


def _only_padded(model: nn.Module, stride: int) -> bool:
    """Whether all that makes its features coarser are odd kernels, padded by half: cells lie over corners then."""
    layers = list(model.modules())
    coarser = [m for m in layers if isinstance(m, nn.Conv2d) and m.stride[0] > 1]
    return (
        math.prod(int(m.stride[0]) for m in coarser) >= stride  # else something else makes them coarser, too
        and all(isinstance(m.padding, tuple) and 2 * m.padding[0] == _reach(m) for m in coarser)
        and not any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d) for m in layers)
    )


def _shifts(model: nn.Module) -> bool:
    """Whether a layer that keeps the resolution has an even kernel, such as ConvNeXt's patches of 2 when dilated."""
    return any(isinstance(m, nn.Conv2d) and m.stride[0] == 1 and _reach(m) % 2 == 1 for m in model.modules())
