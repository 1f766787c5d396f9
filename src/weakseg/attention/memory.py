"""What a network attended to in the course of its training, per training image and present class.

The memory lies in the network's buffers, so that checkpoints carry it. Its slots follow from the index: they do not
depend on order, crops, flips, batches or processes. A map is kept on a grid over the whole image; a crop's attention is
laid where the crop lay.
"""

from collections.abc import Sequence

import torch
import torch.distributed as distributed
import torch.nn.functional as functional
from torch import Tensor, nn

GRID = 40
"""Cells per side; a 320-pixel image at stride 8."""
UNSEEN, PROVISIONAL, ACCEPTED = 0, 1, 2


class AttentionMemory(nn.Module):
    """Maps S×40×40 `uint8`, one slot per (training image, present class).

    `state` says what a slot holds: nothing yet, the last attention of a class that was never recognised (better than
    nothing for what follows), or the accumulated maximum. `visits` counts how often it was offered. `slots` gives the
    slot's number for (image id, class).
    """

    maps: Tensor
    state: Tensor
    visits: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.slots: dict[tuple[str, str], int] = {}
        self.resize(0)

    def resize(self, slots: int) -> None:
        """Forget everything and make room for `slots` maps."""
        self.register_buffer("maps", torch.zeros((slots, GRID, GRID), dtype=torch.uint8))
        self.register_buffer("state", torch.zeros(slots, dtype=torch.uint8))
        self.register_buffer("visits", torch.zeros(slots, dtype=torch.int32))

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
    def take(self, attention: Tensor, accepted: Tensor, slots: Tensor, views: Tensor) -> None:
        """Take in the attention of a batch of crops.

        From the second visit of an image on (the published code skips the first epoch), accepted maps are accumulated
        by maximum.

        Args:
            attention: N×C×h×w in [0, 1].
            accepted: N×C bool.
            slots: N×C, -1 where a class is absent.
            views: N×5: left, top, right, bottom of the crop as shares of the image's sides (they may lie outside of
                0…1), and 1 if mirrored.
        """
        laid, inside = lay(attention, views)
        offers = [(laid * 255.0).round().to(torch.uint8), inside, accepted, slots]
        for maps, covered, recognised, numbers in zip(*map(_of_all_processes, offers), strict=True):
            for row in torch.nonzero(numbers >= 0).flatten().tolist():
                self._take_one(int(numbers[row]), maps[row], covered[0], bool(recognised[row]))

    def _take_one(self, slot: int, values: Tensor, covered: Tensor, recognised: bool) -> None:
        accept = recognised and int(self.visits[slot]) > 0
        self.visits[slot] += 1
        held = int(self.state[slot])
        if held == ACCEPTED and not accept:
            return
        before = self.maps[slot] if held == ACCEPTED else torch.zeros_like(self.maps[slot])
        self.maps[slot] = torch.where(covered, torch.maximum(before, values), before)
        self.state[slot] = ACCEPTED if accept else PROVISIONAL


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


def _of_all_processes(values: Tensor) -> Tensor:
    """The batches of all processes one after another, so that every process remembers the same."""
    if not distributed.is_available() or not distributed.is_initialized():
        return values
    gathered = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(gathered, values.contiguous())
    return torch.cat(gathered)
