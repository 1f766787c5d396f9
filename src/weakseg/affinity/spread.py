"""Label maps of one image after a walk."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.affinity.neighbours import neighbours
from weakseg.affinity.networks.parts import AffinityNetwork
from weakseg.affinity.pairs import on_grid
from weakseg.affinity.settings import WalkConfig
from weakseg.affinity.walk import walk
from weakseg.backbones.grid import CENTRES, enlarge
from weakseg.crf.size import largest, shrunk
from weakseg.devices import device
from weakseg.storage.labels import UNDECIDED

REACHED = 1e-6
"""Sum of scores below which no decided cell reaches a cell."""


def spread(
    network: AffinityNetwork,
    image: np.ndarray,
    fused: np.ndarray,
    attention: Mapping[str, np.ndarray],
    classes: Sequence[str],
    settings: WalkConfig,
) -> np.ndarray:
    """Labels of an image after its scores have walked.

    Args:
        network: in evaluation mode, on its device.
        image: RGB `uint8` H×W×3.
        fused: its fused proxies H×W `uint8`.
        attention: present class name → h×w in [0, 1], any resolution.
        classes: all class names in order.
        settings: of the walk.

    Returns:
        H×W `uint8`; 255 where no decided pixel reaches. Without a present class as it was.
    """
    names = [name for name in classes if name in attention]
    if not names:
        return fused.copy()
    indices = np.asarray([0, *(classes.index(name) + 1 for name in names)], np.uint8)
    seen = shrunk(image, settings.longest)
    affinities, kept = seen_affinities(network, seen, settings.flip)
    if settings.start == "fused":
        small = cv2.resize(fused, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_NEAREST)
        values = np.stack([(small == index).astype(np.float32) for index in indices])
    else:
        values = network.start(np.stack([_sized(attention[name], seen) for name in names]))
    scores = _of_cells(values, network)
    scores = walk(affinities, scores * kept, network.radius, network.power, settings.steps)
    if settings.start == "attention":
        scores = network.finish(scores)
    found = _winner(scores, indices, seen.shape, fused.shape, network)
    if settings.where == "undecided":
        found = np.where(fused == UNDECIDED, found, fused)
    return found


@torch.inference_mode()
def seen_affinities(network: AffinityNetwork, image: np.ndarray, flip: bool) -> tuple[np.ndarray, np.ndarray]:
    """Affinities O×h×w of an image H×W×3 to the network's neighbours, and what scores are multiplied by, h×w.

    Args:
        network: in evaluation mode, on its device.
        image: RGB `uint8` H×W×3.
        flip: take the mean with those of the mirrored image.
    """
    offsets = neighbours(network.radius)
    pixels = network.whole_cells(torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None])
    views = [_view(network, pixels, offsets)]
    if flip:
        whole, kept = _view(network, pixels.flip(3), offsets)
        views.append((_mirrored(whole, offsets), kept.flip(1)))
    means = [torch.stack(list(each)).mean(dim=0).numpy() for each in zip(*views, strict=True)]
    return means[0], means[1]


def _view(network: AffinityNetwork, pixels: Tensor, offsets: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    found, kept = network.pairs(pixels.to(device()), offsets)
    size = (int(kept.shape[1]), int(kept.shape[2]))
    return on_grid(found, offsets, size), kept[0].float().cpu()


def _mirrored(whole: Tensor, offsets: list[tuple[int, int]]) -> Tensor:
    """Affinities O×h×w of the mirrored image as those of the image.

    Of the mirrored image, offset (dy, dx) leads from column x to x + dx; in the image from w − 1 − x to w − 1 − x − dx.
    In a row that is the pair of the cell at its right end.
    """
    places = {offset: number for number, offset in enumerate(offsets)}
    turned = torch.zeros_like(whole)
    for (dy, dx), number in places.items():
        flipped = whole[number].flip(1)
        if dy == 0:
            turned[number, :, : max(0, whole.shape[2] - dx)] = flipped[:, dx:]
        else:
            turned[places[(dy, -dx)]] = flipped
    return turned


def _sized(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Bilinear resize of a map to the size of an image."""
    size = (seen.shape[1], seen.shape[0])
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_LINEAR))


def _of_cells(values: np.ndarray, network: AffinityNetwork) -> np.ndarray:
    """Maps M×H×W of pixels at the cells of the padded image, M×h×w; their border is repeated in the padding.

    A cell that stands for pixels has their mean, as in PSA; one that lies over a pixel has that pixel's value.
    """
    whole = network.whole_cells(torch.from_numpy(values)[None])
    stride = network.stride
    cells = (
        functional.avg_pool2d(whole, stride) if network.aligned == CENTRES else whole[..., ::stride, ::stride]
    )
    return np.asarray(cells[0].numpy())


def _winner(
    scores: np.ndarray,
    indices: np.ndarray,
    seen: tuple[int, ...],
    size: tuple[int, ...],
    network: AffinityNetwork,
) -> np.ndarray:
    """Labels H×W `uint8` of scores M×h×w of cells: that of the largest."""
    cells = torch.from_numpy(np.ascontiguousarray(scores, np.float32))[None]
    pixels = enlarge(cells, seen[:2], network.stride, network.aligned)[0].numpy()
    winner, best = largest(pixels, (size[0], size[1]))
    found: np.ndarray = indices[winner]
    found[best < REACHED] = UNDECIDED
    return found
