"""`weakseg dataset …`."""

from pathlib import Path

import click

from weakseg.dataset.settings import DatasetConfig
from weakseg.errors import InputError
from weakseg.options import ManyValues, config_option
from weakseg.settings.reading import read_stage

PATH = click.Path(path_type=Path)
key_option = click.option(
    "--key", help="Key by which the workflow compares this input.  [default: its digest]"
)


@click.group()
def dataset() -> None:
    """Index images and their labels; generate the demo; download VOC."""


@dataset.command("index", cls=ManyValues)
@config_option
@click.option("--out", type=PATH, required=True, help="Folder of the tables.")
@key_option
@click.option(
    "--same-as",
    type=PATH,
    multiple=True,
    help="index.csv of a run whose maps or labels are reused; an error if it differs.",
)
@click.option("--processes", type=click.IntRange(1, 1024), help="That open images.  [default: one a core]")
def index_command(
    config: Path, out: Path, key: str | None, same_as: tuple[Path, ...], processes: int | None
) -> None:
    """Check every image and write OUT/index.csv, classes.csv and files.csv, and bad_images.csv if some are bad."""
    from weakseg.dataset.index import write_index
    from weakseg.dataset.indexing import BAD_IMAGES, check_data, refuse_other_images
    from weakseg.dataset.looking import forget
    from weakseg.dataset.summary import summary_lines
    from weakseg.dataset.survey import Origin, write_origin

    settings = read_stage(config, DatasetConfig)
    settings.own.generate(out)
    data = check_data(settings, out, out / "index.csv", processes)
    index = data.index
    for other in same_as:
        refuse_other_images(index, data.found, other)
    write_origin(out, "data", Origin(key or data.data, data.data, index.largest))
    write_index(out, index, data.found)
    forget(out)
    counts = ", ".join(f"{len(index.split(name))} {name}" for name in ("train", "val", "saliency"))
    click.echo(f"indexed {counts} images of {len(index.classes)} classes in {out}")
    if index.bad:
        click.echo(
            f"left out {len(index.bad)} images or masks that cannot be used: {out / BAD_IMAGES} says why"
        )
    for line in summary_lines(index):
        click.echo(line)


@dataset.command("masks")
@config_option
@click.option("--out", type=PATH, required=True, help="The file to write, in the folder of the index.")
@key_option
def masks_command(config: Path, out: Path, key: str | None) -> None:
    """Check the masks and list them in OUT."""
    from weakseg.dataset.files import write_files
    from weakseg.dataset.index import read_index, write_masks
    from weakseg.dataset.indexing import check_data
    from weakseg.dataset.survey import Origin, write_origin

    data = check_data(read_stage(config, DatasetConfig), out.parent, out)
    values = read_index(out.with_name("index.csv"), out.with_name("classes.csv")).mask_values
    if data.index.mask_values != values:
        raise InputError(
            f"the masks now have the values {data.index.mask_values} for background and classes, the index {values}; "
            f"delete {out.with_name('index.csv')} and run snakemake again."
        )
    write_origin(out.parent, "masks", Origin(key or data.masks, data.masks))
    write_files(out.parent, data.index.records, data.found)
    write_masks(out, data.index, data.found)
    for line in data.index.notes:
        click.echo(line)


@dataset.command("download")
@click.option("--root", type=PATH, required=True, help="Folder that will hold VOCdevkit.")
def download_command(root: Path) -> None:
    """Download PASCAL VOC 2012 (2 GB) with torchvision and verify its checksum."""
    from weakseg.dataset.download import download_voc

    download_voc(root)
