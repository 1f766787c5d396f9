"""Corrected label maps from a tool's export into a run's review, image by image checked."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.exchange.chosen import REFINED, known, run_images
from weakseg.formats import FORMATS
from weakseg.formats.items import Bad, Item
from weakseg.run.opened import open_table
from weakseg.storage.labels import UNDECIDED, read_labels, write_labels
from weakseg.storage.review import corrected_file, decide, read_corrected

STATES = ("new", "changed", "unchanged", "bad")


@dataclass
class Report:
    """What became of the images of an export.

    Attributes:
        folder: the run's review.
        images: name → state, one of `STATES`, and remarks.
        decided: images whose decisions changed.
    """

    folder: Path
    images: dict[str, tuple[str, str]] = field(default_factory=dict)
    decided: int = 0

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, state and remarks of every image that is not unchanged, bad ones first."""
        order = sorted(self.images.items(), key=lambda each: each[1][0] != "bad")
        return [(name, state, note) for name, (state, note) in order if state != "unchanged" or note]

    def line(self) -> str:
        """How many there are of each state."""
        counts = Counter(state for state, _ in self.images.values())
        parts = [f"{counts[state]:,} {state}" for state in STATES if counts[state] or state != "bad"]
        decided = f"; decisions about {self.decided:,} changed" if self.decided else ""
        return f"corrected label maps in {self.folder}: {', '.join(parts)}{decided}"


def import_corrections(
    run: Path, source: Path, form: str, *, keep_undecided: bool = True, skip_bad: bool = False
) -> Report:
    """Take the label maps of an export that differ from the run's own.

    Files of label maps that have not changed are not touched. New ones are written beside `corrected/` and moved there
    when every image is checked.

    Args:
        run: folder of the run.
        source: file or folder of the export.
        form: its format.
        keep_undecided: in formats that show undecided pixels as background, whether those that nobody painted stay
            undecided.
        skip_bad: take the good images where some cannot be taken.

    Raises:
        InputError: the export is damaged, or, without `skip_bad`, an image of it cannot be taken.
    """
    table = open_table(run)
    classes, records = run_images(table)
    chosen, folder = FORMATS[form], table.folder / "review"
    keep = keep_undecided and not chosen.keeps_undecided
    with _staged(folder) as stage:
        taking = _Taking(Report(folder), stage, table[REFINED].label_folder, classes, records, keep)
        for found in chosen.reader()(source, classes, known(records)):
            taking.take(found)
        _refuse_bad(taking.report, source, skip_bad)
        _move(stage, folder)
    taking.report.decided = decide(folder, taking.decisions)
    return taking.report


@dataclass
class _Taking:
    """Label maps on their way into a review.

    Attributes:
        report: what became of them so far.
        stage: folder of those that differ from what the run has.
        refined: folder of the run's refined proxies.
        classes: of the run, without background.
        records: id → image.
        keep: whether undecided pixels that are background in the export stay undecided.
        decisions: id → decisions that came with it.
    """

    report: Report
    stage: Path
    refined: Path
    classes: Sequence[str]
    records: Mapping[str, Record]
    keep: bool
    decisions: dict[str, Mapping[str, bool]] = field(default_factory=dict)

    def take(self, found: Item | Bad) -> None:
        """Write a label map into the stage, unless the run has it, and report on it."""
        if isinstance(found, Item) and found.id in self.decisions:
            found = Bad(found.id, f"'{found.id}' is there twice; once was expected: export it again.")
        if isinstance(found, Bad):
            name = found.name
            while name in self.report.images:
                name += " (again)"
            self.report.images[name] = ("bad", found.reason)
            return
        before = self._before(found)
        labels = found.labels
        if self.keep and before is not None:
            labels = np.where((labels == 0) & (before == UNDECIDED), UNDECIDED, labels).astype(np.uint8)
        state, notes = "unchanged", list(found.notes)
        if before is None or not np.array_equal(labels, before):
            state = "changed" if corrected_file(self.report.folder, found.id).is_file() else "new"
            write_labels(self.stage / f"{found.id}.png", labels, self.classes)
            notes = [*self._notes(self.records[found.id], labels, before), *notes]
        self.report.images[found.id] = (state, "; ".join(notes))
        self.decisions[found.id] = found.decisions

    def _before(self, found: Item) -> np.ndarray | None:
        """What the next training would learn from; `None` before there is a label map that can be read."""
        corrected, refined = corrected_file(self.report.folder, found.id), self.refined / f"{found.id}.png"
        with suppress(InputError):
            labels = read_corrected(corrected, self.classes) if corrected.is_file() else read_labels(refined)
            return labels if labels.shape == found.labels.shape else None
        return None

    def _notes(self, record: Record, labels: np.ndarray, before: np.ndarray | None) -> Iterator[str]:
        """Remarks about a label map that is new or changed."""
        shown = [self.classes[label - 1] for label in np.unique(labels) if label not in (0, UNDECIDED)]
        if before is not None:
            yield f"{(labels != before).mean():.1%} of the pixels"
            if not shown and (before % UNDECIDED).any():
                yield "no class is left"
        others = [name for name in shown if name not in record.labels]
        if others:
            yield f"shows {', '.join(others)}, which its labels do not name"
        if record.split != "train":
            yield "not a training image: changes no training"


def _refuse_bad(report: Report, source: Path, skip_bad: bool) -> None:
    """Raise where nothing may be taken."""
    bad = [note for state, note in report.images.values() if state == "bad"]
    if bad and (not skip_bad or len(bad) == len(report.images)):
        raise InputError(
            f"nothing was taken of {source}: {bad[0].removesuffix('.')}; {len(bad):,} of its {len(report.images):,} "
            "images cannot be taken: correct them, or give --skip-bad to take the others."
        )
    if not report.images:
        raise InputError(
            f"{source} holds no image; label maps of the run's images were expected: correct the path."
        )


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder for label maps until every image is checked; what is left in it is removed."""
    stage = folder / f".import.{os.getpid()}.tmp"
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # where nothing was taken there was no review before either


def _move(stage: Path, folder: Path) -> None:
    """Move the label maps into place."""
    for file in sorted(stage.rglob("*.png")):
        target = corrected_file(folder, file.relative_to(stage).as_posix().removesuffix(".png"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        except OSError as error:
            raise InputError(
                f"{target} could not be written ({error.strerror}); free disk space or fix the permissions, then "
                "import again, which goes on."
            ) from error
