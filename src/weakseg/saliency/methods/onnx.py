"""Saliency maps of any network in an ONNX file; what does not fit is refused before the first image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from weakseg.errors import InputError
from weakseg.saliency.methods.declaration import SaliencyMethod, Say
from weakseg.settings.section import FilePath
from weakseg.weights.known import Known, check_use, find

Output = Literal["preset", "probabilities", "logits", "minmax"]
USUAL_MB = 1500
"""Of a network at 320 pixels; more at larger sizes."""
USUAL_SIDE = 320


class OnnxSettings(SaliencyMethod):
    """Any saliency network as an ONNX file."""

    name = "onnx"
    made_by = "onnx_source"

    file: FilePath = "u2netp"
    """A name of `weakseg weights list` (`u2netp`, `u2net`, `isnet-general-use`), fetched once; or an ONNX file."""
    preset: Literal["auto", "u2net", "isnet", "imagenet", "plain"] = "auto"
    """Pre-processing: `u2net` scales by the image's maximum, then ImageNet mean and deviation; `imagenet` divides by
    255 before that; `isnet` divides by 255 and subtracts 0.5; `plain` gives RGB in [0, 1]; `auto`: what the named
    weights need, of a file `u2net`."""
    output: Output = "preset"
    """What the first output holds: `probabilities` from 0 to 1, `logits` (a sigmoid is applied), or values of which
    each map is stretched to [0, 1] (`minmax`); `preset`: `minmax` for `u2net` and `isnet`, else `probabilities`."""
    size: int | None = Field(None, ge=32, le=2048)
    """Side of the square input; `null`: that of the named weights, of a file 320."""

    def check(self, section: Any) -> None:
        """Refuse weights that are no saliency network, and values that named weights do not work with."""
        check_use(self.file)
        known = self.known()
        if known is None:
            return
        for key, needed, usual in (("preset", known.preset, "auto"), ("size", known.side, None)):
            if getattr(self, key) not in (needed, usual):
                raise ValueError(
                    f"{key} is {getattr(self, key)}, but {known.name} needs {needed}; leave {key} out or correct it"
                )

    def known(self) -> Known | None:
        """Those that `file` names; `None` if it is a path."""
        return find(self.file)

    @property
    def scaling(self) -> str:
        """The pre-processing, with `auto` resolved."""
        known = self.known()
        usual = "u2net" if known is None else known.preset
        return usual if self.preset == "auto" else self.preset

    @property
    def side(self) -> int:
        """Side of the square input, with `null` resolved."""
        known = self.known()
        return self.size or (USUAL_SIDE if known is None else known.side)

    def maps_read(self) -> dict[str, str]:
        """The model."""
        return {"file": self.file}

    def maps_mb(self) -> float:
        """Bound of the memory of the network, MB."""
        return USUAL_MB * max(1.0, (self.side / USUAL_SIDE) ** 2)


import numpy as np
from PIL import Image

from weakseg.saliency.maps import ImageMap, Source, of_images
from weakseg.storage.onnx_file import open_onnx
from weakseg.weights.cache import ready

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
EPSILON = 1e-8
BEYOND = 1e-3  # how far from [0, 1] rounding may bring a probability
FLOATS: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


def onnx_source(settings: OnnxSettings, flip: bool, say: Say) -> Source:
    """The maps of `onnx_maps`, from an image's record."""
    return of_images(onnx_maps(settings), flip)


def onnx_maps(settings: OnnxSettings) -> ImageMap:
    """The maps of an ONNX network with one input of RGB images, whose first output is a map.

    Raises:
        InputError: the file is missing or not an ONNX model, or its input or output is another.
    """
    known, preset, size = settings.known(), settings.scaling, settings.side
    file = Path(settings.file) if known is None else ready(known)
    if not file.is_file():
        raise InputError(f"saliency model {file} is missing; set saliency.onnx.file to an ONNX model.")
    session = open_onnx(file)
    layout = read_layout(file, session, size)

    def saliency(image: np.ndarray) -> np.ndarray:
        batch = prepare(image, preset, size)
        if layout.channels_last:
            batch = batch.transpose(0, 2, 3, 1)
        fed = {layout.name: np.ascontiguousarray(batch.astype(layout.dtype))}
        try:
            given = np.asarray(session.run(None, fed)[0])
        except Exception as error:  # onnxruntime's own exception types are not public
            said = " ".join(str(error).split())[:160]
            raise InputError(
                f"saliency model {file} cannot be run on {size}×{size} pixels ({said}); set saliency.onnx.size to "
                "what it was exported for."
            ) from None
        return finish(_single(file, given).astype(np.float32), preset, settings.output, file)

    return saliency


@dataclass(frozen=True)
class Layout:
    """A model's input.

    Attributes:
        name: of the input.
        dtype: what it takes.
        channels_last: it is N×H×W×3, not N×3×H×W.
    """

    name: str
    dtype: type[np.floating[Any]]
    channels_last: bool


def read_layout(file: Path, session: Any, size: int) -> Layout:
    """The layout of a model that takes one square RGB image of `size` pixels a side and gives one map.

    Raises:
        InputError: it takes or gives something else.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise InputError(
            f"saliency model {file} has {len(inputs)} inputs ({', '.join(map(_described, inputs))}); one, of images, "
            "was expected: export it with the others as constants."
        )
    only = inputs[0]
    shape = list(only.shape or [])
    channels_last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    batch, channels, *sides = [shape[axis] for axis in (0, 3, 1, 2)] if channels_last else shape or [None]
    if len(shape) != 4 or _differs(channels, 3) or _differs(batch, 1) or only.type not in FLOATS:
        raise InputError(
            f"saliency model {file} takes {_described(only)}; 1×3×{size}×{size} or 1×{size}×{size}×3 of float or "
            "float16, one RGB image, was expected: export it so."
        )
    _check_sides(file, sides, size)
    _check_output(file, session.get_outputs()[0])
    return Layout(only.name, FLOATS[only.type], channels_last)


def _check_sides(file: Path, sides: list[Any], size: int) -> None:
    fixed = {side for side in sides if isinstance(side, int)}
    if len(fixed) > 1:
        raise InputError(
            f"saliency model {file} takes images of {sides[0]}×{sides[1]} pixels; square ones were expected: export it "
            "with equal or free sides."
        )
    set_to = next(iter(fixed), size)
    if set_to != size:
        raise InputError(
            f"saliency model {file} takes images of {set_to} pixels a side, and saliency.onnx.size is {size}: set "
            f"saliency.onnx.size: {set_to}"
        )


def _check_output(file: Path, first: Any) -> None:
    shape = list(first.shape or [])
    known = [side for side in shape if isinstance(side, int) and side != 1]
    channels = len(shape) == 4 and shape[1] in known and shape[3] != 1
    if first.type not in FLOATS or len(known) > 2 or channels:
        raise _not_a_map(file, _described(first))


def _single(file: Path, values: np.ndarray) -> np.ndarray:
    """The map h×w of an output of which all other sides are 1.

    Raises:
        InputError: there is more than one map.
    """
    squeezed = values.squeeze()
    if squeezed.ndim != 2:
        raise _not_a_map(file, "×".join(map(str, values.shape)))
    return squeezed


def _not_a_map(file: Path, found: str) -> InputError:
    return InputError(
        f"the first output of the saliency model {file} is {found}; a single map of float values, 1×1×h×w, was "
        "expected: export the object's channel alone."
    )


def _differs(side: Any, expected: int) -> bool:
    return isinstance(side, int) and side != expected


def _described(value: Any) -> str:
    """`in: tensor(float) 1×3×320×320`; a free side is `?`."""
    sides = [str(side) if isinstance(side, int) else "?" for side in value.shape or []]
    return f"{value.name}: {value.type} {'×'.join(sides)}"


def prepare(image: np.ndarray, preset: str, size: int) -> np.ndarray:
    """RGB `uint8` H×W×3 → 1×3×size×size float32, scaled as the preset says.

    Bilinear with antialiasing along each side that shrinks, as U²-Net's own pre-processing has it. OpenCV's area
    interpolation aliases where one side is enlarged.
    """
    smaller = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    resized = np.asarray(smaller, np.float32)
    white = max(float(resized.max()), EPSILON) if preset == "u2net" else 255.0  # U²-Net: its own maximum
    resized = resized / np.float32(white)
    if preset == "isnet":
        resized = resized - np.float32(0.5)
    if preset in ("u2net", "imagenet"):
        resized = (resized - IMAGENET_MEAN) / IMAGENET_STD
    return np.ascontiguousarray(resized.transpose(2, 0, 1)[None], np.float32)


def finish(values: np.ndarray, preset: str, output: Output = "preset", file: Path = Path()) -> np.ndarray:
    """Network output h×w float32 → [0, 1].

    Args:
        values: the output.
        preset: `u2net` and `isnet` give `minmax` for `preset`, the others `probabilities`.
        output: `minmax` stretches each map to [0, 1], a flat one to 0; `logits` are given to a sigmoid;
            `probabilities` must lie in [0, 1].
        file: the model, for messages.

    Raises:
        InputError: values that are not finite, or not probabilities.
    """
    if not np.isfinite(values).all():
        raise InputError(
            f"saliency model {file} gives NaN or infinite values, and a map of numbers was expected: check its "
            "pre-processing (saliency.onnx.preset), or export it in float32."
        )
    low, high = float(values.min()), float(values.max())
    if output == "preset":
        output = "minmax" if preset in ("u2net", "isnet") else "probabilities"
    if output == "minmax":
        values = (values - low) / max(high - low, EPSILON)
    elif output == "logits":
        values = 0.5 * (1.0 + np.tanh(0.5 * values))  # the sigmoid, without overflow
    elif low < -BEYOND or high > 1.0 + BEYOND:
        raise InputError(
            f"saliency model {file} gives values from {low:.3g} to {high:.3g}, and probabilities from 0 to 1 were "
            "expected: set saliency.onnx.output to logits or, for a network whose maps are stretched, to minmax."
        )
    clipped: np.ndarray = np.clip(values, 0.0, 1.0).astype(np.float32)
    return clipped
