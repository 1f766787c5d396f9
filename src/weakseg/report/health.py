"""The health of a run as the page, the report and Python show it."""

from collections.abc import Sequence

from weakseg.evaluation.health.record import StageHealth, Warning


def doubts(health: Sequence[StageHealth]) -> dict[str, float]:
    """Image id → its doubt in [0, 1] by the last stage that doubts it; only images with any doubt."""
    return {image_id: doubt for stage in health for image_id, doubt in stage.by_image.items()}


def warnings_of(health: Sequence[StageHealth]) -> dict[str, Warning]:
    """Name of each warning, such as `attention_maps/attention.empty`, → the warning, in the order of the chain."""
    return {f"{stage.stage}/{warning.signal}": warning for stage in health for warning in stage.warnings}
