"""Lists the images of the configured source."""

from pathlib import Path
from typing import Any

from weakseg.dataset.index import Listing
from weakseg.dataset.settings import DatasetConfig

DEMO = "demo"
"""Folder of the generated images, in the folder of the index."""


def list_source(settings: DatasetConfig, folder: Path) -> Listing | None:
    """List a source's images without opening them.

    Args:
        settings: of the data set.
        folder: of the index; the demo lies in it.

    Returns:
        `None` before the demo is generated or VOC is downloaded.

    Raises:
        InputError: a table, list or annotation is wrong.
    """
    from weakseg.dataset.table import list_table

    if settings.source == "demo":
        from weakseg.dataset.demo_shapes import CLASSES

        demo = folder / DEMO
        if not (demo / "labels.csv").is_file():
            return None
        return list_table(
            *(demo / "images", demo / "labels.csv", demo / "masks"),
            settings.classes or CLASSES,
            CLASSES,
            unlabelled=settings.unlabelled,
        )
    if settings.source == "voc":
        return _voc(settings) if Path(settings.voc.root).exists() or not settings.voc.download else None
    table = settings.table
    return list_table(
        Path(table.images),
        Path(table.labels),
        Path(table.masks) if table.masks else None,
        settings.classes,
        table.all_classes,
        {split: Path(path) for split, path in table.lists.items()},
        unlisted=settings.unlisted,
        unlabelled=settings.unlabelled,
    )


def generated_from(settings: DatasetConfig) -> Any:
    """The settings that the demo's images are generated from; `None` for other sources."""
    return settings.demo.model_dump() if settings.source == "demo" else None


def _voc(settings: DatasetConfig) -> Listing:
    from weakseg.dataset.voc import CLASSES, list_voc

    voc = settings.voc
    return list_voc(
        Path(voc.root),
        settings.classes or CLASSES,
        voc.train_split,
        voc.val_split,
        skip_difficult=voc.skip_difficult,
        unlabelled=settings.unlabelled,
    )
