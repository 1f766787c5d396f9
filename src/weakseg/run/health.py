"""What the health check of a stage reads: its own artefacts and those it was made from. No mask is among them."""

from dataclasses import dataclass, field
from pathlib import Path

from weakseg.evaluation.health.record import StageHealth, read_health
from weakseg.run.stages import Stage
from weakseg.run.table import Table


@dataclass
class Looked:
    """What a check reads.

    Attributes:
        files: declared outputs of stages.
        options: the command's options for them.
    """

    files: list[Path] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    def add(self, option: str, given: list[Path], needs: list[Path] | None = None) -> None:
        """An option with its values; `needs` are the files that stand for them, if not the values."""
        self.options += [option, *map(str, given)]
        self.files += given if needs is None else needs


def looked_at(table: Table, name: str) -> Looked:
    """What the check of a stage reads.

    Args:
        table: of the run.
        name: of the stage, such as `attention_maps`.
    """
    stage, looked = table[name], Looked()
    looked.options += ["--stage", name]
    if stage.rule in ("attention_maps", "proxy_fuse", "proxy_refine"):
        looked.add("--attention", table["attention_maps"].shard_files)
    if stage.rule in ("attention_maps", "proxy_refine"):
        looked.add("--class-scores", table["attention_maps"].class_scores)
    if stage.rule in ("saliency_maps", "proxy_fuse", "proxy_refine"):
        looked.add("--saliency", table["saliency_maps"].shard_files)
    if stage.labels is not None:
        looked.add("--labels", [stage.label_folder], stage.shard_files)
    before = _before(table, stage)
    if before is not None:
        looked.add("--before", [before.label_folder], before.shard_files)
    if stage.rule == "segmenter_predict":
        looked.options += ["--split", table.config.evaluation.split]
    return looked


def _before(table: Table, stage: Stage) -> Stage | None:
    """The stage with whose labels a stage's are compared."""
    if stage.rule == "proxy_refine":
        return table.unrefined
    return table["proxy_refine"] if stage.rule == "segmenter_predict" and table.is_weak else None


def run_health(table: Table) -> list[StageHealth]:
    """The health of a run's stages, as far as they were checked, in the order of the chain.

    Raises:
        InputError: a file is damaged.
    """
    files = [table.health(stage) for stage in table.stages if stage.is_checked]
    return [stage for file in files for stage in read_health(file)]
