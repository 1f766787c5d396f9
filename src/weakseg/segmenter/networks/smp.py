"""The segmenters of segmentation_models_pytorch (Iakubovskii), an extra: `smp/unet`, `smp/fpn`, `smp/segformer` …

Encoders are the package's own (`smp/<encoder>`) or models of timm. Its final upsampling is left out: scores have the
decoder's stride. Nothing is fetched: weights are read as every backbone's.
"""

import difflib
from functools import cache
from importlib.util import find_spec
from typing import Any, Self

from weakseg.backbones.timm_names import HIERARCHICAL, PLAIN, kind
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive

ARCHITECTURES = {
    "unet": 1,
    "unetplusplus": 1,
    "manet": 1,
    "linknet": 1,
    "fpn": 4,
    "pspnet": 8,
    "deeplabv3": 8,
    "deeplabv3plus": 4,
    "pan": 4,
    "upernet": 4,
    "segformer": 4,
    "dpt": 2,
}
"""Names of `create_model`, lower case → pixels per cell of the scores before they are enlarged."""
DILATED = ("deeplabv3", "deeplabv3plus", "pan")
POOLED = (*DILATED, "upernet")
"""They normalise the mean of each image over the batch."""
_UNDILATABLE = ("vgg", "densenet", "inception", "xception")
_REFUSED = {
    **dict.fromkeys(DILATED, _UNDILATABLE),
    "unetplusplus": ("mit_",),
    "linknet": ("mit_",),
}
"""Segmenter → beginnings of the names of encoders that the package refuses under it."""


class SmpSettings(SegmenterMethod):
    """A segmenter of segmentation_models_pytorch, by its name there in lower case: `smp/unet`."""

    name = "smp/"
    made_by = "SmpSegmenter"
    backbones = ("timm/", "smp/")

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the decoder."""

    @classmethod
    def check_member(cls, member: str) -> None:
        """Refuse a name that is not an architecture of the package."""
        if member not in ARCHITECTURES:
            near = difflib.get_close_matches(member.lower(), ARCHITECTURES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(ARCHITECTURES)}"
            raise ValueError(f"segmentation_models_pytorch has no segmenter {member}; {hint}")

    @classmethod
    @cache
    def member(cls, name: str) -> type[Self]:
        """As of `Method`, with the stride of its scores."""
        declared = super().member(name)
        declared.scores_stride = ARCHITECTURES.get(declared.architecture(), 1)
        return declared

    @classmethod
    def architecture(cls) -> str:
        """Its name in the package."""
        return cls.name.removeprefix("smp/")

    @classmethod
    def refusal(cls, architecture: str) -> str | None:
        """As of `OnBackbone`; also what the package refuses of its own encoders."""
        refused = super().refusal(architecture)
        if refused is not None:
            return refused
        segmenter, (family, _, encoder) = cls.architecture(), architecture.partition("/")
        plain = family == "timm" and kind(encoder) == PLAIN
        if segmenter == "dpt" and not plain:
            return f"{cls.name} stands on plain transformers of timm, such as timm/vit_tiny_patch16_224"
        if segmenter != "dpt" and plain:
            return f"{cls.name} needs features of several sizes, which a plain transformer does not have: take smp/dpt"
        if family == "smp" and encoder.startswith(_REFUSED.get(segmenter, ())):
            done = "with dilation" if segmenter in DILATED else "with features of stride 2"
            return (
                f"{cls.name} needs an encoder that segmentation_models_pytorch takes {done}, and not this one"
            )
        return None

    def check(self, section: Any) -> None:
        """Refuse an encoder that does not fit, a missing package, and a share of one image where it is normalised."""
        super().check(section)
        if find_spec("segmentation_models_pytorch") is None:
            raise ValueError(
                f"method is {self.name}, and segmentation_models_pytorch is not installed: run pip install "
                "'weakseg[smp]', in a checkout pip install -e '.[smp]'"
            )
        if self.architecture() in POOLED and section.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {section.training.share}; {self.name} normalises over its "
                "share of the batch and needs 2 or more"
            )


import warnings

from torch import Tensor, nn

from weakseg.backbones.grid import cells
from weakseg.backbones.smp_encoders import SmpEncoder, dependent, meta_copy, usual_normalization
from weakseg.backbones.weights import NORMALIZATIONS
from weakseg.errors import InputError
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups

RGB = tuple[float, float, float]


class SmpSegmenter(PixelClassifier):
    """Encoder, decoder and score layer of one of the package's networks.

    Args:
        architecture: name of the encoder.
        classes: number of classes C, without background.
        settings: of the method.

    Raises:
        InputError: the encoder does not fit under this segmenter.
    """

    def __init__(self, architecture: str, classes: int, settings: SmpSettings) -> None:
        super().__init__()
        segmenter = settings.architecture()
        made = _create(segmenter, architecture, classes + 1)
        self.backbone: SmpEncoder = SmpEncoder(architecture, made.encoder, *_normalization(architecture))
        self.decoder: nn.Module = made.decoder
        head: nn.Module = made.segmentation_head
        self.head: nn.Module = head.head if segmenter == "dpt" else head[0]  # type: ignore[assignment,index]
        self.new_layers_rate = settings.new_layers_rate
        self.least_share = 2 if segmenter in POOLED else 1
        copied = _Scores(*map(meta_copy, (self.backbone.encoder, self.decoder, self.head)))
        self.backbone.fit(copied)
        self.stride, self.aligned = self.backbone.stride, self.backbone.aligned
        _drop_unused(self.backbone, copied)

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at the decoder's stride."""
        found = self.backbone.encode(self.backbone.fitted(images))
        rows, columns = (cells(side, self.stride, self.aligned) for side in images.shape[2:])
        scores: Tensor = self.head(_decoded(self.decoder, found)).float()
        return scores[:, :, :rows, :columns]

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those above the encoder times `new_layers_rate`."""
        new = nn.ModuleList([self.decoder, self.head])
        return caffe_groups(self.backbone) + caffe_groups(new, self.new_layers_rate)


class _Scores(nn.Module):
    """Normalised images → scores."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = encoder, decoder, head

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(_decoded(self.decoder, self.encoder(images)))
        return scores


def _decoded(decoder: nn.Module, found: Any) -> Tensor:
    """DPT's encoder gives features and class tokens, the others' a list of features."""
    decoded: Tensor = decoder(*found) if isinstance(found, tuple) else decoder(found)
    return decoded


def _create(segmenter: str, architecture: str, scores: int) -> Any:
    """The package's network with random weights.

    Raises:
        InputError: it does not take this encoder.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError:
        raise InputError(
            f"smp/{segmenter} needs segmentation_models_pytorch, which is not installed; run pip install "
            "'weakseg[smp]'."
        ) from None
    family, _, encoder = architecture.partition("/")
    name = f"tu-{encoder}" if family == "timm" else encoder
    reason = ""
    for options in _options(segmenter, architecture):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of DPT: a transformer without a class token
                return smp.create_model(
                    segmenter, name, encoder_weights=None, in_channels=3, classes=scores, **options
                )
        except (TypeError, ValueError, AssertionError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
    raise InputError(
        f"smp/{segmenter} cannot stand on {architecture} ({reason[:200]}); choose another encoder."
    )


def _options(segmenter: str, architecture: str) -> list[dict[str, Any]]:
    """Options for timm, in the order of trying: sizes of images are free where a model can have it so."""
    family, _, encoder = architecture.partition("/")
    if segmenter == "dpt":
        return [{"num_classes": 0, "dynamic_img_size": True, "dynamic_img_pad": True}]
    windows = family == "timm" and kind(encoder) == HIERARCHICAL
    return [{"strict_img_size": False}, {}] if windows else [{}]


def _normalization(architecture: str) -> tuple[RGB, RGB]:
    """What the encoder's usual weights expect; files with another say so by `backbone.normalization`."""
    family, _, encoder = architecture.partition("/")
    if family == "timm":
        import timm

        config: Any = timm.get_pretrained_cfg(encoder)
        (r, g, b), (x, y, z) = config.mean, config.std
        return (255.0 * r, 255.0 * g, 255.0 * b), (255.0 * x, 255.0 * y, 255.0 * z)
    mean, std, _ = NORMALIZATIONS[usual_normalization(encoder)]
    return mean, std


def _drop_unused(backbone: SmpEncoder, copied: _Scores) -> None:
    """Take away what no score depends on: PSPNet's coarse stages, a transformer's last normalisation.

    What is run in vain stays, frozen.
    """
    run: set[str] = set()
    for name, module in copied.encoder.named_modules():
        module.register_forward_hook(lambda *_, name=name: run.add(name))
    used = dependent(copied(backbone.example()), copied)
    keep = {name.removeprefix("encoder.") for name in used if name.startswith("encoder.")}
    _drop(backbone.encoder, keep, run)
    for name, parameter in backbone.encoder.named_parameters():
        if name not in keep:
            parameter.requires_grad_(False)


def _drop(module: nn.Module, keep: set[str], run: set[str], prefix: str = "") -> None:
    for name, child in list(module.named_children()):
        path = f"{prefix}{name}"
        inside = {f"{path}.{each}" for each, _ in child.named_parameters()}
        modules = {f"{path}.{each}".removesuffix(".") for each, _ in child.named_modules()}
        if inside and keep.isdisjoint(inside) and run.isdisjoint(modules):
            setattr(module, name, nn.Identity())
        else:
            _drop(child, keep, run, f"{path}.")
