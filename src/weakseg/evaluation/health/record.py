"""What a health check finds, and its file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path


@dataclass(frozen=True)
class Warning:
    """Something that looks wrong.

    Attributes:
        signal: its name, as in `health.stop`: `attention.empty`.
        found: one sentence, with the count and the classes: what was found.
        usually: one sentence: what it usually means.
        remedy: the one value to try, as in a configuration: `attention.training.iterations: 1200`.
        classes: the classes it is about; may be empty.
        images: ids of images that show it, worst first, at most 50.
        stops: whether `health.stop` names the signal: the segmenter is then not trained.
    """

    signal: str
    found: str
    usually: str
    remedy: str
    classes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    stops: bool = False


@dataclass(frozen=True)
class StageHealth:
    """Health of one stage.

    Attributes:
        stage: the rule that made what was looked at, such as `attention_maps`.
        line: a few words for a terminal: `2 of 6 classes and 14 of 120 images without attention`.
        images: number of images looked at.
        figures: name of a signal → its value over all images, such as a share in [0, 1].
        by_class: name of a signal → class → value.
        by_image: id → doubt in [0, 1], 1 is the most doubtful; only images with any doubt.
        warnings: what looks wrong, the most important first.
    """

    stage: str
    line: str
    images: int
    figures: Mapping[str, float] = field(default_factory=dict)
    by_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    by_image: Mapping[str, float] = field(default_factory=dict)
    warnings: Sequence[Warning] = ()


def write_health(path: Path, stages: Sequence[StageHealth]) -> None:
    """Write the health of stages, in the order of the chain.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    content = {"stages": [asdict(stage) for stage in stages]}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_health(path: Path) -> list[StageHealth]:
    """The health of stages in a file; none if it does not exist.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return [_stage(values) for values in json.loads(path.read_text(encoding="utf-8"))["stages"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and run snakemake again.") from None


def _stage(values: Mapping[str, Any]) -> StageHealth:
    warnings = tuple(
        Warning(**(each | {"classes": tuple(each["classes"]), "images": tuple(each["images"])}))
        for each in values["warnings"]
    )
    return StageHealth(**{**values, "warnings": warnings})
