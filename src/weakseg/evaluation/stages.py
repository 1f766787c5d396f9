"""The files of a run that montages show, found by the run's folder alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weakseg.dataset.index import Index, read_index
from weakseg.dataset.records import Record
from weakseg.evaluation.montage import Sources, find
from weakseg.storage.run import Run
from weakseg.storage.shards import ShardReader


@dataclass(frozen=True)
class Stages:
    """Chosen images of a run and where their artefacts lie.

    Attributes:
        index: the data set.
        records: the chosen images, their files as seen from here.
        sources: what is made already; the rest is `None`.
    """

    index: Index
    records: list[Record]
    sources: Sources

    def close(self) -> None:
        """Close the shards."""
        for reader in (self.sources.attention, self.sources.saliency):
            if reader is not None:
                reader.close()


def read_stages(run: Run, ids: Sequence[str]) -> Stages:
    """Find what a run has made for some images.

    Raises:
        InputError: the run has no index yet, an id is not in it, or a shard is damaged.
    """
    index = read_index(run.index, run.classes)
    records = [_located(run, record) for record in find(index, ids)]
    refined = run.folder / "segmenter" / "predictions" / "crf"
    sources = Sources(
        attention=_reader(run, "attention"),
        saliency=_reader(run, "saliency"),
        fused=run.folder / "proxy" / "fused",
        refined=run.folder / "proxy" / "refined",
        predictions=refined if refined.is_dir() else refined.with_name("plain"),
    )
    return Stages(index, records, sources)


def _located(run: Run, record: Record) -> Record:
    mask: Path | None = None if record.mask is None else run.locate(record.mask)
    return replace(record, image=run.locate(record.image), mask=mask)


def _reader(run: Run, room: str) -> ShardReader | None:
    shards = run.maps(room)
    return ShardReader(shards) if shards else None
