"""What a campaign tried and found, as Markdown and JSON."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faulty.artefacts import Cost


@dataclass
class Entry:
    """One fault.

    Attributes:
        run: the run it struck.
        fault: its kind.
        detail: whom it struck, and when.
        problem: what was otherwise than promised; empty if nothing was.
        iterations: of a training that were done again, as far as it was seen.
        artefacts: finished ones that were made again.
    """

    run: str
    fault: str
    detail: str
    problem: str = ""
    iterations: int | None = None
    artefacts: tuple[str, ...] = ()

    def charge(self, cost: Cost, at_once: int) -> None:
        """Note what the fault cost."""
        self.iterations, self.artefacts = cost.iterations, cost.artefacts
        if not cost.is_within_promise(at_once):
            self.problem = (
                self.problem or f"it cost {cost.iterations} iterations and {', '.join(cost.artefacts)}"
            )


@dataclass(frozen=True)
class Report:
    """A campaign.

    Attributes:
        seed: all that was drawn follows from it, but not the moments at which processes were met.
        runs: runs that were disturbed and came to their end.
        entries: the faults, in their order.
    """

    seed: int
    runs: int
    entries: Sequence[Entry]

    @property
    def problems(self) -> list[Entry]:
        """The faults after which something was otherwise than promised."""
        return [entry for entry in self.entries if entry.problem]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seed": self.seed,
            "runs": self.runs,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            "faults": [asdict(entry) for entry in self.entries],
        }

    def as_markdown(self) -> str:
        """A table by kind of fault, and the problems one by one."""
        lines = [
            f"# Fault campaign, seed {self.seed}",
            "",
            f"{len(self.entries)} faults struck {self.runs} runs of the reduced demo; {len(self.problems)} showed a "
            "problem. Every run was resumed with the same command and compared with an undisturbed one: weights, maps, "
            "label maps and scores, bit for bit.",
            "",
            "| fault | tried | problems | iterations done again, at most | finished artefacts made again, at most |",
            "|---|---|---|---|---|",
        ]
        for fault in dict.fromkeys(entry.fault for entry in self.entries):
            lines.append(_row(fault, [entry for entry in self.entries if entry.fault == fault]))
        if self.problems:
            lines += ["", "## Problems", ""]
            lines += [
                f"- {entry.run}, {entry.fault} ({entry.detail}): {entry.problem}" for entry in self.problems
            ]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write `path` as JSON and the table beside it as Markdown."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(self.as_markdown(), encoding="utf-8")


def _row(fault: str, entries: Sequence[Entry]) -> str:
    costs = [entry.iterations for entry in entries if entry.iterations is not None]
    iterations = str(max(costs)) if costs else "–"
    artefacts = str(max(len(entry.artefacts) for entry in entries)) if costs else "–"
    problems = sum(bool(entry.problem) for entry in entries)
    return f"| {fault} | {len(entries)} | {problems} | {iterations} | {artefacts} |"
