"""Several runs side by side."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weakseg.dataset.index import read_index
from weakseg.errors import InputError
from weakseg.evaluation.figures import draw_comparison
from weakseg.evaluation.localisation import read_localisation
from weakseg.evaluation.logs import images_per_second, read_costs, read_history
from weakseg.evaluation.scores import read_score, write_json
from weakseg.evaluation.supervision import read_ledger
from weakseg.evaluation.table import STAGES, aligned, decimals, place
from weakseg.storage.atomic import write_text
from weakseg.storage.run import Run


@dataclass(frozen=True)
class RunFigures:
    """One run's figures, `None` where it has none.

    Attributes:
        name: name of its folder.
        miou: stage → mean IoU.
        undecided: share of the refined proxies that is undecided.
        refined_wrong: mean IoU of the refined proxies with undecided pixels as misses.
        refined_background: the same with undecided pixels as background.
        gt_known: share of right boxes of the attention maps.
        images_per_second: of the attention training.
        minutes: all jobs added up.
        memory_gb: the largest of one job, 10⁹ bytes.
        supervision: the ledger's line.
    """

    name: str
    miou: dict[str, float | None]
    undecided: float | None
    refined_wrong: float | None
    refined_background: float | None
    gt_known: float | None
    images_per_second: float | None
    minutes: float | None
    memory_gb: float | None
    supervision: str | None = None

    def cells(self, stages: Sequence[str]) -> dict[str, str]:
        """Column → text, a column for each of the stages."""
        named: dict[str, float | None] = {stage: self.miou.get(stage) for stage in stages}
        named |= {"undecided": self.undecided}
        named |= {"refined, undecided wrong": self.refined_wrong}
        named |= {"refined, undecided background": self.refined_background, "GT-known": self.gt_known}
        rest = {"images/s": self.images_per_second, "minutes": self.minutes, "GB": self.memory_gb}
        text = {name: decimals(value) for name, value in named.items()}
        return {"run": self.name} | text | {name: decimals(value, digits=1) for name, value in rest.items()}


def read_run(folder: Path) -> RunFigures:
    """Read what lies in `results/<run>`, as far as that run has come.

    Raises:
        InputError: nothing of the run is scored yet, or one of its files is damaged.
    """
    run = Run(folder)
    further = [path.stem for path in run.evaluation.glob("*-[2-9].json")]
    last = run.rounds or 9
    stages = [*STAGES, *(stage for stage in further if 1 < place(stage)[0] <= last)]
    files = [run.evaluation / f"{stage}.json" for stage in stages]
    scores = {score.stage: score for score in (read_score(file) for file in files if file.is_file())}
    if not scores:
        raise InputError(
            f"{folder} holds no scores (evaluation/{STAGES[0]}.json and the like); the folder of a run, such as "
            "results/demo, was expected: run at least `snakemake proxies` first."
        )
    boxes, ledger = run.evaluation / "localisation.json", run.evaluation / "supervision.json"
    costs = read_costs(run.benchmarks()).values()
    memory = [cost.memory_mb for cost in costs if cost.memory_mb is not None]
    refined = scores.get("refined")
    return RunFigures(
        name=folder.resolve().name,
        miou={stage: score.miou for stage, score in scores.items()},
        undecided=None if refined is None else refined.undecided,
        refined_wrong=None if refined is None else refined.miou_undecided_wrong,
        refined_background=None if refined is None else refined.miou_undecided_background,
        gt_known=read_localisation(boxes).gt_known if boxes.is_file() else None,
        images_per_second=_speed(run),
        minutes=sum(cost.seconds for cost in costs) / 60 if costs else None,
        memory_gb=max(memory) * 1.048576 / 1000 if memory else None,
        supervision=str(read_ledger(ledger)["line"]) if ledger.is_file() else None,
    )


def _speed(run: Run) -> float | None:
    """Images a second of the attention training."""
    history = run.history("attention")
    if not history.is_file():
        return None
    return images_per_second(read_history(history), read_index(run.index, run.classes))


def write_comparison(runs: Sequence[RunFigures], out: Path) -> str:
    """Write `compare.csv`, `compare.json` and `compare.png` into the folder `out`.

    Returns:
        The table as aligned text.

    Raises:
        InputError: two runs of one name.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"two runs are called the same ({', '.join(names)}); give each run once.")
    stages = sorted({*STAGES, *(stage for run in runs for stage in run.miou)}, key=place)
    rows = [run.cells(stages) for run in runs]
    lines = [run.supervision or "supervision: not recorded" for run in runs]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], "supervision"], lineterminator="\n")
    writer.writeheader()
    for row, line in zip(rows, lines, strict=True):
        writer.writerow(row | {"supervision": line.removeprefix("supervision: ")})
    write_text(out / "compare.csv", text.getvalue())
    write_json(out / "compare.json", {run.name: vars(run) for run in runs})
    draw_comparison({run.name: run.miou for run in runs}, stages, out / "compare.png")
    table = aligned([list(rows[0]), *(list(row.values()) for row in rows)])
    return "\n".join([table, *(f"{name}: {line}" for name, line in zip(names, lines, strict=True))])
