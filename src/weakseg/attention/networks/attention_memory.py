"""What a network attended to in the course of its training, per training image and present class.

The memory lies in the network's buffers, so that checkpoints carry it. Its slots follow from the index: they do not
depend on order, flips, batches or processes. A map is kept on a grid over the whole image and divided by its maximum
there. A crop's own maximum would not do: where a crop shows no object it lies on background, and the running maximum
would keep that for good. So each view must show its whole image.
"""

from collections.abc import Sequence

import torch
import torch.distributed as distributed
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.networks.parts import scale_to_one

GRID = 40
"""Cells per side; a 320-pixel image at stride 8."""
UNSEEN, PROVISIONAL, ACCEPTED = 0, 1, 2


class AttentionMemory(nn.Module):
    """Maps S×40×40 `uint8`, one slot per (training image, present class).

    `state` says what a slot holds: nothing yet, the last attention of a class that was never recognised (used where
    there is nothing better), or the accumulated maximum. `visits` counts how often it was offered. `slots` gives the
    slot's number for (image id, class). All tensors are integer buffers: they follow the network to any device, and a
    change of its number format leaves them as they are.

    Args:
        keeps_last: also keep, in `last`, the map that was accepted last: what OAA-drop erases.
    """

    maps: Tensor
    last: Tensor
    state: Tensor
    visits: Tensor

    def __init__(self, keeps_last: bool = False) -> None:
        super().__init__()
        self.keeps_last = keeps_last
        self.slots: dict[tuple[str, str], int] = {}
        self.register_buffer("maps", torch.zeros((0, GRID, GRID), dtype=torch.uint8))
        self.resize(0)

    def resize(self, slots: int) -> None:
        """Forget everything and make room for `slots` maps, where the memory lies."""
        device = self.maps.device
        maps = torch.zeros((slots, GRID, GRID), dtype=torch.uint8, device=device)
        self.register_buffer("maps", maps)
        self.register_buffer("last", torch.zeros_like(maps if self.keeps_last else maps[:0]))
        self.register_buffer("state", torch.zeros(slots, dtype=torch.uint8, device=device))
        self.register_buffer("visits", torch.zeros(slots, dtype=torch.int32, device=device))

    def enrol(self, images: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Give every (image id, present class) a slot, in the order given; what was remembered is forgotten."""
        pairs = [(image, name) for image, names in images for name in names]
        self.slots = {pair: number for number, pair in enumerate(pairs)}
        self.resize(len(pairs))

    def slot(self, image: str, name: str) -> int:
        """Number of a slot, -1 without one."""
        return self.slots.get((image, name), -1)

    def recall(self, image: str, name: str) -> Tensor | None:
        """The map 40×40 in [0, 1] of an image's class over the whole image; `None` where nothing was seen."""
        slot = self.slot(image, name)
        if slot < 0 or int(self.state[slot]) == UNSEEN:
            return None
        return self.maps[slot].float() / 255.0

    @torch.no_grad()
    def take(self, scores: Tensor, accepted: Tensor, slots: Tensor, views: Tensor) -> None:
        """Take in the attention of a batch: positive scores, divided by their maximum over the image.

        From the second visit of an image on (the published code skips the first epoch), accepted maps are accumulated
        by maximum.

        Args:
            scores: N×C×h×w, the score maps as they are.
            accepted: N×C bool.
            slots: N×C, -1 where a class is absent.
            views: N×5: left, top, right, bottom of the view as shares of the image's sides, and 1 if mirrored; the
                whole image, maybe with a margin.

        Raises:
            ValueError: a view does not show its whole image.
        """
        laid, covered = lay(scores.clamp(min=0), views)
        if not bool(covered.all()):
            raise ValueError("a view does not show its whole image; the memory normalises over whole images")
        values = (scale_to_one(laid) * 255.0).round().to(torch.uint8)
        for maps, recognised, numbers in zip(*map(_of_all_processes, (values, accepted, slots)), strict=True):
            for row in torch.nonzero(numbers >= 0).flatten().tolist():
                self._take_one(int(numbers[row]), maps[row], bool(recognised[row]))

    def _take_one(self, slot: int, values: Tensor, recognised: bool) -> None:
        accept = recognised and int(self.visits[slot]) > 0
        self.visits[slot] += 1
        held = int(self.state[slot])
        if held == ACCEPTED and not accept:
            return
        self.maps[slot] = torch.maximum(self.maps[slot], values) if held == ACCEPTED else values
        self.state[slot] = ACCEPTED if accept else PROVISIONAL
        if accept and self.keeps_last:
            self.last[slot] = values

    @torch.no_grad()
    def attended(self, slots: Tensor, views: Tensor, size: tuple[int, int], above: float) -> Tensor:
        """Where the maps accepted last are high, as the views show it.

        Args:
            slots: N×C, -1 where a class is absent.
            views: N×5, as in `take`.
            size: height and width of the views, pixels.
            above: bound of the attention.

        Returns:
            N×1×H×W bool: the last attention to any present class is above the bound.
        """
        rows, columns = torch.nonzero(slots >= 0, as_tuple=True)
        numbers = slots[rows, columns]
        known = self.state[numbers] == ACCEPTED
        rows, numbers = rows[known], numbers[known]
        maps = self.last[numbers][:, None].float() / 255.0
        high = seen(maps, views[rows], size)[:, 0] > above
        found = torch.zeros((len(slots), *size), dtype=torch.int32, device=slots.device)
        return (found.index_add_(0, rows, high.to(torch.int32)) > 0)[:, None]


def lay(attention: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
    """Lay maps of crops on the grid over the whole image.

    Args:
        attention: N×C×h×w.
        views: N×5, as in `AttentionMemory.take`.

    Returns:
        N×C×40×40, and N×1×40×40 bool: cells whose centre the crop covers.
    """
    centres = (torch.arange(GRID, device=views.device, dtype=torch.float32) + 0.5) / GRID
    left, top, right, bottom, mirrored = views.float().unbind(dim=1)
    x = (centres[None] - left[:, None]) / (right - left)[:, None]
    y = (centres[None] - top[:, None]) / (bottom - top)[:, None]
    x = torch.where(mirrored[:, None] > 0, 1.0 - x, x)
    covered = ((y >= 0) & (y <= 1))[:, :, None] & ((x >= 0) & (x <= 1))[:, None, :]
    grid = torch.stack([x[:, None, :].expand(-1, GRID, -1), y[:, :, None].expand(-1, -1, GRID)], dim=3)
    laid = functional.grid_sample(
        attention.float(), grid * 2.0 - 1.0, mode="bilinear", padding_mode="border", align_corners=False
    )
    return laid, covered[:, None]


def seen(maps: Tensor, views: Tensor, size: tuple[int, int]) -> Tensor:
    """What views show of maps over the whole image: the inverse of `lay`.

    Args:
        maps: K×1×40×40.
        views: K×5, as in `AttentionMemory.take`.
        size: height and width of the views, pixels.

    Returns:
        K×1×H×W; zero outside of the image.
    """
    height, width = size
    left, top, right, bottom, mirrored = views.float().unbind(dim=1)
    x = (torch.arange(width, device=views.device) + 0.5)[None] / width
    y = (torch.arange(height, device=views.device) + 0.5)[None] / height
    x = torch.where(mirrored[:, None] > 0, 1.0 - x, x)
    x, y = left[:, None] + x * (right - left)[:, None], top[:, None] + y * (bottom - top)[:, None]
    inside = ((y >= 0) & (y <= 1))[:, None, :, None] & ((x >= 0) & (x <= 1))[:, None, None, :]
    grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=3)
    shown = functional.grid_sample(
        maps, grid * 2.0 - 1.0, mode="bilinear", padding_mode="border", align_corners=False
    )
    return shown * inside


def _of_all_processes(values: Tensor) -> Tensor:
    """The batches of all processes one after another, so that every process remembers the same."""
    if not distributed.is_available() or not distributed.is_initialized():
        return values
    gathered = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(gathered, values.contiguous())
    return torch.cat(gathered)
