"""The report's charts: bars per class, the attention threshold curve, the losses."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from weakseg.evaluation.score import Score
from weakseg.report.figures.curves import Curve
from weakseg.run.stages import Stage
from weakseg.storage.atomic import atomic_path

DPI = 150
WIDTH = 10.0
"""Inches; with 1500 pixels, text is still about 14 pixels high if a browser shows 1000."""
NO_MASKS = "No image of the split has a mask, so nothing could be scored."
MEAN = "mean"
CLASSES_PER_ROW = 11
LETTER = 0.105
"""Inches; approximate width of a letter of the bars' labels."""
POINTS = 40
"""Most points of a smoothed loss curve."""

ATTENTION = "#e69f00"
COLOURS = {
    ("attention", 0): (ATTENTION,),
    ("proxy", 0): ("#7fc4ee", "#0072b2"),
    ("segmenter", 1): ("#7fcfb0", "#00704f"),
    ("segmenter", 2): ("#cc79a7", "#eeb488", "#d55e00"),
}
"""Room and round → colours of its scored stages, later ones darker; colour-blind safe (after Okabe and Ito)."""
GREY = "#888888"
"""Colour of all other stages, such as those of a third round."""

CURVES: dict[str, dict[str, Any]] = {
    "miou": {"color": ATTENTION, "lw": 3, "zorder": 3, "label": "mIoU"},
    "precision": {"color": "#57606a", "lw": 1.6, "ls": "--", "label": "precision, mean of classes"},
    "recall": {"color": "#57606a", "lw": 2.2, "ls": ":", "label": "recall, mean of classes"},
}


def plain(text: str) -> str:
    """Escape text so that matplotlib does not read it as a formula."""
    return text.replace("$", r"\$")


def colours_of(stages: Sequence[Stage]) -> dict[str, str]:
    """Name of a score → its colour; `stages` are in the order of the chain."""
    scored = [((stage.room, stage.round), stage.score.name) for stage in stages if stage.score is not None]
    return {
        name: colour
        for key, group in groupby(scored, key=itemgetter(0))
        for (_, name), colour in zip(group, COLOURS.get(key, ()), strict=False)
    }


def draw_per_class(
    scores: Sequence[Score], names: Sequence[str], colours: Mapping[str, str], path: Path
) -> None:
    """Grouped bars for the mean and every class, one bar per stage, in several rows if there are many classes.

    Args:
        scores: of the stages.
        names: background and the classes.
        colours: stage → colour; default: grey.
        path: the PNG.
    """
    if all(score.miou is None for score in scores):
        draw_sentence(NO_MASKS, path)
        return
    groups = [MEAN, *names]
    rows = [groups[start : start + CLASSES_PER_ROW] for start in range(0, len(groups), CLASSES_PER_ROW)]
    figure = _figure(1.1 + 3.2 * len(rows))
    per_row = max(len(row) for row in rows)
    for number, row in enumerate(rows):
        axes = figure.add_subplot(len(rows), 1, number + 1)
        _bars(axes, scores, colours, row, per_row)
    _stage_legend(figure, scores, colours)
    _save(figure, path)


def _stage_legend(figure: Figure, scores: Sequence[Score], colours: Mapping[str, str]) -> None:
    handles = [
        Patch(
            color=colours.get(score.stage, GREY),
            label=plain(f"{score.stage} ({score.split}, {score.images} images)"),
        )
        for score in scores
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=11)


def _bars(
    axes: Axes, scores: Sequence[Score], colours: Mapping[str, str], groups: Sequence[str], per_row: int
) -> None:
    width = 0.84 / max(1, len(scores))
    places = np.arange(len(groups))
    for number, score in enumerate(scores):
        values = [score.miou if name == MEAN else score.per_class.get(name) for name in groups]
        heights = [0.0 if value is None else value for value in values]
        left = places - 0.42 + width * (number + 0.5)
        axes.bar(left, heights, width * 0.94, color=colours.get(score.stage, GREY), zorder=2)
    crowded = max(map(len, groups)) * LETTER * per_row > WIDTH
    style: dict[str, Any] = {"rotation": 22, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(places, [plain(name) for name in groups], **style)
    axes.set_xlim(-0.6, per_row - 0.4)
    if groups[0] == MEAN:
        axes.axvline(0.5, color="#8c959f", lw=1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("IoU")
    _quiet(axes, "y")


def draw_comparison(
    runs: Mapping[str, Mapping[str, float | None]], stages: Sequence[str], path: Path
) -> None:
    """Grouped bars for every stage, one bar per run."""
    if all(value is None for scores in runs.values() for value in scores.values()):
        draw_sentence(NO_MASKS, path)
        return
    figure = _figure(4.6)
    axes = figure.add_subplot()
    width, places = 0.84 / len(runs), np.arange(len(stages))
    colours = colormaps["viridis"](np.linspace(0.1, 0.9, len(runs)))
    for number, (name, scores) in enumerate(runs.items()):
        heights = [scores.get(stage) or 0.0 for stage in stages]
        left = places - 0.42 + width * (number + 0.5)
        axes.bar(left, heights, width * 0.94, color=colours[number], label=plain(name), zorder=2)
    axes.set_xticks(places, list(stages))
    axes.set(ylim=(0, 1), ylabel="mIoU")
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=11)
    _quiet(axes, "y")
    _save(figure, path)


def draw_curve(score: Score | None, path: Path) -> None:
    """mIoU, precision and recall of the attention maps over the background threshold, with the best one marked."""
    if score is None or score.curve is None:
        draw_sentence("No attention maps were scored in this run.", path)
        return
    if score.miou is None or score.threshold is None:
        draw_sentence(NO_MASKS, path)
        return
    figure = _figure(5.4)
    axes = figure.add_subplot()
    curve = {name: np.array(values, dtype=float) for name, values in score.curve.items()}
    places = curve.pop("threshold")
    for name, values in curve.items():
        axes.plot(places, values, **CURVES[name])
    axes.axvline(score.threshold, color="#1b1f24", lw=1, zorder=1)
    axes.plot(score.threshold, score.miou, "o", ms=9, color="#1b1f24", zorder=4)
    _mark(axes, score.threshold, score.miou)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="background threshold", ylabel="score")
    axes.set_title(f"Attention maps, {score.images} {score.split} images", loc="left", fontsize=14)
    axes.legend(loc="upper center", frameon=False, ncols=3, fontsize=11, bbox_to_anchor=(0.5, -0.14))
    _quiet(axes, "both")
    _save(figure, path)


def _mark(axes: Axes, threshold: float, miou: float) -> None:
    left = threshold > 0.6
    axes.annotate(
        f"best mIoU {miou:.3f} at {threshold:.2f}",
        (threshold, 0.06),
        xytext=(-8 if left else 8, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=13,
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"},
    )


def draw_training(curves: Mapping[str, Curve], path: Path) -> None:
    """Loss over iterations, one panel per training: single steps faint, means strong."""
    drawn = {name: curve for name, curve in curves.items() if curve.iterations.size}
    if not drawn:
        draw_sentence("No network was trained in this run.", path)
        return
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = _figure(0.3 + 3.9 * rows)
    for number, (name, curve) in enumerate(drawn.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        _losses(axes, curve)
        axes.set_title(plain(name), loc="left", fontsize=14)
        axes.set_xlabel("iteration")
    figure.axes[0].set_ylabel("loss")
    _save(figure, path)


def _losses(axes: Axes, curve: Curve) -> None:
    axes.plot(curve.iterations, curve.loss, color="#0072b2", lw=0.6, alpha=0.35)
    means = _means(curve.iterations, curve.loss)
    axes.plot(*means, color="#0072b2", lw=2.4, label="loss")
    colours = ("#e69f00", "#009e73", "#cc79a7", "#d55e00", "#8c959f")
    for number, (name, values) in enumerate(curve.parts.items()):
        axes.plot(*_means(curve.iterations, values), lw=1.6, color=colours[number % 5], label=plain(name))
    top = np.nanmax(means[1], initial=0.0)
    axes.set_ylim(0, 1.15 * top if np.isfinite(top) and top > 0 else 1)
    axes.set_xlim(0, max(1, curve.iterations[-1]))
    if curve.parts:
        axes.legend(frameon=False, fontsize=11)
    _quiet(axes, "y")


def _means(iterations: np.ndarray, values: np.ndarray) -> tuple[list[float], list[float]]:
    """Means over at most `POINTS` equal intervals."""
    parts = min(POINTS, len(values))
    x = [float(part.mean()) for part in np.array_split(iterations, parts)]
    return x, [float(part.mean()) for part in np.array_split(values, parts)]


def draw_sentence(sentence: str, path: Path) -> None:
    """A figure with one sentence, such as why there is no chart."""
    figure = _figure(1.6)
    figure.text(0.5, 0.5, plain(sentence), ha="center", va="center", fontsize=14, color="#57606a")
    _save(figure, path)


def _figure(height: float) -> Figure:
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")


def _quiet(axes: Axes, grid: Literal["both", "x", "y"]) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#d8dee4", lw=0.8, zorder=0)
    axes.tick_params(labelsize=11)
    axes.xaxis.label.set_fontsize(12)
    axes.yaxis.label.set_fontsize(12)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)
