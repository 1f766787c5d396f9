"""Masks of images from other tools: found when planning, drawn as label PNGs at the indexing where they are none.

What is drawn lies in `masks/` in the folder of the index, with `made_from.json`: the settings, and size and time of the
file that each mask was drawn from. A mask whose file or settings changed is drawn again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weakseg.dataset.mask_formats import FORMATS
from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked
from weakseg.dataset.masks import EXTENSION
from weakseg.errors import InputError
from weakseg.storage.atomic import write_text
from weakseg.storage.labels import write_labels

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found

FOLDER = "masks"
STATES = "made_from.json"
MANY = 100
"""Masks above which several processes draw them."""


@dataclass(frozen=True)
class Drawing:
    """The masks that are drawn from other files.

    Attributes:
        format: of these files.
        known: all classes of the source.
        folder: of the drawn masks.
        images: with the file of each.
        stale: ids whose mask is missing or was drawn from something else.
    """

    format: MaskFormat
    known: Sequence[str]
    folder: Path
    images: Sequence[tuple[Unmasked, Path]]
    stale: frozenset[str]

    def digest(self) -> str:
        """SHA-256 of what the missing masks are to be drawn from."""
        states = [(image.id, _state(file)) for image, file in self.images if image.id in self.stale]
        return hashlib.sha256(json.dumps([_settings(self.format, self.known), states]).encode()).hexdigest()


def find(
    chosen: MaskFormat, images: Sequence[Unmasked], found: "Found", known: Sequence[str], folder: Path
) -> tuple[list[Path | None], Drawing | None]:
    """The label PNG of each image, and what must be drawn for that.

    Args:
        chosen: the format.
        images: of the source.
        found: what it says.
        known: all of its classes.
        folder: of the index.

    Raises:
        InputError: a folder is missing or holds none of the masks.
    """
    files = chosen.files(images, found)
    if not chosen.draws:
        return files, None
    target = folder / FOLDER
    pairs = [(image, file) for image, file in zip(images, files, strict=True) if file is not None]
    before = _states(target)
    now = {image.id: _state(file) for image, file in pairs}
    is_same = before.get("settings") == _settings(chosen, known)
    drawn = before.get("files", {}) if is_same else {}
    stale = frozenset(key for key, state in now.items() if drawn.get(key) != state)
    masks = [
        None if file is None else _place(target, image) for image, file in zip(images, files, strict=True)
    ]
    return masks, Drawing(chosen, known, target, pairs, stale)


def draw(drawing: Drawing, processes: int) -> None:
    """Draw what is missing or was drawn from something else.

    Raises:
        InputError: a file is wrong; what was drawn until then is kept.
    """
    wanted = [pair for pair in drawing.images if pair[0].id in drawing.stale]
    if not wanted:
        return
    states = _states(drawing.folder)
    settings = _settings(drawing.format, drawing.known)
    files: dict[str, Any] = dict(states.get("files", {})) if states.get("settings") == settings else {}
    now = {image.id: _state(file) for image, file in wanted}
    try:
        for image_id in _drawn(drawing, wanted, processes):
            files[image_id] = now[image_id]
    finally:
        write_text(drawing.folder / STATES, json.dumps({"settings": settings, "files": files}))


def _drawn(drawing: Drawing, wanted: Sequence[tuple[Unmasked, Path]], processes: int) -> Iterator[str]:
    """Draw each mask; the id of each that is finished."""
    name = drawing.format.name
    drawing.format.maker()  # imports what its file needs
    tasks = (
        (name, str(_place(drawing.folder, image)), image.id, task)
        for image, task in drawing.format.drawn_from(wanted, drawing.known)
    )
    if processes == 1 or len(wanted) <= MANY:
        yield from map(_draw, tasks)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_draw, tasks, chunksize=16)


def _draw(task: tuple[str, str, str, Any]) -> str:
    name, path, image_id, drawn_from = task
    write_labels(Path(path), FORMATS[name].maker()(drawn_from))
    return image_id


def _place(folder: Path, image: Unmasked) -> Path:
    return folder / f"{image.id}{EXTENSION}"


def _settings(chosen: MaskFormat, known: Sequence[str]) -> dict[str, Any]:
    return {"format": chosen.name, "values": chosen.model_dump(mode="json"), "classes": [*known]}


def _state(path: Path) -> list[int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); masks were expected in it.") from None
    return [stat.st_size, stat.st_mtime_ns]


def _states(folder: Path) -> Mapping[str, Any]:
    """What the masks were drawn from; empty if that is not recorded."""
    try:
        held = json.loads((folder / STATES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) and isinstance(held.get("files"), dict) else {}
