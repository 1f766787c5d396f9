"""The health of a run, finished or not."""

from collections.abc import Sequence
from pathlib import Path

from weakseg.evaluation.health.record import StageHealth, Warning, read_health
from weakseg.run.table import Table


def health_files(table: Table) -> list[Path]:
    """The files of health that exist: one for each checked stage, or else that of the whole run."""
    single = sorted(table.evaluation("health").glob("*.json"))
    return single or [path for path in (table.evaluation("health.json"),) if path.is_file()]


def health_of(table: Table) -> list[StageHealth]:
    """Health of the checked stages, in the order of the chain; none before the first check.

    Raises:
        InputError: a file is damaged.
    """
    order = {stage.name: place for place, stage in enumerate(table.stages)}
    found = [stage for path in health_files(table) for stage in read_health(path)]
    return sorted(found, key=lambda stage: order.get(stage.stage, len(order)))


def doubts(health: Sequence[StageHealth]) -> dict[str, float]:
    """Image id → the largest doubt of any stage, in [0, 1]; only images with any doubt."""
    found: dict[str, float] = {}
    for stage in health:
        for image_id, doubt in stage.by_image.items():
            found[image_id] = max(doubt, found.get(image_id, 0.0))
    return found


def warnings_of(health: Sequence[StageHealth]) -> dict[str, Warning]:
    """Name of each warning, such as `attention_maps/attention.empty`, → the warning, in the order of the chain."""
    return {f"{stage.stage}/{warning.signal}": warning for stage in health for warning in stage.warnings}
