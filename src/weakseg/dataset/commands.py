"""`weakseg dataset …`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.config import DatasetConfig, read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index


BAD_IMAGES = "bad_images.csv"


@click.group()
def dataset() -> None:
    """Index images and their labels; generate the demo; fetch VOC."""


@dataset.command("index")
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The stage's settings (JSON).")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the two tables.")
def index_command(config: Path, out: Path) -> None:
    """Check every image and write OUT/index.csv and OUT/classes.csv; images that cannot be used: OUT/bad_images.csv."""
    from weakseg.dataset.check import settle
    from weakseg.dataset.index import write_bad, write_index
    from weakseg.dataset.summary import understood

    settings = read_stage(config, DatasetConfig)
    index = _index(settings, out)
    write_bad(out / BAD_IMAGES, index.bad)
    settle(index, settings.bad_images, out / BAD_IMAGES)
    write_index(out, index)
    counts = ", ".join(f"{len(index.split(name))} {name}" for name in ("train", "val", "saliency"))
    click.echo(f"indexed {counts} images of {len(index.classes)} classes in {out}")
    if index.bad:
        click.echo(f"left out {len(index.bad)} images that cannot be used: {out / BAD_IMAGES} says why")
    for line in understood(index):
        click.echo(line)


def _index(settings: DatasetConfig, out: Path) -> "Index":
    if settings.source == "demo":
        from weakseg.dataset.demo import CLASSES, generate
        from weakseg.dataset.table import index_table

        demo = settings.demo
        generate(out / "demo", demo.seed, demo.train, demo.val, demo.saliency, demo.size)
        folder = out / "demo"
        return index_table(
            folder / "images",
            folder / "labels.csv",
            folder / "masks",
            settings.classes or CLASSES,
            CLASSES,
        )
    if settings.source == "voc":
        from weakseg.dataset.voc import CLASSES as VOC_CLASSES
        from weakseg.dataset.voc import index_voc

        voc = settings.voc
        return index_voc(
            Path(voc.root),
            settings.classes or VOC_CLASSES,
            voc.train_split,
            voc.val_split,
            skip_difficult=voc.skip_difficult,
        )
    from weakseg.dataset.table import index_table

    table = settings.table
    return index_table(
        Path(table.images),
        Path(table.labels),
        Path(table.masks) if table.masks else None,
        settings.classes,
        table.all_classes,
        {split: Path(path) for split, path in table.lists.items()},
    )


@dataset.command("download")
@click.option(
    "--root", type=click.Path(path_type=Path), required=True, help="Folder that will hold VOCdevkit."
)
def download_command(root: Path) -> None:
    """Fetch PASCAL VOC 2012 (2 GB) with torchvision's downloader and its checksum."""
    from weakseg.dataset.download import download_voc

    download_voc(root)
