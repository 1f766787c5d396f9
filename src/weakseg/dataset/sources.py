"""What the configured source of a data set offers."""

from pathlib import Path
from typing import Any

from weakseg.dataset.index import Offer
from weakseg.dataset.settings import DatasetConfig

DEMO = "demo"
"""Folder of the generated images beside the index."""


def offered(settings: DatasetConfig, folder: Path) -> Offer | None:
    """All images that exist, none of them opened, and those that do not.

    Args:
        settings: of the data set.
        folder: of the index; the demo lies in it.

    Returns:
        `None` while the demo has not been generated, or VOC not been fetched.

    Raises:
        InputError: a table, list or annotation is wrong.
    """
    if settings.source == "demo":
        return _demo(settings, folder / DEMO) if (folder / DEMO / "labels.csv").is_file() else None
    if settings.source == "voc":
        return _voc(settings) if Path(settings.voc.root).exists() or not settings.voc.download else None
    from weakseg.dataset.table import offer_table

    table = settings.table
    return offer_table(
        Path(table.images),
        Path(table.labels),
        Path(table.masks) if table.masks else None,
        settings.classes,
        table.all_classes,
        {split: Path(path) for split, path in table.lists.items()},
    )


def generated_from(settings: DatasetConfig) -> Any:
    """Plain values that images are generated from, for the demo."""
    return settings.demo.model_dump() if settings.source == "demo" else None


def _demo(settings: DatasetConfig, folder: Path) -> Offer:
    from weakseg.dataset.demo import CLASSES
    from weakseg.dataset.table import offer_table

    return offer_table(
        folder / "images", folder / "labels.csv", folder / "masks", settings.classes or CLASSES, CLASSES
    )


def _voc(settings: DatasetConfig) -> Offer:
    from weakseg.dataset.voc import CLASSES, offer_voc

    voc = settings.voc
    return offer_voc(
        Path(voc.root),
        settings.classes or CLASSES,
        voc.train_split,
        voc.val_split,
        skip_difficult=voc.skip_difficult,
    )
