"""Everything the report shows, made from the score files and the artefacts of a run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.figures import draw_curve, draw_per_class, draw_training
from weakseg.evaluation.localisation import Localisation
from weakseg.evaluation.logs import Cost, History, images_per_second
from weakseg.evaluation.montage import Sources, draw_montage, evenly, find
from weakseg.evaluation.scores import Score, write_json
from weakseg.evaluation.table import ceiling_line, in_order, last, score_csv, score_page, score_text
from weakseg.storage.atomic import write_text

RANKED_BY = "segmenter-crf"
"""Stage whose per-image IoU, in the last round, picks the worst images and that is divided by the ceiling."""


@dataclass(frozen=True)
class Material:
    """What a summary is made of.

    Attributes:
        index: the data set.
        split: images of the montages.
        sample: how many evenly spaced images the first montage shows.
        worst: how many of the worst images the second montage shows.
        scores: any order.
        histories: training → curve.
        costs: rule → cost.
        sources: artefacts of the run.
        localisation: scores of the attention maps' boxes.
        ceiling: the supervised run's score of the segmenter with CRF.
        weights: weights file → provenance.
        supervision: the ledger.
    """

    index: Index
    split: str
    sample: int
    worst: int
    scores: Sequence[Score]
    histories: dict[str, History] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    localisation: Localisation | None = None
    ceiling: Score | None = None
    weights: dict[str, dict[str, str]] = field(default_factory=dict)
    supervision: dict[str, Any] | None = None


def write_summary(material: Material, out: Path) -> str:
    """Write tables and figures into the folder `out`; every file appears whole or not at all.

    Returns:
        The score table as aligned text, for a terminal.

    Raises:
        InputError: the score files do not belong together or to this index, or an artefact is damaged.
    """
    scores = in_order(material.scores)
    names = ("background", *material.index.classes)
    _check(scores, names)
    ceiling = weak_over_full(last(scores, RANKED_BY), material.ceiling)
    write_text(out / "scores.csv", score_csv(scores, names))
    write_text(
        out / "scores.html",
        score_page(
            scores,
            names,
            material.costs,
            ceiling,
            material.weights,
            material.localisation,
            None if material.supervision is None else str(material.supervision["line"]),
        ),
    )
    write_json(out / "summary.json", _content(scores, material, ceiling))
    draw_per_class(scores, names, out / "per_class.png")
    draw_curve(_stage(scores, "attention"), out / "curve.png")
    draw_training(material.histories, out / "training.png")
    _draw_montages(material, scores, out)
    lines = [score_text(scores, names)]
    if ceiling is not None:
        lines.append(ceiling_line(ceiling))
    if material.supervision is not None:
        lines.append(str(material.supervision["line"]))
    return "\n".join(lines)


def weak_over_full(weak: Score | None, full: Score | None) -> dict[str, float | None] | None:
    """`weak`, `full` and `ratio` of the segmenters' mIoU, `None` where not scored; `None` without a full run.

    Raises:
        InputError: the two were not scored on the same split, number of images and classes.
    """
    if full is None:
        return None
    if weak is None:
        raise InputError(
            f"--ceiling-scores was given, but no --scores file of {RANKED_BY}; give that one too."
        )
    ours, theirs = ((item.split, item.images, set(item.per_class)) for item in (weak, full))
    if ours != theirs:
        raise InputError(
            f"the ceiling was scored on {full.images} {full.split} images of {len(full.per_class)} classes, "
            f"this run on {weak.images} {weak.split} images of {len(weak.per_class)}; the same images and "
            "classes were expected: run the ceiling on this data set."
        )
    ratio = weak.miou / full.miou if weak.miou is not None and full.miou else None
    return {"weak": weak.miou, "full": full.miou, "ratio": ratio}


def worst(index: Index, score: Score | None, count: int) -> list[Record]:
    """The `count` records with the lowest IoU of their own, worst first; images without one are left out."""
    scored = (
        [] if score is None else [(iou, name) for name, iou in score.per_image.items() if iou is not None]
    )
    return find(index, [name for _, name in sorted(scored)[:count]])


def _check(scores: Sequence[Score], names: Sequence[str]) -> None:
    for number, score in enumerate(scores):
        if score.stage in (earlier.stage for earlier in scores[:number]):
            raise InputError(f"two --scores files are of the stage '{score.stage}'; give one file per stage.")
        if set(score.per_class) != set(names):
            raise InputError(
                f"the score file of {score.stage} names the classes {', '.join(sorted(score.per_class))}; "
                f"{', '.join(names)} were expected: evaluate the stage again on this index."
            )


def _stage(scores: Sequence[Score], name: str) -> Score | None:
    return next((score for score in scores if score.stage == name), None)


def _content(
    scores: Sequence[Score], material: Material, ceiling: dict[str, float | None] | None
) -> dict[str, Any]:
    left_out = ("curve", "per_image", "stage")  # long, and in the stage's own file
    return {
        "scores": {
            score.stage: {name: value for name, value in asdict(score).items() if name not in left_out}
            for score in scores
        },
        "localisation": None if material.localisation is None else asdict(material.localisation),
        "images_per_second": _speeds(material),
        "rules": {name: asdict(cost) for name, cost in material.costs.items()},
        "ceiling": ceiling,
        "weights": material.weights,
        "supervision": material.supervision,
    }


def _speeds(material: Material) -> dict[str, float]:
    """Training → images per second, where it learns from the training images."""
    speeds = {
        name: images_per_second(history, material.index)
        for name, history in material.histories.items()
        if name != "saliency"
    }
    return {name: speed for name, speed in speeds.items() if speed is not None}


def _draw_montages(material: Material, scores: Sequence[Score], out: Path) -> None:
    index, sources = material.index, material.sources
    sample = evenly(index.split(material.split), material.sample)
    draw_montage(
        index, sample, sources, out / "montage-sample.png", "evaluation.sample is 0: no images to show."
    )
    lowest = worst(index, last(scores, RANKED_BY), material.worst)
    draw_montage(
        index,
        lowest,
        sources,
        out / "montage-worst.png",
        "No image has a mask to rank it by, or evaluation.worst is 0.",
    )
