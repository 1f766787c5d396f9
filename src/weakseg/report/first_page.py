"""The report's first page: the result, warnings, what was learnt from, the machine and the command."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from PIL import Image

from weakseg.evaluation.health.record import StageHealth, Warning
from weakseg.evaluation.score import Score
from weakseg.evaluation.text import decimals
from weakseg.report.page import html_table

STYLE = """
.weakseg { max-width: 76rem; margin: 0 auto; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; }
.weakseg.notebook { background: #fff; padding: .2rem 1rem 1rem; }
.weakseg h1 { font-size: 1.5rem; font-weight: 650; margin: .8rem 0 0; }
.weakseg h2 { font-size: 1.05rem; font-weight: 650; margin: 1.6rem 0 .4rem; }
.weakseg p { margin: .2rem 0; max-width: 62rem; }
.weakseg .headline { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .8rem; margin: .5rem 0; }
.weakseg .headline b { font-size: 2.6rem; line-height: 1.15; font-weight: 700; color: #0f5f66; }
.weakseg .soft { color: #57606a; }
.weakseg .wide { overflow-x: auto; }
.weakseg table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0; }
.weakseg th, .weakseg td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid #d8dee4; }
.weakseg th { font-weight: 600; white-space: nowrap; }
.weakseg th:first-child, .weakseg td.word { text-align: left; }
.weakseg td.main { font-weight: 700; }
.weakseg .warnings li { margin: 0 0 .6rem; padding-left: .8rem; border-left: 4px solid #bc4c00; }
.weakseg ul { list-style: none; margin: 0; padding: 0; }
.weakseg img { width: 100%; height: auto; margin: 0; border: 1px solid #d8dee4; }
.weakseg dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1.2rem; margin: 0; }
.weakseg dt { color: #57606a; } .weakseg dd { margin: 0; overflow-wrap: anywhere; }
.weakseg code { font-family: ui-monospace, monospace; font-size: .88em; overflow-wrap: anywhere; }
.weakseg code::before, .weakseg code::after { content: none; }
#app .prose:has(.weakseg) { max-width: none; }
#app div:has(> .py-2 > .prose .weakseg) { flex-direction: column; align-items: stretch; min-width: 0; }
#app .h-screen:has(> div > .py-2 > .prose .weakseg) { align-items: flex-start; min-width: 0; }
#app div:has(> .py-2 > .prose .weakseg) #rulegraph { max-height: none; overflow-x: auto; padding: 0 1rem; }
#app div:has(> .py-2 > .prose .weakseg) #rulegraph::before {
  content: "Rules"; display: block; font-size: 1.05rem; font-weight: 650; margin-bottom: .4rem;
}
@media (max-width: 700px) {
  .weakseg { padding: 0; }
  #app > div:has(.weakseg) { flex-direction: column; height: auto; }
  #app > div:has(.weakseg) > nav { width: 100%; height: auto; flex: none; }
}
"""
"""Scoped to the page's own elements; the rules of `#app` put Snakemake's rule graph below them."""
QUALITY = 82  # of the figure as a JPEG; Snakemake's category Images has the PNG


@dataclass(frozen=True)
class Result:
    """What the first page shows.

    Attributes:
        name: of the run.
        scores: title → score, in the order of the chain.
        last: title of the run's result among them.
        ceiling: weak / full in a line; `None` without a supervised run.
        health: of the checked stages.
        supervision: in sentences; may be empty.
        sample: the figure of all stages for a few images; `None` in a notebook.
        facts: name → text: machine, versions, precision, time, command.
        is_ceiling: whether the segmenter was trained on masks.
        titles: name of a stage → its title.
    """

    name: str
    scores: Mapping[str, Score]
    last: str
    ceiling: str | None
    health: Sequence[StageHealth]
    supervision: str
    sample: Path | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    is_ceiling: bool = False
    titles: Mapping[str, str] = field(default_factory=dict)


def first_page(result: Result) -> str:
    """A page of HTML without scripts or other files."""
    warnings = [warning for stage in result.health for warning in stage.warnings]
    body = [
        f"<h1>{escape(result.name)}</h1>",
        _headline(result, len(warnings)),
        f"<p>{escape(result.supervision)}</p>" if result.supervision else "",
        _about_masks(result),
        *_seen(result, warnings),
        _health(result.health, result.titles),
        _facts(result.facts),
    ]
    head = f'<meta charset="utf-8"><title>{escape(result.name)}</title><style>{STYLE}</style>'
    content = "\n".join(part for part in body if part)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><div class="weakseg not-prose">\n'
        f"{content}\n</div></body></html>\n"
    )


def _seen(result: Result, warnings: Sequence[Warning]) -> list[str]:
    """Scores, figure and warnings; the warnings come first where they are the headline."""
    figure = "" if result.sample is None else _figure(result.sample)
    scores = _scores(result)
    return [scores, figure, _warnings(warnings)] if scores else [_warnings(warnings), figure]


def summary(result: Result) -> str:
    """The head of the page for a notebook: result, supervision, warnings and scores."""
    warnings = [warning for stage in result.health for warning in stage.warnings]
    parts = [_headline(result, len(warnings)), f"<p>{escape(result.supervision)}</p>", _warnings(warnings)]
    content = "\n".join([f"<h1>{escape(result.name)}</h1>", *parts, _scores(result)])
    return f'<div class="weakseg notebook"><style>{STYLE}</style>\n{content}\n</div>'


def _headline(result: Result, warnings: int) -> str:
    """The final score; without masks, what the health checks say."""
    last = result.scores.get(result.last)
    if last is not None and last.miou is not None:
        said = f"mIoU of the {result.last} on {last.images} {last.split} images"
        told = [result.ceiling, _counted(warnings) + " below" if warnings else None]
        more = f'<span class="soft">{escape(" · ".join(text for text in told if text))}</span>'
        return f'<p class="headline"><b>{last.miou:.3f}</b><span>{escape(said)}</span>{more}</p>'
    said = "of the health checks; no image has a mask, so nothing was scored"
    return f'<p class="headline"><b>{_counted(warnings)}</b><span>{said}</span></p>'


def _counted(warnings: int) -> str:
    return f"{warnings or 'no'} warning{'' if warnings == 1 else 's'}"


def _about_masks(result: Result) -> str:
    if result.is_ceiling:
        text = (
            "The segmenter was trained on the true masks: it is a ceiling to compare with, not a weak result."
        )
    elif any(score.miou is not None for score in result.scores.values()):
        text = "Masks of the training and validation images were used for scores only."
    else:
        return ""
    return f'<p class="soft">{text}</p>'


def _warnings(warnings: Iterable[Warning]) -> str:
    items = [
        f"<li><p><b>{escape(each.found)}</b></p><p>Usually: {escape(each.usually)}</p>"
        f"<p>Try <code>{escape(each.remedy)}</code></p></li>"
        for each in warnings
    ]
    return f'<h2>Warnings</h2><ul class="warnings">{"".join(items)}</ul>' if items else ""


def _scores(result: Result) -> str:
    if all(score.miou is None for score in result.scores.values()):
        return ""
    head = ["stage", "split", "images", "mIoU", "undecided", "mIoU, undecided wrong"]
    rows = [
        [
            f"<th>{escape(title)}</th>",
            f'<td class="word">{score.split}</td>',
            f"<td>{score.images}</td>",
            f'<td class="main">{decimals(score.miou, digits=3)}</td>',
            f"<td>{'–' if score.undecided is None else f'{score.undecided:.1%}'}</td>",
            f"<td>{decimals(score.miou_undecided_wrong, digits=3)}</td>",
        ]
        for title, score in result.scores.items()
    ]
    return f"<h2>Scores</h2>{html_table(head, rows)}"


def _figure(path: Path) -> str:
    """The figure within the page."""
    buffer = io.BytesIO()
    with Image.open(path, formats=["PNG"]) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode()
    text = "A few images through all stages: image, attention, saliency, fused and refined proxy, prediction, truth"
    return f'<h2>Images</h2><img src="data:image/jpeg;base64,{data}" alt="{text}">'


def _health(health: Iterable[StageHealth], titles: Mapping[str, str]) -> str:
    items = [
        f"<dt>{escape(titles.get(each.stage, each.stage))}</dt><dd>{escape(each.line)}</dd>"
        for each in health
    ]
    return f"<h2>Health, without masks</h2><dl>{''.join(items)}</dl>" if items else ""


def _facts(facts: Mapping[str, str]) -> str:
    items = [
        f"<dt>{escape(name)}</dt><dd>{f'<code>{escape(text)}</code>' if name in COMMANDS else escape(text)}</dd>"
        for name, text in facts.items()
    ]
    return f"<h2>How it was made</h2><dl>{''.join(items)}</dl>"


COMMANDS = ("command", "look closer")
"""Facts that are typed into a shell."""
