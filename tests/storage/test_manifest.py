"""The table that stands for a shard's label PNGs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from weakseg.storage.manifest import digest, write_manifest


def test_labels_that_move_but_keep_their_shares_have_another_digest() -> None:
    labels = np.zeros((40, 30), np.uint8)
    labels[0, 0] = 3
    moved = np.roll(labels, 1, axis=1)
    assert digest(labels) == digest(labels.copy())
    assert digest(labels) != digest(moved)
    assert len(digest(moved)) == 8


def test_digest_does_not_depend_on_memory_layout() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest(labels) == digest(np.asfortranarray(labels))


def test_manifest_is_absent_until_every_row_is_made(tmp_path: Path) -> None:
    path = tmp_path / "shard-1-of-1.csv"

    def rows() -> Iterator[tuple[str, ...]]:
        yield "a", "0.5"
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_manifest(path, ("id", "undecided"), rows())
    assert not path.exists()
    write_manifest(path, ("id", "undecided"), [("a", "0.5"), ("b", "0.1")])
    assert path.read_text(encoding="utf-8") == "id,undecided\na,0.5\nb,0.1\n"
