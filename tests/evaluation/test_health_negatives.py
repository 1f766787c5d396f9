"""What health makes of images whose labels name no class: nothing in them is missing, apart or in doubt."""

from pathlib import Path

import numpy as np
import pytest

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.evaluation.health.inputs import Artefacts
from weakseg.storage.labels import write_labels
from weakseg.storage.shards import ShardReader, write_shard


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    """Of two training images the first shows rust, the second nothing; something stands out in both."""
    records, maps, saliency = [], [], []
    for name, labels in (("rusty", ("rust",)), ("good", ())):
        records.append(Record(name, tmp_path / "x.png", "train", labels, None))
        values = np.eye(8, dtype=np.float32)
        maps.append((name, dict.fromkeys(labels, values)))
        saliency.append((name, {"saliency": values}))
        write_labels(tmp_path / "labels" / f"{name}.png", np.eye(8, dtype=np.uint8) * len(labels))
    write_shard(tmp_path / "attention.h5", maps)
    write_shard(tmp_path / "saliency.h5", saliency)
    return Artefacts(
        Index(tuple(records), ("rust",), (0, 1)),
        attention=ShardReader([tmp_path / "attention.h5"]),
        saliency=ShardReader([tmp_path / "saliency.h5"]),
        labels=tmp_path / "labels",
        before=tmp_path / "labels",
    )


def test_attention_of_a_negative_is_not_apart_from_saliency(artefacts: Artefacts) -> None:
    rusty, good = artefacts.label_maps("train")
    assert rusty.apart == pytest.approx(1.0)
    assert good.apart is None
    assert good.missing == 0


def test_only_images_of_a_class_are_doubted(artefacts: Artefacts) -> None:
    assert [record.id for record, _ in artefacts.views("train")] == ["rusty"]
