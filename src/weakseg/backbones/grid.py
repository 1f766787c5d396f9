"""Where the cells of a segmenter's scores lie over the image: the one place that knows.

`corners`: cell i lies over pixel s·i, s the stride. That is what padded convolutions and pools of odd kernels make
(DeepLab); an image of s·k + 1 pixels has k + 1 cells.

`centres`: cell i stands for the pixels s·i … s·i + s − 1 and lies over the middle of them. That is what pools of kernel
2 make (FCN); an image of s·k pixels has k cells.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor

CORNERS, CENTRES = "corners", "centres"


def cells(pixels: int, stride: int, aligned: str) -> int:
    """Number of cells along a side; ONNX rounds quotients of negative numbers otherwise than Python, so none is here."""
    return (pixels + stride - 1) // stride if aligned == CENTRES else (pixels + stride - 2) // stride + 1


def padding(pixels: int, stride: int, aligned: str) -> int:
    """Pixels that a side lacks to be s·k + 1 (`corners`) or s·k (`centres`) long."""
    return -pixels % stride if aligned == CENTRES else -(pixels - 1) % stride


def whole(images: Tensor, stride: int, aligned: str) -> Tensor:
    """Images N×3×H×W padded to whole cells at the right and below, by repeating their border."""
    below, right = (padding(side, stride, aligned) for side in images.shape[2:])
    return (
        functional.pad(images.float(), (0, right, 0, below), mode="replicate") if below or right else images
    )


def resize(values: Tensor, size: Sequence[int], aligned: str) -> Tensor:
    """Values N×M×h×w over an image brought to another number of cells or pixels, bilinearly."""
    return functional.interpolate(values, list(size), mode="bilinear", align_corners=aligned == CORNERS)


def resample(values: Tensor, scaled: Sequence[int], size: Sequence[int], stride: int, aligned: str) -> Tensor:
    """Values of a scaled image's cells at the cells of the image itself, bilinearly.

    The two grids cover different lengths, since each is padded to whole cells: a cell is looked up where its pixel
    lies in the scaled image, its border where that is outside.

    Args:
        values: N×M×h×w, float.
        scaled: height and width of the scaled image.
        size: of the image.
        stride, aligned: where the cells lie, in both.
    """
    first = (stride - 1) / 2 if aligned == CENTRES else 0.0  # pixel under the first cell
    along = []
    for count, pixels, wanted in zip(values.shape[2:], scaled, size, strict=True):
        cell = torch.arange(cells(wanted, stride, aligned), device=values.device)
        pixel = (first + stride * cell + 0.5) * (pixels / wanted) - 0.5
        along.append(2.0 * (pixel - first) / stride / max(1, count - 1) - 1.0)
    rows, columns = torch.meshgrid(*along, indexing="ij")
    places = torch.stack([columns, rows], dim=2).expand(len(values), -1, -1, -1)
    return functional.grid_sample(values, places, padding_mode="border", align_corners=True)


def enlarge(values: Tensor, size: Sequence[int], stride: int, aligned: str) -> Tensor:
    """Values N×M×h×w of cells → N×M×H×W of pixels; what lies over padding at the right and below is cut off.

    Scores with fewer cells than the image has, such as those of a training crop that was not padded, are stretched.
    """
    over = 0 if aligned == CENTRES else 1
    padded = [
        max((count - over) * stride + over, side) for count, side in zip(values.shape[2:], size, strict=True)
    ]
    return resize(values, padded, aligned)[:, :, : size[0], : size[1]]
