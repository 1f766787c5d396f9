"""Health as text, and as the one sentence that stops a run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from weakseg.errors import InputError
from weakseg.evaluation.health.record import StageHealth, Warning, read_health


def health_text(stages: Iterable[StageHealth]) -> str:
    """A line for each stage, and three below it for each warning."""
    return "\n".join(line for stage in stages for line in _lines(stage))


def _lines(stage: StageHealth) -> list[str]:
    lines = [f"{stage.stage}: {stage.line}"]
    for warning in stage.warnings:
        lines += [f"  ! {warning.found} ({warning.signal})"]
        lines += [f"    usually: {warning.usually}", f"    try: {warning.remedy}"]
    return lines


def refuse(files: Sequence[Path]) -> None:
    """Refuse what `health.stop` names.

    Args:
        files: health of the stages before the segmenter.

    Raises:
        InputError: one of them holds a warning that stops.
    """
    found = [
        warning
        for file in files
        for stage in read_health(file)
        for warning in stage.warnings
        if warning.stops
    ]
    if found:
        raise InputError("; ".join(map(_sentence, found)))


def _sentence(warning: Warning) -> str:
    return (
        f"health.stop names {warning.signal}, and it was found: {warning.found}; usually {warning.usually}: set "
        f"{warning.remedy}, or take {warning.signal} out of health.stop."
    )
