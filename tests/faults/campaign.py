"""Runs the demo under faults, resumes it after each, and compares what it ends with.

    python tests/faults/campaign.py --runs 10 --kills 60 --seed 1 --out results/faults.json

About two hours on two cores. It needs the `test` extra; as root it also fills a small file system. The exit status is 1
if a fault was followed by something else than docs/promises.md says. tests/faults/test_campaign.py runs the short form.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import psutil
from faulty import damage, downloads, limits, strikes
from faulty.artefacts import Progress, cost, differences, digests, progress
from faulty.demo import CORES, TRAININGS, Demo
from faulty.servers import FAULTS
from faulty.strikes import VICTIMS, Struck
from faulty.table import Entry, Report

Fault = Callable[[Demo, str, random.Random], Struck | None]

STOPS: dict[str, Fault] = {
    "SIGTERM to a training": partial(strikes.stop, signal.SIGTERM, "trainer"),
    "SIGINT to a training": partial(strikes.stop, signal.SIGINT, "trainer"),
    "SIGINT to everything (Ctrl-C)": partial(strikes.stop, signal.SIGINT, "everything"),
    "SIGTERM to everything": partial(strikes.stop, signal.SIGTERM, "everything"),
    "SIGTERM to Snakemake": partial(strikes.stop, signal.SIGTERM, "snakemake"),
}
DOUBLES: dict[str, Fault] = {
    "two Snakemakes at once": strikes.second_snakemake,
    "two trainings at once": strikes.second_trainer,
}
PLACES: dict[str, Fault] = {
    "results read-only": limits.read_only,
    "full disk (largest size of a file)": limits.full_disk,
}
"""Come before the others: the first may take a run back, which would be charged to the fault before it."""
ONCE: dict[str, Callable[[Demo, str], Struck | None]] = {
    "full disk (a file system of 6 MiB)": limits.full_file_system,
    "loss that is no number": limits.no_number,
}
KILLS: dict[str, Fault] = {f"kill -9: {kind}": partial(strikes.kill, kind) for kind in VICTIMS}
LONG = {"saliency": 100, "attention": 200, "segmenter": 120}
SHORT = {"saliency": 10, "attention": 80, "segmenter": 20}
SHORT_TARGETS = (
    *(f"{room}/weights.pt" for room in TRAININGS),
    *(
        f"{folder}/shard-1-of-1.h5"
        for folder in ("saliency/maps", "attention/maps", "segmenter/round-1/scores")
    ),
    *(f"proxy/{step}/shard-1-of-1.csv" for step in ("fused", "refined")),
    "segmenter/round-1/predictions/crf/shard-1-of-1.csv",
    *("evaluation/refined.json", "evaluation/segmenter-crf.json"),
)
"""What the short form makes: everything that is compared, but two scores alone and no report."""
TRIES = 8
"""Runs that may end before a fault finds somebody to strike."""
LEAST_COMPARED = 3 + 3 + 2 * 16 + 2 * 4 + 2
"""Weights, shards, proxies, predictions and scores of the short form."""


class Campaign:
    """Strikes runs of one demo and keeps the list of what happened.

    Args:
        demo: its checkout.
        seed: of all that is drawn.
    """

    def __init__(self, demo: Demo, seed: int) -> None:
        self.demo, self.seed, self.chance = demo, seed, random.Random(seed)
        self.entries: list[Entry] = []
        self.ended = 0
        self._orphans: list[psutil.Process] = []
        self._pending: tuple[Entry, Progress] | None = None
        if self.demo.start("calm").finish():
            raise RuntimeError(f"the undisturbed run failed: {self.demo.started[-1].said()[-3000:]}")
        self._calm = digests(self.demo.results("calm"))
        if len(self._calm) < LEAST_COMPARED:
            raise RuntimeError(
                f"only {len(self._calm)} artefacts were found to compare: {', '.join(self._calm)}"
            )

    def note(self, run: str, fault: str, struck: Struck) -> Entry:
        """Add a fault to the list."""
        self.entries.append(Entry(run, fault, struck.detail, struck.problem))
        self._orphans += struck.orphans
        print(
            f"{run}: {fault}: {struck.detail} {struck.problem and f'PROBLEM: {struck.problem}'}", flush=True
        )
        return self.entries[-1]

    def strike(self, run: str, name: str, fault: Fault) -> None:
        """Let a fault strike a run at work; one that is finished is first taken back to have work again."""
        for _ in range(TRIES):
            first = len(self.demo.started)
            struck = fault(self.demo, run, self.chance)
            self._settle(run, first)
            if struck is not None:
                self._pending = self.note(run, name, struck), progress(self.demo.results(run))
                return
            self.finish(run)
            self.demo.rewind(run, self.chance.choice(("saliency", "attention")))
        self.note(run, name, Struck("nothing", f"{TRIES} runs ended as if nothing had struck them"))

    def finish(self, run: str) -> None:
        """Bring a run to its end and compare it with the undisturbed one."""
        first = len(self.demo.started)
        running = self.demo.start(run)
        status = running.finish()
        self._settle(run, first)
        strikes.wait_for_orphans(self._orphans)
        self._orphans = []
        if status:
            self.note(run, "going on", Struck("to the end", f"status {status}: {running.said()[-2000:]}"))
        self.compare(run)

    def compare(self, run: str) -> None:
        """Note what a finished run has otherwise than the undisturbed one."""
        different = differences(self._calm, digests(self.demo.results(run)))
        if different:
            self.note(
                run, "comparison", Struck("with the undisturbed run", f"different: {', '.join(different)}")
            )

    def give_up(self, run: str, reason: str) -> None:
        """Note that a run could not be brought to its end."""
        self.note(run, "campaign", Struck("could not go on", reason))
        self._pending = None

    def _settle(self, run: str, first: int) -> None:
        """Charge the last fault with what the run has repeated since, in the Snakemakes from the `first` on."""
        if self._pending is not None:
            entry, before = self._pending
            said = "\n".join(running.said() for running in self.demo.started[first:])
            entry.charge(cost(before, self.demo.results(run), said), CORES)
        self._pending = None

    def report(self) -> Report:
        """What happened so far."""
        return Report(self.seed, self.ended, self.entries)


def long(folder: Path, seed: int, runs: int, kills: int) -> Report:
    """Every kind of fault on every run, and the kills dealt out over the runs."""
    campaign = Campaign(Demo(folder, LONG), seed)
    kinds = list(islice(cycle(KILLS.items()), kills))
    campaign.chance.shuffle(kinds)
    for number in range(runs):
        share = kinds[number::runs]
        running = [*share, *STOPS.items(), *DOUBLES.items()]
        campaign.chance.shuffle(running)
        guarded(campaign, f"run-{number + 1}", partial(disturb, plan=[*PLACES.items(), *running]))
    for name, fault in ONCE.items():
        guarded(campaign, f"once-{len(campaign.entries)}", partial(disturb_once, name=name, fault=fault))
    for name in FAULTS:
        with tempfile.TemporaryDirectory() as root:
            campaign.note("no run", "cut download", downloads.fetch(Path(root), name))
    return campaign.report()


def guarded(campaign: Campaign, run: str, work: Callable[[Campaign, str], None]) -> None:
    """Do some work; that it failed or hung is a problem on the list, and the campaign goes on with another run."""
    try:
        work(campaign, run)
        campaign.ended += 1
        shutil.rmtree(campaign.demo.results(run))
    except Exception as error:  # whatever it is, it is a finding
        campaign.give_up(run, traceback.format_exception(error)[-1].strip())


def disturb(campaign: Campaign, run: str, plan: list[tuple[str, Fault]]) -> None:
    """Strike a run with all that is planned, finish it, and damage what it made."""
    for name, fault in plan:
        campaign.strike(run, name, fault)
    campaign.finish(run)
    for kind in damage.KINDS:
        campaign.note(run, kind, damage.strike(kind, campaign.demo, run, campaign.chance))
        campaign.finish(run)


def disturb_once(
    campaign: Campaign, run: str, name: str, fault: Callable[[Demo, str], Struck | None]
) -> None:
    """A fault that has a run of its own; one that is not possible here is no fault."""
    struck = fault(campaign.demo, run)
    if struck is None:
        print(f"{name}: not possible here")
        return
    campaign.note(run, name, struck)
    campaign.finish(run)


def short(folder: Path, seed: int) -> Report:
    """A handful of faults on one run, in a few minutes."""
    campaign, run = Campaign(Demo(folder, SHORT, 1, SHORT_TARGETS), seed), "faulty"
    campaign.strike(run, "full disk (largest size of a file)", limits.full_disk)
    campaign.strike(run, "kill -9: data worker", KILLS["kill -9: data worker"])
    for name in ("SIGTERM to a training", "SIGINT to everything (Ctrl-C)"):
        campaign.strike(run, name, STOPS[name])
    campaign.finish(run)
    several_damages(campaign, run)
    campaign.ended = 1
    return campaign.report()


def several_damages(campaign: Campaign, run: str) -> None:
    """A label map, a shard and a checkpoint of a finished run; it is finished again afterwards."""
    results, folder, chance = campaign.demo.results(run), campaign.demo.folder, campaign.chance
    fused = results / "proxy/fused"
    # What was made from a file is removed, so that it is read again; then what goes with it.
    for kind, path, follows, also in (
        ("label map", fused / "val-00001.png", "proxy/refined/shard-1-of-1.csv", fused / "shard-1-of-1.csv"),
        ("shard", results / "saliency/maps/shard-1-of-1.h5", "segmenter/round-1/weights.pt", None),
    ):
        (results / follows).unlink()
        entry = campaign.note(run, f"flipped bit in a {kind}", Struck(f"{path.name}: {flipped(path)}"))
        running = campaign.demo.start(run)
        status, said = running.finish(), running.said()
        if not status or not damage.said_about(str(path.relative_to(folder)), said):
            entry.problem = f"it was not named (status {status}): {said[-1000:]}"
        for deleted in (path, *([also] if also else [])):
            deleted.unlink()
    checkpoint = results / "segmenter/round-1/state/checkpoint.pt"
    entry = campaign.note(run, "flipped bit in a checkpoint", Struck(damage.flip(checkpoint, chance)[0]))
    campaign.finish(run)
    if f"discarding {checkpoint.relative_to(folder)}" not in campaign.demo.started[-1].said():
        entry.problem = "the checkpoint was used"


def flipped(path: Path) -> str:
    """Flip a bit in the middle of a file, which no reader may overlook."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return "a bit in the middle"


def main() -> int:
    """Run the long form by hand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="runs of the demo that are disturbed")
    parser.add_argument("--kills", type=int, default=60, help="kill -9, over all runs")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument(
        "--out", type=Path, default=Path("faults.json"), help="the table; beside it as Markdown"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weakseg-faults-") as folder:
        report = long(Path(folder) / "checkout", given.seed, given.runs, given.kills)
    report.write(given.out)
    print(report.as_markdown())
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
