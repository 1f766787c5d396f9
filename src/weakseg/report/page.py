"""The report's page of scores: HTML without scripts or external files."""

from collections.abc import Mapping, Sequence
from html import escape

from weakseg.evaluation.localisation import Localisation
from weakseg.evaluation.score import Score
from weakseg.evaluation.table import ceiling_line, count, of_classes
from weakseg.evaluation.text import decimals
from weakseg.report.costs import Cost, total

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
    """An HTML page with scores, weak / full, time and memory, and weights.

    Args:
        scores: in the order of the rows.
        names: background and the classes.
        costs: rule → cost.
        ceiling: `weak`, `full` and `ratio`, or `None` without a supervised run.
        weights: weights file → provenance.
        localisation: scores of boxes from the attention maps.
        supervision: the ledger's line.
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


def _score_note(scores: Sequence[Score]) -> str:
    if all(score.images == 0 for score in scores):
        return "<p>No image of these splits has a mask, so nothing could be scored.</p>"
    return (
        "<p>Intersection over union; mIoU is the mean over the classes that occur, background included. "
        "Undecided pixels are left out of it; <em>undecided wrong</em> counts them as misses, <em>undecided "
        "background</em> counts them as background, as many published scores of proxy labels do. Classes "
        "without a pixel in masks and labels are not scored; an image <em>lacks a class</em> if a class that its "
        "labels name has no pixel in the label map. Attention is scored at its best background threshold.</p>"
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
        cells += [f"<td>{of_classes(score)}</td>", f"<td>{count(score.missing_class)}</td>"]
        cells += [_shaded(score.per_class.get(name)) for name in names]
        rows.append([f"<th>{escape(score.stage)}</th>", *cells])
    return html_table(head, rows)


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
    return note + html_table(list(named), [[f"<td>{decimals(value)}</td>" for value in named.values()]])


def _cost_rows(costs: Mapping[str, Cost]) -> str:
    rows = [_cost_row(name, cost) for name, cost in costs.items()]
    note = "<p>Total seconds of a rule's jobs, also of parallel ones; memory of the largest job.</p>"
    return note + html_table(
        ["rule", "jobs", "seconds", "peak memory, MB"], [*rows, _cost_row("all", total(costs.values()))]
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
    return html_table(["file", *names], rows)


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls where it is too wide; the cells of `rows` are elements."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
