"""Several finished runs side by side."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.errors import InputError
from weakseg.evaluation.figures import draw_comparison
from weakseg.evaluation.scores import write_json
from weakseg.evaluation.table import STAGES, aligned, decimals
from weakseg.storage.atomic import write_text

SUMMARY = Path("evaluation") / "summary.json"


@dataclass(frozen=True)
class Run:
    """One run's figures, `None` where it has none.

    Attributes:
        name: name of its folder.
        miou: stage → mean IoU.
        undecided: share of the refined proxies that is undecided.
        gt_known: share of right boxes of the attention maps.
        images_per_second: of the attention training.
        minutes: all jobs added up.
        memory_gb: the largest of one job, 10⁹ bytes.
    """

    name: str
    miou: dict[str, float | None]
    undecided: float | None
    gt_known: float | None
    images_per_second: float | None
    minutes: float | None
    memory_gb: float | None

    def cells(self) -> dict[str, str]:
        """Column → text."""
        named: dict[str, float | None] = {stage: self.miou.get(stage) for stage in STAGES}
        named |= {"undecided": self.undecided, "GT-known": self.gt_known}
        rest = {"images/s": self.images_per_second, "minutes": self.minutes, "GB": self.memory_gb}
        text = {name: decimals(value) for name, value in named.items()}
        return {"run": self.name} | text | {name: decimals(value, digits=1) for name, value in rest.items()}


def read_run(folder: Path) -> Run:
    """Read what the summary of `results/<run>` says.

    Raises:
        InputError: the run has no summary, or it is damaged.
    """
    path = folder / SUMMARY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _run(folder.resolve().name, content)
    except OSError:
        raise InputError(
            f"{folder} has no {SUMMARY}; the folder of a finished run, such as results/demo, was expected: run it to "
            "its end first."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}); delete it and run again to remake it.") from None


def _run(name: str, content: Mapping[str, Any]) -> Run:
    scores, costs = content["scores"], content["rules"].values()
    memory = [cost["memory_mb"] for cost in costs if cost["memory_mb"] is not None]
    localisation = content.get("localisation") or {}
    return Run(
        name=name,
        miou={stage: score["miou"] for stage, score in scores.items()},
        undecided=scores.get("refined", {}).get("undecided"),
        gt_known=localisation.get("gt_known"),
        images_per_second=content.get("images_per_second", {}).get("attention"),
        minutes=sum(cost["seconds"] for cost in costs) / 60 if costs else None,
        memory_gb=max(memory) * 1.048576 / 1000 if memory else None,
    )


def write_comparison(runs: Sequence[Run], out: Path) -> str:
    """Write `compare.csv`, `compare.json` and `compare.png` into the folder `out`.

    Returns:
        The table as aligned text.

    Raises:
        InputError: two runs of one name.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"two runs are called the same ({', '.join(names)}); give each run once.")
    rows = [run.cells() for run in runs]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(out / "compare.csv", text.getvalue())
    write_json(out / "compare.json", {run.name: vars(run) for run in runs})
    draw_comparison({run.name: run.miou for run in runs}, STAGES, out / "compare.png")
    return aligned([list(rows[0]), *(list(row.values()) for row in rows)])
