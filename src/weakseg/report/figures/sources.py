"""The maps and label maps of a run that montages show."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from weakseg.report.progress import existing, predictions
from weakseg.run.stages import Stage
from weakseg.run.table import Table
from weakseg.storage.shards import ShardReader


@dataclass(frozen=True)
class Sources:
    """Readers of a run's maps and folders of its label maps; `None` gives empty panels."""

    attention: ShardReader | None = None
    saliency: ShardReader | None = None
    fused: Path | None = None
    refined: Path | None = None
    predictions: Path | None = None


@contextmanager
def open_sources(table: Table, stages: Sequence[Stage]) -> Iterator[Sources]:
    """Open the existing maps and label maps of stages, until the block ends.

    Raises:
        InputError: a shard is damaged.
    """
    shown = {stage.rule: stage for stage in stages}

    def reader(rule: str) -> ShardReader:
        return ShardReader(existing(shown[rule].shard_files) if rule in shown else [])

    def labels(rule: str) -> Path | None:
        return shown[rule].label_folder if rule in shown else None

    predicted = [stage.label_folder for stage in predictions(table)]
    best = next((folder for folder in predicted if folder.is_dir()), None)
    with closing(reader("attention_maps")) as attention, closing(reader("saliency_maps")) as saliency:
        yield Sources(attention, saliency, labels("proxy_fuse"), labels("proxy_refine"), best)
