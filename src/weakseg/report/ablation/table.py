"""The tables of an ablation: a score's mean over the seeds, its difference to the base, and its spread."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weakseg.evaluation.score import DIGITS
from weakseg.evaluation.text import decimals
from weakseg.report.ablation.file import BASE
from weakseg.report.ablation.plan import Planned
from weakseg.report.compare import read_run
from weakseg.run.opened import open_table
from weakseg.storage.atomic import write_text

SHARED, ONE, WITHIN = "same as base", "one value", "within the spread"
COLUMNS = ("variant", "stage", "miou", "difference", "spread", "values", "result", "minutes")
EXPLAINED = """\
mIoU, the mean over the seeds; in brackets the spread: largest minus smallest of several seeds. With a sign the
difference to the base, by seed. A difference that is not larger than the spread of the variant or of the base is within
the spread: it may be chance, and is none. Minutes are those of the jobs that the run made itself.
"""


@dataclass(frozen=True)
class Outcome:
    """What one run of an ablation has.

    Attributes:
        variant: its variant, or `base`.
        seed: its seed; `None` without seeds.
        miou: name of a score → mean IoU; `None` if no image has a mask.
        makers: name of a score → the run that made what is scored.
        minutes: total time of its own jobs.
    """

    variant: str
    seed: int | None
    miou: Mapping[str, float | None]
    makers: Mapping[str, str]
    minutes: float | None


@dataclass(frozen=True)
class Line:
    """One variant's score of one stage.

    Attributes:
        variant: its name, or `base`.
        stage: name of the score.
        miou: mean over the seeds.
        difference: to the base, mean over the seeds that both have; `None` for the base.
        spread: largest minus smallest; `None` below two values.
        values: how many values there are: what several seeds share counts once.
        result: `better`, `worse`, or why neither is said; empty for the base.
        minutes: of one run, mean over the seeds.
    """

    variant: str
    stage: str
    miou: float
    difference: float | None
    spread: float | None
    values: int
    result: str
    minutes: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the CSV file, in the order of `COLUMNS`."""
        difference = "" if self.difference is None else f"{self.difference:+.{DIGITS}f}"
        spread, minutes = decimals(self.spread, ""), decimals(self.minutes, "", 1)
        row = (self.variant, self.stage, decimals(self.miou), difference, spread, str(self.values))
        return (*row, self.result, minutes)

    @property
    def text(self) -> str:
        """A cell of the Markdown table."""
        if self.result == SHARED:
            return SHARED
        spread = "" if self.spread is None else f" [{decimals(self.spread)}]"
        difference = "" if self.difference is None else f" {self.difference:+.{DIGITS}f}"
        return decimals(self.miou) + spread + difference + f", {WITHIN}" * (self.result == WITHIN)


def read_outcomes(runs: Sequence[Planned], root: Path = Path("results")) -> list[Outcome]:
    """What finished runs have, in their order.

    Raises:
        InputError: a run has no score, or one of its files is damaged.
    """
    found = []
    for each in runs:
        folder = root / each.run
        figures = read_run(folder)
        makers = {name: stage.run.name for name, stage in open_table(folder).scores.items()}
        found.append(Outcome(each.variant, each.seed, figures.miou, makers, figures.minutes))
    return found


def lines(outcomes: Sequence[Outcome]) -> list[Line]:
    """A line for each variant and scored stage, the base first."""
    variants = dict.fromkeys(each.variant for each in outcomes)
    longest_first = sorted(outcomes, key=lambda each: len(each.miou), reverse=True)
    stages = dict.fromkeys(name for each in longest_first for name in each.miou)
    base = [each for each in outcomes if each.variant == BASE]
    found = []
    for variant in variants:
        own = [each for each in outcomes if each.variant == variant]
        found += [line for stage in stages if (line := _line(variant, stage, own, base)) is not None]
    return found


def _line(variant: str, stage: str, own: Sequence[Outcome], base: Sequence[Outcome]) -> Line | None:
    values, of_base = _values(own, stage), _values(base, stage)
    if not values:
        return None
    made, made_by_base = _makers(own, stage), _makers(base, stage)
    pairs = [values[seed] - of_base[seed] for seed in values if seed in of_base]
    difference = round(_mean(pairs), DIGITS) if pairs and variant != BASE else None
    spread, other = _spread(values, made), _spread(of_base, made_by_base)
    if difference is None:
        result = ""
    elif made.items() <= made_by_base.items():
        result = SHARED
    elif spread is None and other is None:
        result = ONE
    elif abs(difference) <= max(spread or 0.0, other or 0.0):
        result = WITHIN
    else:
        result = "better" if difference > 0 else "worse"
    minutes = [each.minutes for each in own if each.minutes is not None]
    taken = _mean(minutes) if minutes else None
    return Line(
        variant, stage, _mean([*values.values()]), difference, spread, len({*made.values()}), result, taken
    )


def _values(outcomes: Sequence[Outcome], stage: str) -> dict[int | None, float]:
    """Seed → mean IoU."""
    return {each.seed: value for each in outcomes if (value := each.miou.get(stage)) is not None}


def _makers(outcomes: Sequence[Outcome], stage: str) -> dict[int | None, str]:
    """Seed → the run that made what is scored."""
    return {each.seed: each.makers[stage] for each in outcomes if each.miou.get(stage) is not None}


def _spread(values: Mapping[int | None, float], makers: Mapping[int | None, str]) -> float | None:
    if len(set(makers.values())) < 2:
        return None
    return round(max(values.values()) - min(values.values()), DIGITS)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def write_tables(found: Sequence[Line], folder: Path) -> str:
    """Write `table.csv` and `table.md` into a folder.

    Returns:
        The Markdown table.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *(line.cells for line in found)])
    write_text(folder / "table.csv", text.getvalue())
    table = _markdown(found)
    write_text(folder / "table.md", f"{table}\n\n{EXPLAINED}")
    return table


def _markdown(found: Sequence[Line]) -> str:
    stages = [*dict.fromkeys(line.stage for line in found)]
    rows: list[tuple[str, ...]] = [("variant", *stages, "minutes")]
    for variant in dict.fromkeys(line.variant for line in found):
        own = {line.stage: line for line in found if line.variant == variant}
        minutes = decimals(next(iter(own.values())).minutes, digits=1)
        rows.append((variant, *(own[stage].text if stage in own else "–" for stage in stages), minutes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)
