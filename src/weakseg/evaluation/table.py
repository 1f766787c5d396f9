"""The score table as CSV, as aligned text for a terminal, and single scores in a line."""

import csv
import io
from collections.abc import Mapping, Sequence

from weakseg.evaluation.score import Score
from weakseg.evaluation.text import aligned, decimals


def score_csv(scores: Sequence[Score], names: Sequence[str]) -> str:
    """One row per stage; empty cells for undefined scores.

    Args:
        scores: in the order of the rows.
        names: background and the classes, for the last columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    conventions = ("mIoU, undecided wrong", "mIoU, undecided background")
    writer.writerow(["stage", "split", "images", "mIoU", "undecided", *conventions, *names])
    for score in scores:
        values = [score.miou, score.undecided, score.miou_undecided_wrong, score.miou_undecided_background]
        values += [score.per_class.get(name) for name in names]
        writer.writerow([score.stage, score.split, score.images, *(decimals(value, "") for value in values)])
    return text.getvalue()


def score_line(score: Score) -> str:
    """One stage's score as a line, or why there is none."""
    masks = f"{score.images} {score.split} images"
    if score.miou is None and score.images and score.undecided is not None and not score.classes_true:
        return (
            f"{score.stage}: no class has a pixel in the masks of {masks}, so there is no score; index i was expected "
            "for class i, with 0 for background and 255 where not scored: correct the masks."
        )
    if score.miou is None or score.undecided is None:
        return (
            f"{score.stage}: no {score.split} image with a decided and scored pixel ({score.images} with a mask), "
            f"no score{_lacking(score)}"
        )
    unseen = [name for name, value in score.per_class.items() if value is None]
    text = f"{score.stage}: mIoU {score.miou:.4f} with {score.undecided:.1%} undecided on {masks}"
    if unseen:
        text += f", over background and {of_classes(score)} classes (none of {', '.join(unseen)})"
    return text + _lacking(score)


def _lacking(score: Score) -> str:
    if score.nothing:
        return "; no label map shows any class, all is background or undecided: look at the maps with weakseg show"
    return f"; in {score.missing_class} images a labelled class has no pixel" if score.missing_class else ""


def of_classes(score: Score) -> str:
    """`4 of 6`: the foreground classes in a mean."""
    return f"{score.classes_scored} of {len(score.per_class) - ('background' in score.per_class)}"


def count(value: int | None) -> str:
    """A count, or a dash if there is none."""
    return "–" if value is None else str(value)


def score_text(scores: Sequence[Score], names: Sequence[str]) -> str:
    """The table for a terminal, one column per stage, so that it fits with twenty classes."""
    rows = [
        ["", *(score.stage for score in scores)],
        ["split", *(score.split for score in scores)],
        ["images", *(str(score.images) for score in scores)],
        ["mIoU", *(decimals(score.miou) for score in scores)],
        ["undecided", *(decimals(score.undecided) for score in scores)],
        ["mIoU, undecided wrong", *(decimals(score.miou_undecided_wrong) for score in scores)],
        ["mIoU, undecided background", *(decimals(score.miou_undecided_background) for score in scores)],
        ["classes scored", *(of_classes(score) for score in scores)],
        ["images lacking a class", *(count(score.missing_class) for score in scores)],
        *([name, *(decimals(score.per_class.get(name)) for score in scores)] for name in names),
    ]
    return aligned(rows)


def ceiling_line(ceiling: Mapping[str, float | None]) -> str:
    """`weak / full` in one line."""
    weak, full, ratio = (decimals(ceiling[name]) for name in ("weak", "full", "ratio"))
    return f"weak / full = {weak} / {full} = {ratio}"
