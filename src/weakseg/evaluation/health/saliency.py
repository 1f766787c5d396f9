"""Health of saliency maps: those that say nothing about where the object is."""

from collections.abc import Iterable

import numpy as np

from weakseg.evaluation.health.advice import Advice
from weakseg.evaluation.health.parts import Cases, rounded, warn, worst_first
from weakseg.evaluation.health.record import StageHealth, Warning

SALIENT = 0.5
"""Share of a map's maximum from which a pixel counts as salient: the maps of some methods are dark by nature."""
FAINT = 0.1
"""Largest value of a map that marks nothing."""
CONSTANT = 0.02
"""Range of values below which a map counts as constant."""
NOTHING, EVERYTHING = 0.002, 0.9
"""Shares of salient pixels below and above which a map marks nothing or everything."""
FRAMED = 0.5
"""Share of each of the four borders that is salient in a map that touches all of them."""
KINDS = {
    "constant": "is the same everywhere",
    "nothing": "marks nothing",
    "everything": "marks nearly everything",
    "borders": "touches all four borders",
}
"""Kind of an odd map, the gravest first → in words."""
SHORT = {"constant": "constant", "nothing": "empty", "everything": "full", "borders": "touching all borders"}
"""The same in one word or two."""
DOUBT = {"constant": 1.0, "nothing": 0.8, "everything": 0.8, "borders": 0.6}


def odd(values: np.ndarray) -> str | None:
    """Which of `KINDS` a saliency map h×w in [0, 1] is; `None` for a good one."""
    if values.max() - values.min() < CONSTANT:
        return "constant"
    salient = values >= SALIENT * values.max()
    share = salient.mean()
    if values.max() < FAINT or share < NOTHING:
        return "nothing"
    if share > EVERYTHING:
        return "everything"
    borders = salient[0], salient[-1], salient[:, 0], salient[:, -1]
    return "borders" if all(border.mean() >= FRAMED for border in borders) else None


def check_saliency(training: Iterable[tuple[str, np.ndarray]], advice: Advice) -> StageHealth:
    """Health of the maps of the training images.

    Args:
        training: id and map h×w in [0, 1].
        advice: thresholds, and values to try.
    """
    cases = Cases()
    shares, images = [], 0
    for image_id, values in training:
        images += 1
        shares.append(float((values >= SALIENT * values.max()).mean()))
        kind = odd(values)
        if kind is not None:
            cases.add(kind, image_id, 1.0)
    counts = {kind: len(cases.images([kind])) for kind in KINDS}
    figures = {kind: count / max(images, 1) for kind, count in counts.items()}
    figures |= {"salient": float(np.mean(shares)) if shares else 0.0}
    told = ", ".join(f"{count} {SHORT[kind]}" for kind, count in counts.items() if count)
    line = f"{images} maps, {told}" if told else f"all {images} maps mark something"
    return StageHealth(
        stage="saliency_maps",
        line=line,
        images=images,
        figures={name: rounded(value) for name, value in figures.items()},
        by_image=worst_first({image_id: DOUBT[kind] for kind, image_id, _ in cases.rows}),
        warnings=_warnings(cases, counts, images, advice),
    )


def _warnings(cases: Cases, counts: dict[str, int], images: int, advice: Advice) -> list[Warning]:
    return [
        warn(
            f"saliency.{kind}",
            f"the saliency map of {count} of {images} images {KINDS[kind]}",
            advice,
            images,
            ids=cases.images([kind]),
        )
        for kind, count in counts.items()
        if count > advice.when.most_odd_saliency * images
    ]
