"""The images that people hand to a model, as RGB `uint8` H×W×3."""

from os import PathLike, fspath
from pathlib import Path

import numpy as np
from PIL import Image

from weakseg.dataset.images import read_image, upright_pixels
from weakseg.errors import InputError

EXPECTED = "the path of an image file, a PIL image or an RGB array uint8 H×W×3 was expected"


def rgb_of(image: object) -> np.ndarray:
    """RGB `uint8` H×W×3 of a path, a PIL image or an array, by the rules of files: grey is repeated, alpha dropped.

    Raises:
        InputError: it is something else, or cannot be read.
    """
    if isinstance(image, np.ndarray):
        return rgb_of_array(image)
    if isinstance(image, Image.Image):
        try:
            return upright_pixels(image, "the PIL image")
        except InputError:
            raise
        except Exception as error:  # Pillow raises many types where the file was closed or is truncated
            said = str(error) or "its file is closed"
            raise InputError(f"the PIL image cannot be read ({said}); give the path of its file.") from None
    if isinstance(image, (str, PathLike)):
        path = fspath(image)
        return read_image(Path(path.decode() if isinstance(path, bytes) else path))
    kind = f"{type(image).__module__}.{type(image).__name__}".removeprefix("builtins.")
    remedy = "correct what is given"
    if kind == "torch.Tensor":
        remedy = "give tensor.permute(1, 2, 0).numpy(), of uint8, for a tensor 3×H×W"
    elif isinstance(image, (list, tuple)):
        remedy = "call predict for each of several images"
    raise InputError(f"{kind} was given; {EXPECTED}: {remedy}.")


def rgb_of_array(image: np.ndarray) -> np.ndarray:
    """RGB `uint8` H×W×3 of an array `uint8` H×W, H×W×1, H×W×3 or H×W×4.

    Raises:
        InputError: another type or shape.
    """
    channels = 1 if image.ndim == 2 else image.shape[2] if image.ndim == 3 else 0
    if image.dtype != np.uint8 or channels not in (1, 3, 4) or image.size == 0:
        remedy = "convert it, or give the path of the file"
        if image.dtype.kind == "f" and image.size:
            remedy = "values in 0…1 become that by (image * 255).round().astype('uint8')"
        elif image.ndim == 3 and image.shape[0] in (1, 3, 4):
            remedy = "put the channels last by image.transpose(1, 2, 0)"
        raise InputError(
            f"an array {image.dtype} {image.shape} was given; an RGB image uint8 H×W×3 was expected (grey and RGBA are "
            f"read, too): {remedy}."
        )
    if channels == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])
