"""Stores review decisions; the only part of the inspector that writes files, and only below `review/`."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from weakseg.dataset.image_names import check_id
from weakseg.dataset.images import image_size
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, decode_labels, write_labels
from weakseg.storage.review import CORRECTED, LISTS, Review, corrected_file, decide, read_review

DECISIONS = ("", "accepted", "rejected")


class Reviews:
    """The decisions about one run.

    Args:
        folder: `results/<run>/review`; created at the first decision.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()  # two simultaneous requests would lose one decision

    def read(self) -> Review:
        """The current decisions, read from the files, as users may edit them."""
        return read_review(self.folder)

    def counts(self) -> dict[str, int]:
        """Name of a list → its length, and `corrected`."""
        review = self.read()
        return {name: len(getattr(review, name)) for name in (*LISTS, CORRECTED)}

    def decide(self, image_id: str, decision: str | None, flagged: bool | None) -> None:
        """Accept, reject or reset (empty `decision`), flag or unflag; `None` means no change.

        Raises:
            InputError: unknown decision, or the disk is full.
        """
        if decision is not None and decision not in DECISIONS:
            raise InputError(
                f"the decision {decision[:40]!r} was sent; accepted, rejected or '' was expected."
            )
        wanted: dict[str, bool] = {}
        if decision is not None:
            wanted = {"accepted": decision == "accepted", "rejected": decision == "rejected"}
        if flagged is not None:
            wanted["flagged"] = flagged
        with self._lock:
            decide(self.folder, {image_id: wanted})

    def correct(self, record: Record, content: bytes, classes: Sequence[str]) -> np.ndarray:
        """Store a corrected label map; only its values are kept, nothing else of the file.

        Args:
            record: the image.
            content: a PNG of one index per pixel.
            classes: names without background, stored with it.

        Raises:
            InputError: not a PNG of one index per pixel, not of its image's size, or an index that is not a class.
        """
        labels = decode_labels(content, "the file", image_size(record.image))
        stray = np.setdiff1d(np.unique(labels), [*range(len(classes) + 1), UNDECIDED])
        if stray.size:
            raise InputError(
                f"the file holds the index {stray[0]}; 0…{len(classes)} or 255 (undecided) was expected."
            )
        write_labels(self._corrected(record), labels, classes)
        return labels

    def restore(self, record: Record) -> None:
        """Delete a corrected label map."""
        self._corrected(record).unlink(missing_ok=True)

    def _corrected(self, record: Record) -> Path:
        """The file of a corrected label map.

        Raises:
            InputError: the id, or a link below `review/`, leads out of it.
        """
        check_id(record.id)
        return corrected_file(self.folder, record.id)
