"""The score table: CSV, aligned text for a terminal, and a page for the report."""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape

from weakseg.evaluation.localisation import Localisation
from weakseg.evaluation.logs import Cost
from weakseg.evaluation.scores import DIGITS, Score

STAGES = ("attention", "fused", "refined", "segmenter", "segmenter-crf")
"""Stages in the order of the chain."""
ROUND = ("relabelled", "segmenter", "segmenter-crf")
"""What a further round of self-training adds, each with `-2` and so on behind it."""


def place(stage: str) -> tuple[int, int]:
    """Round of a stage and its place in that round's chain, to sort by; an unknown stage ends the first."""
    name, dash, number = stage.rpartition("-")
    if dash and number.isdigit() and name in ROUND:
        return int(number), ROUND.index(name)
    return 1, STAGES.index(stage) if stage in STAGES else len(STAGES)


def in_order(scores: Sequence[Score]) -> list[Score]:
    """Scores in the order of the chain, whatever the order of the files was."""
    return sorted(scores, key=lambda score: place(score.stage))


def last(scores: Sequence[Score], stage: str) -> Score | None:
    """The score of a stage in the last round that has it."""
    found = [score for score in in_order(scores) if score.stage == stage or _of_round(score.stage, stage)]
    return found[-1] if found else None


def _of_round(stage: str, name: str) -> bool:
    return stage.rpartition("-")[0] == name and place(stage)[0] > 1


def score_csv(scores: Sequence[Score], names: Sequence[str]) -> str:
    """One row per stage; an empty cell where nothing is defined.

    Args:
        scores: in the order of the rows.
        names: background and the classes, the last columns.
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
    """One stage's score in a line, or why there is none."""
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
    said = f"{score.stage}: mIoU {score.miou:.4f} with {score.undecided:.1%} undecided on {masks}"
    if unseen:
        said += f", over background and {_of_classes(score)} classes (none of {', '.join(unseen)})"
    return said + _lacking(score)


def _lacking(score: Score) -> str:
    if score.nothing:
        return "; no label map shows any class, all is background or undecided: look at the maps with weakseg show"
    return f"; in {score.missing_class} images a labelled class has no pixel" if score.missing_class else ""


def _of_classes(score: Score) -> str:
    """`4 of 6`: the classes, background not counted, that a mean is over."""
    return f"{score.classes_scored} of {len(score.per_class) - ('background' in score.per_class)}"


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def score_text(scores: Sequence[Score], names: Sequence[str]) -> str:
    """The table for a terminal, one column per stage so that twenty classes fit on any of them."""
    rows = [
        ["", *(score.stage for score in scores)],
        ["split", *(score.split for score in scores)],
        ["images", *(str(score.images) for score in scores)],
        ["mIoU", *(decimals(score.miou) for score in scores)],
        ["undecided", *(decimals(score.undecided) for score in scores)],
        ["mIoU, undecided wrong", *(decimals(score.miou_undecided_wrong) for score in scores)],
        ["mIoU, undecided background", *(decimals(score.miou_undecided_background) for score in scores)],
        ["classes scored", *(_of_classes(score) for score in scores)],
        ["images lacking a class", *(_count(score.missing_class) for score in scores)],
        *([name, *(decimals(score.per_class.get(name)) for score in scores)] for name in names),
    ]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines, the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def decimals(value: float | None, undefined: str = "–", digits: int = DIGITS) -> str:
    """A number with fixed decimals, or what stands for none."""
    return undefined if value is None else f"{value:.{digits}f}"


# ------------------------------------------------------------------------------------------------ page

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
p { max-width: 46rem; color: #57606a; margin: .3rem 0 .8rem; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #d8dee4; }
th { font-weight: 600; } thead th { border-bottom: 2px solid #57606a; }
th:first-child, td.word { text-align: left; }
td.main { font-weight: 700; } .supervision { font-weight: 600; }
.ceiling { font-size: 1.1rem; color: #1b1f24; } code { font-size: .85em; }
"""


def score_page(
    scores: Sequence[Score],
    names: Sequence[str],
    costs: Mapping[str, Cost],
    ceiling: Mapping[str, float | None] | None,
    weights: Mapping[str, Mapping[str, str]],
    localisation: Localisation | None = None,
    supervision: str | None = None,
) -> str:
    """A page of its own, no script and no network: scores, weak / full, time and memory, weights.

    Args:
        scores: in the order of the rows.
        names: background and the classes.
        costs: rule → cost; empty leaves the table out.
        ceiling: `weak`, `full` and `ratio`, or `None` without a supervised run.
        weights: weights file → provenance; empty leaves the table out.
        localisation: scores of boxes from the attention maps; `None` leaves them out.
        supervision: the ledger's line; `None` leaves it out.
    """
    parts = ["<h1>Scores</h1>", _score_note(scores), _score_rows(scores, names)]
    if supervision is not None:
        parts.insert(1, f'<p class="supervision">{escape(supervision)}</p>')
    if ceiling is not None:
        parts.append(f'<h2>Weak / full</h2><p class="ceiling">{escape(ceiling_line(ceiling))}</p>')
    if localisation is not None and localisation.cases:
        parts += ["<h2>Localisation</h2>", _localisation_rows(localisation)]
    if costs:
        parts += ["<h2>Time and memory</h2>", _cost_rows(costs)]
    if weights:
        parts += ["<h2>Weights</h2>", _weight_rows(weights)]
    head = f'<meta charset="utf-8"><title>Scores</title><style>{STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def ceiling_line(ceiling: Mapping[str, float | None]) -> str:
    """`weak / full` in one line."""
    weak, full, ratio = (decimals(ceiling[name]) for name in ("weak", "full", "ratio"))
    return f"weak / full = {weak} / {full} = {ratio}"


def _score_note(scores: Sequence[Score]) -> str:
    if all(score.images == 0 for score in scores):
        return "<p>No image of these splits has a mask, so nothing could be scored.</p>"
    return (
        "<p>Intersection over union; mIoU is the mean over the classes that occur, background included. "
        "Undecided pixels are left out of it; <em>undecided wrong</em> counts them as misses, <em>undecided "
        "background</em> as background, which is how many published scores of proxy labels are counted. Classes "
        "without a pixel in masks and labels are not scored; an image <em>lacks a class</em> that its labels name if "
        "that has no pixel in the label map. Attention is scored at its best background threshold.</p>"
    )


def _score_rows(scores: Sequence[Score], names: Sequence[str]) -> str:
    head = ["stage", "split", "images", "threshold", "mIoU", "undecided", "mIoU, undecided wrong"]
    head += ["mIoU, undecided background", "classes scored", "images lacking a class", *names]
    rows = []
    for score in scores:
        threshold = "" if score.threshold is None else f"{score.threshold:.2f}"
        cells = [f'<td class="word">{score.split}</td>', f"<td>{score.images}</td>", f"<td>{threshold}</td>"]
        cells.append(_shaded(score.miou, "main"))
        conventions = (score.undecided, score.miou_undecided_wrong, score.miou_undecided_background)
        cells += [f"<td>{decimals(value)}</td>" for value in conventions]
        cells += [f"<td>{_of_classes(score)}</td>", f"<td>{_count(score.missing_class)}</td>"]
        cells += [_shaded(score.per_class.get(name)) for name in names]
        rows.append([f"<th>{escape(score.stage)}</th>", *cells])
    return _html_table(head, rows)


def _shaded(value: float | None, name: str = "") -> str:
    shade = "" if value is None else f' style="background:rgba(0,114,178,{0.45 * value**2:.3f})"'
    return f'<td class="{name}"{shade}>{decimals(value)}</td>'


def _localisation_rows(found: Localisation) -> str:
    note = (
        f"<p>Boxes around the largest region of the attention maps, {found.cases} pairs of a {found.split} image and a "
        "class; the threshold is the best for them.</p>"
    )
    named = {
        "threshold": found.threshold,
        "GT-known": found.gt_known,
        "top-1 error": found.top1_error,
        "top-5 error": found.top5_error,
        **{f"MaxBoxAcc {least}": value for least, value in found.max_box_acc.items()},
        "mean": found.mean_max_box_acc,
    }
    return note + _html_table(list(named), [[f"<td>{decimals(value)}</td>" for value in named.values()]])


def _cost_rows(costs: Mapping[str, Cost]) -> str:
    rows = [_cost_row(name, cost) for name, cost in costs.items()]
    memory = [cost.memory_mb for cost in costs.values() if cost.memory_mb is not None]
    total = Cost(
        sum(cost.jobs for cost in costs.values()),
        sum(cost.seconds for cost in costs.values()),
        max(memory, default=None),
    )
    note = (
        "<p>Seconds of a rule's jobs added up, even where they ran side by side; memory of its largest.</p>"
    )
    return note + _html_table(
        ["rule", "jobs", "seconds", "peak memory, MB"], [*rows, _cost_row("all", total)]
    )


def _cost_row(name: str, cost: Cost) -> list[str]:
    memory = "–" if cost.memory_mb is None else f"{cost.memory_mb:.0f}"
    return [
        f"<th>{escape(name)}</th>",
        f"<td>{cost.jobs}</td>",
        f"<td>{cost.seconds:.1f}</td>",
        f"<td>{memory}</td>",
    ]


def _weight_rows(weights: Mapping[str, Mapping[str, str]]) -> str:
    names = list(dict.fromkeys(name for provenance in weights.values() for name in provenance))
    rows = [
        [
            f"<th>{escape(file)}</th>",
            *(f'<td class="word"><code>{escape(item.get(name, ""))}</code></td>' for name in names),
        ]
        for file, item in weights.items()
    ]
    return _html_table(["file", *names], rows)


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
