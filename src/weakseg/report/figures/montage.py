"""Montages of all stages: image, attention, saliency, proxies, prediction, truth."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.score import class_maps, score_image
from weakseg.report.figures.charts import draw_sentence, plain
from weakseg.report.figures.sources import Sources
from weakseg.storage.atomic import atomic_path
from weakseg.storage.drawing import (
    fit,
    grey_picture,
    overlay_heat,
    overlay_labels,
    overlay_palette,
    stretch_labels,
)
from weakseg.storage.labels import UNDECIDED, read_labels
from weakseg.storage.shards import ShardReader

DPI = 100
# All lengths below are pixels.
CELL = 214
GAP = 8
MARGIN = 14
HEAD = 44
CAPTION = 34
NOTE = 30
LEGEND = 38
LETTERS = 19
"""Font height; 12 pixels if a browser shows the picture 1000 pixels wide."""
EMPTY = (246, 248, 250)


@dataclass(frozen=True)
class Panel:
    """One picture with a short note below it.

    Attributes:
        picture: RGB `uint8` h×w×3 of at most `CELL` pixels a side, or `None` for an empty panel.
        note: text below the picture.
        labels: label values in the picture, for the legend.
    """

    picture: np.ndarray | None = None
    note: str = ""
    labels: frozenset[int] = field(default_factory=frozenset)


TITLES = ("image", "attention", "saliency", "fused proxy", "refined proxy", "prediction", "truth")
Row = tuple[str, list[Panel]]
Legend = Sequence[tuple[np.ndarray, str]]


def evenly(records: Sequence[Record], count: int) -> list[Record]:
    """At most `count` evenly spaced records, including the first and the last."""
    places = np.linspace(0, len(records) - 1, min(count, len(records)))
    return [records[int(place)] for place in np.rint(places)]


def find(index: Index, ids: Sequence[str]) -> list[Record]:
    """The records of the ids, in their order.

    Raises:
        InputError: an id is not in the index.
    """
    wanted = set(ids)
    known = {record.id: record for record in index.records if record.id in wanted}
    for image_id in ids:
        if image_id not in known:
            raise InputError(
                f"image '{image_id}' is not in the index; an id of its first column was expected"
                f"{_example(index, image_id)}."
            )
    return [known[image_id] for image_id in ids]


def _example(index: Index, image_id: str) -> str:
    """The most similar of the first ids, as an example."""
    first = [record.id for record in index.records[:1000]]
    near = difflib.get_close_matches(image_id, first, n=1) or first[:1]
    return f": give one such as '{near[0]}'" if near else ""


def draw_montage(index: Index, records: Sequence[Record], sources: Sources, path: Path, empty: str) -> None:
    """Write a PNG with one row per record, one column per stage and a legend of class colours.

    Args:
        index: the data set.
        records: the rows, at most a few hundred, as the whole picture is in memory.
        sources: the shown maps and label maps.
        path: the PNG.
        empty: sentence to show if there are no records.

    Raises:
        InputError: an image, map or label map is damaged.
    """
    if not records:
        draw_sentence(empty, path)
        return
    captions = [
        f"{record.id}   {', '.join(record.labels) or 'no class'}   ({record.split})" for record in records
    ]
    panels = [list(_panels(index, record, sources)) for record in records]
    rows = list(zip(captions, panels, strict=True))
    shown = sorted(set().union(*(panel.labels for row in panels for panel in row)))
    legend = [(overlay_palette()[value], _name(index, value)) for value in shown if value != 0]
    with atomic_path(path) as temporary:
        _compose(rows, legend).savefig(temporary, format="png", dpi=DPI)


def _name(index: Index, value: int) -> str:
    if value == UNDECIDED:
        return "undecided / not scored"
    return index.classes[value - 1] if value <= len(index.classes) else f"index {value}, no class"


# ---------------------------------------------------------------------------------------------- panels


def _panels(index: Index, record: Record, sources: Sources) -> Iterator[Panel]:
    image = fit(read_image(record.image), CELL, CELL)
    yield Panel(image)
    yield _attention(index, record, image, sources.attention)
    yield _saliency(record, image, sources.saliency)
    for folder in (sources.fused, sources.refined, sources.predictions):
        yield _labels(index, record, image, folder)
    if record.mask is None:
        yield Panel(note="no mask")
    else:
        yield _coloured(image, index.read_mask(record))


def _attention(index: Index, record: Record, image: np.ndarray, maps: ShardReader | None) -> Panel:
    """The class whose map is strongest on average, as a heat map."""
    named = class_maps(index, record, maps) if maps is not None and record.id in maps else {}
    if not named:
        return Panel(note="none")
    best = max(named, key=lambda value: float(named[value].mean()))
    return Panel(overlay_heat(image, named[best]), note=index.classes[best - 1])


def _saliency(record: Record, image: np.ndarray, maps: ShardReader | None) -> Panel:
    named = maps.read(record.id) if maps is not None and record.id in maps else {}
    if not named:
        return Panel(note="none")
    return Panel(grey_picture(next(iter(named.values())), image.shape[:2]))


def _labels(index: Index, record: Record, image: np.ndarray, folder: Path | None) -> Panel:
    """A label map, with its IoU if the image has a mask; predictions exist for one split only."""
    path = None if folder is None else folder / f"{record.id}.png"
    if path is None or not path.is_file():
        return Panel(note="none")
    note = ""
    if record.mask is not None:
        miou = score_image(index, record, path).miou
        note = "all undecided" if np.isnan(miou) else f"IoU {miou:.2f}"
    return _coloured(image, read_labels(path), note)


def _coloured(image: np.ndarray, labels: np.ndarray, note: str = "") -> Panel:
    shown = overlay_labels(image, stretch_labels(labels, image.shape))
    return Panel(shown, note, frozenset(int(value) for value in np.unique(labels)))


# --------------------------------------------------------------------------------------------- drawing


def _compose(rows: Sequence[Row], legend: Legend) -> Figure:
    """Draw the figure; panels are copied pixel by pixel, so that they are not resampled twice."""
    width = 2 * MARGIN + len(TITLES) * (CELL + GAP) - GAP
    heights = [
        max(panel.picture.shape[0] for panel in panels if panel.picture is not None) for _, panels in rows
    ]
    lines = _legend_lines(legend, width)
    bottom = HEAD + sum(heights) + len(rows) * (CAPTION + NOTE)
    height = bottom + LEGEND * (1 + max((line for line, _ in lines), default=0)) + MARGIN
    canvas = np.full((height, width, 3), 255, np.uint8)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    for column, title in enumerate(TITLES):
        _text(axes, _left(column) + CELL / 2, HEAD / 2, title, ha="center", fontweight="bold")
    top = HEAD
    for row, tall in zip(rows, heights, strict=True):
        _draw_row(axes, canvas, row, top, tall)
        top += CAPTION + tall + NOTE
    axes.imshow(canvas, interpolation="nearest", extent=(0, width, height, 0), aspect="auto")
    for (line, left), (colour, name) in zip(lines, legend, strict=True):
        _swatch(axes, left, bottom + LEGEND * (line + 0.5), colour, name)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure


def _draw_row(axes: Axes, canvas: np.ndarray, row: Row, top: int, tall: int) -> None:
    caption, panels = row
    _text(axes, MARGIN, top + CAPTION / 2, _short(caption, 120), color="#57606a")
    for column, panel in enumerate(panels):
        _paste(canvas, panel, _left(column), top + CAPTION, tall)
        middle = top + CAPTION + tall + NOTE / 2 - 2
        _text(axes, _left(column) + CELL / 2, middle, _short(panel.note, 18), ha="center")


def _left(column: int) -> int:
    return MARGIN + column * (CELL + GAP)


def _paste(canvas: np.ndarray, panel: Panel, left: int, top: int, tall: int) -> None:
    """Copy a panel centred into its cell; an empty panel is a pale area."""
    if panel.picture is None:
        canvas[top : top + tall, left : left + CELL] = EMPTY
        return
    height, width = panel.picture.shape[:2]
    top += (tall - height) // 2
    left += (CELL - width) // 2
    canvas[top : top + height, left : left + width] = panel.picture


def _legend_lines(legend: Legend, width: int) -> list[tuple[int, int]]:
    """(line, left edge) of every legend entry; assumes letters 0.55 times as wide as the font is high."""
    places = []
    line, left = 0, MARGIN
    for _, name in legend:
        wide = 66 + round(0.55 * LETTERS * len(name))
        if left + wide > width and left > MARGIN:
            line, left = line + 1, MARGIN
        places.append((line, left))
        left += wide
    return places


def _swatch(axes: Axes, left: float, middle: float, colour: np.ndarray, name: str) -> None:
    axes.add_patch(
        Rectangle((left, middle - 10), 28, 20, facecolor=colour / 255, edgecolor="#8c959f", lw=0.8)
    )
    _text(axes, left + 36, middle, name)


def _text(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, plain(text), fontsize=LETTERS * 72 / DPI, va="center", **style)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
