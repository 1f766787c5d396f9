"""Cuts scenes into windows that are images of their own, with a table of them to be labelled.

The windows are PNGs and not read from the scene each time: people must look at them to label them, in any tool, and
every stage reads a window many times.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from weakseg.dataset.images import NODATA
from weakseg.dataset.rasters import Raster, Stretch, open_raster
from weakseg.dataset.tables import write_rows
from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path, write_text

TABLE, RECORD = "labels.csv", "tiles.json"
COLUMNS = ("image", "labels", "scene")


def starts(side: int, window: int, stride: int) -> list[int]:
    """First pixels of the windows along a side; the last window ends with the side, so that all have one size."""
    last = max(0, side - window)
    return sorted({*range(0, last, stride), last})


def cut_scenes(
    scenes: Sequence[Path],
    out: Path,
    *,
    window: int,
    stride: int,
    bands: Sequence[int] = (),
    stretch: Stretch | None = None,
    labels: str = "",
    done: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """Write OUT/<scene>/<row>_<column>.png, named by their first pixels, `labels.csv` and `tiles.json`.

    Pixels without a measurement are transparent; windows that have nothing else are left out.

    Args:
        scenes: rasters.
        out: a new or empty folder.
        window, stride: side of the windows and distance of their first pixels.
        bands, stretch: see `open_raster`.
        labels: of every window in the table, such as `crop|forest`; empty: to be filled in.
        done: called after each scene.

    Returns:
        Windows written, and left out.

    Raises:
        InputError: a scene cannot be read, two have one name, or the folder holds something.
    """
    _check(scenes, out)
    rows: list[tuple[str, str, str]] = []
    record: dict[str, Any] = {}
    left_out = 0
    for path in scenes:
        with open_raster(path, bands, stretch) as raster:
            names, empty = _cut(raster, out, window, stride)
            record[path.stem] = _described(raster)
        rows += [(name, labels, path.stem) for name in names]
        left_out += empty
        done()
    write_text(
        out / RECORD, json.dumps({"window": window, "stride": stride, "scenes": record}, indent=2) + "\n"
    )
    write_rows(out / TABLE, COLUMNS, rows)
    return len(rows), left_out


def _check(scenes: Sequence[Path], out: Path) -> None:
    names = [path.stem.casefold() for path in scenes]
    twice = next((path for path in scenes if names.count(path.stem.casefold()) > 1), None)
    if twice is not None:
        raise InputError(
            f"two scenes are called '{twice.stem}', and so would be their folders; different names were expected: "
            "rename one, or cut them into two folders."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} exists and holds something; a new or empty folder was expected: give another."
        )


def _cut(raster: Raster, out: Path, window: int, stride: int) -> tuple[list[str], int]:
    """Names of the windows that were written, and how many were left out."""
    height, width = raster.size
    names, empty = [], 0
    for top in starts(height, window, stride):
        for left in starts(width, window, stride):
            picture, valid = raster.read(top, left, min(window, height), min(window, width))
            name = f"{raster.path.stem}/{top:05}_{left:05}.png"
            if valid.any():
                _write(out / name, picture, valid)
                names.append(name)
            else:
                empty += 1
    return names, empty


def _write(path: Path, picture: np.ndarray, valid: np.ndarray) -> None:
    """A PNG, transparent where nothing was measured."""
    text = PngInfo()
    if not valid.all():
        text.add_text(*NODATA)
        picture = np.dstack([picture, valid.astype(np.uint8) * np.uint8(255)])
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", pnginfo=text)


def _described(raster: Raster) -> dict[str, Any]:
    """What tells where the windows lie on the ground and how their values came about."""
    file = raster.file
    return {
        "file": str(raster.path),
        "bands": list(raster.bands),
        "black": list(raster.low),
        "white": list(raster.high),
        "height": raster.size[0],
        "width": raster.size[1],
        "crs": file.crs.to_string() if file.crs else None,
        "transform": list(file.transform)[:6],
    }
