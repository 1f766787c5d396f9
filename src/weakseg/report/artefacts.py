"""The images, maps and labels of a run, finished or not; loads no network."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from weakseg.dataset.index import Index, proxy_records, read_index
from weakseg.dataset.records import Record
from weakseg.evaluation.health.record import StageHealth
from weakseg.report.progress import existing, located, predictions
from weakseg.run.health import run_health
from weakseg.run.table import Table
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import ShardReader


class MapFiles:
    """Opened shards. Each file is opened and checked once, and again when another has taken its place."""

    def __init__(self) -> None:
        self._opened: dict[Path, tuple[tuple[int, int], ShardReader]] = {}

    def of(self, paths: Iterable[Path]) -> "Maps":
        """The maps of those files that exist.

        Raises:
            InputError: a file is damaged.
        """
        return Maps([self._reader(path) for path in existing(paths)])

    def _reader(self, path: Path) -> ShardReader:
        found = path.stat()
        mark = (found.st_mtime_ns, found.st_ino)
        known = self._opened.get(path)
        if known is None or known[0] != mark:
            known = self._opened[path] = (mark, ShardReader([path]))
        return known[1]


class Maps:
    """Maps of several shards, looked up by image id."""

    def __init__(self, readers: Sequence[ShardReader]) -> None:
        self._readers = readers

    def read(self, image_id: str) -> dict[str, np.ndarray]:
        """All maps of one image, name → h×w float32; empty if no shard holds the image."""
        return next((reader.read(image_id) for reader in self._readers if image_id in reader), {})


class Artefacts:
    """Reads the files of a run; writes nothing.

    Args:
        table: of the run.
        files: opened shards that an earlier reader of the run used.

    Attributes:
        table: of the run.
        index: the data set; `None` before it is indexed.
        records: training and validation images; empty before.
        rows: image id → row of `records`.
        label_folders: `fused`, `refined` and `prediction` → folder.

    Raises:
        InputError: a file is damaged.
    """

    def __init__(self, table: Table, files: MapFiles | None = None) -> None:
        self.table, files = table, files or MapFiles()
        found = table["dataset_index"].files
        self.index: Index | None = read_index(*found) if all(path.is_file() for path in found) else None
        self.records: Sequence[Record] = () if self.index is None else proxy_records(self.index)
        self.rows = {record.id: row for row, record in enumerate(self.records)}
        self._predictions = predictions(table)
        self.label_folders = {
            "fused": table["proxy_fuse"].label_folder,
            "refined": table["proxy_refine"].label_folder,
            "prediction": self._predictions[0].label_folder,
        }
        self._attention = files.of(table["attention_maps"].shard_files)
        self._saliency = files.of(table["saliency_maps"].shard_files)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names without background; before the data set is indexed those of the configuration."""
        return tuple(self.table.config.dataset.classes) if self.index is None else self.index.classes

    def record(self, image_id: str) -> Record:
        """The image of an id, with paths relative to the current folder.

        Raises:
            KeyError: no training or validation image has this id.
        """
        return located(self.table, self.records[self.rows[image_id]])

    def attention(self, record: Record) -> dict[str, np.ndarray]:
        """Present class → attention h×w in [0, 1], in the order of the classes; empty without maps."""
        named = self._attention.read(record.id)
        return {name: named[name] for name in self.classes if name in named}

    def saliency(self, record: Record) -> np.ndarray | None:
        """Saliency h×w in [0, 1]; `None` without maps."""
        return self._saliency.read(record.id).get("saliency")

    def label_file(self, layer: str, record: Record) -> Path:
        """The file of a label map of `label_folders`; it may not exist."""
        return self.label_folders[layer] / f"{record.id}.png"

    def labels(self, layer: str, record: Record) -> np.ndarray | None:
        """A label map H×W `uint8`, 255 undecided; `None` if it does not exist yet."""
        path = self.label_file(layer, record)
        return read_labels(path) if path.is_file() else None

    def truth(self, record: Record) -> np.ndarray | None:
        """The true labels H×W `uint8`, 255 not scored; `None` without a mask."""
        return None if record.mask is None or self.index is None else self.index.read_mask(record)

    @cached_property
    def health(self) -> list[StageHealth]:
        """Health of the checked stages, in the order of the chain."""
        return run_health(self.table)
