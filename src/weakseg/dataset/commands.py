"""`weakseg dataset …`."""

from pathlib import Path

import click

from weakseg.dataset.settings import DatasetConfig
from weakseg.errors import InputError
from weakseg.options import ManyValues
from weakseg.settings.reading import read_stage

PATH = click.Path(path_type=Path)
config_option = click.option("--config", type=PATH, required=True, help="The stage's settings (JSON).")
key_option = click.option("--key", help="What the workflow knows this input by.  [default: its digest]")


@click.group()
def dataset() -> None:
    """Index images and their labels; generate the demo; fetch VOC."""


@dataset.command("index", cls=ManyValues)
@config_option
@click.option("--out", type=PATH, required=True, help="Folder of the tables.")
@key_option
@click.option(
    "--same-as",
    type=PATH,
    multiple=True,
    help="index.csv of a run whose maps or labels are taken; refused if it differs.",
)
def index_command(config: Path, out: Path, key: str | None, same_as: tuple[Path, ...]) -> None:
    """Check every image and write OUT/index.csv, classes.csv and files.csv; what cannot be used: bad_images.csv."""
    from weakseg.dataset.index import write_index
    from weakseg.dataset.indexing import BAD_IMAGES, generate, look, refuse_other_images
    from weakseg.dataset.summary import understood
    from weakseg.dataset.survey import Made, write_made

    settings = read_stage(config, DatasetConfig)
    generate(settings, out)
    looked = look(settings, out)
    index = looked.index
    for other in same_as:
        refuse_other_images(index, looked.found, other)
    write_made(out, "data", Made(key or looked.data, looked.data, index.largest))
    write_index(out, index, looked.found)
    counts = ", ".join(f"{len(index.split(name))} {name}" for name in ("train", "val", "saliency"))
    click.echo(f"indexed {counts} images of {len(index.classes)} classes in {out}")
    if index.bad:
        click.echo(
            f"left out {len(index.bad)} images or masks that cannot be used: {out / BAD_IMAGES} says why"
        )
    for line in understood(index):
        click.echo(line)


@dataset.command("masks")
@config_option
@click.option("--out", type=PATH, required=True, help="The file to write; the index lies beside it.")
@key_option
def masks_command(config: Path, out: Path, key: str | None) -> None:
    """Check the masks and list them in OUT; what reads masks depends on it."""
    from weakseg.dataset.files import write_files
    from weakseg.dataset.index import read_index, write_masks
    from weakseg.dataset.indexing import look
    from weakseg.dataset.survey import Made, write_made

    looked = look(read_stage(config, DatasetConfig), out.parent)
    told = read_index(out.with_name("index.csv"), out.with_name("classes.csv")).mask_values
    if looked.index.mask_values != told:
        raise InputError(
            f"the masks now have the values {looked.index.mask_values} for background and classes, the index {told}; "
            f"delete {out.with_name('index.csv')} and run snakemake again, which makes it again."
        )
    write_made(out.parent, "masks", Made(key or looked.masks, looked.masks))
    write_files(out.parent, looked.index.records, looked.found)
    write_masks(out, looked.index, looked.found)
    for line in looked.index.notes:
        click.echo(line)


@dataset.command("download")
@click.option(
    "--root", type=click.Path(path_type=Path), required=True, help="Folder that will hold VOCdevkit."
)
def download_command(root: Path) -> None:
    """Fetch PASCAL VOC 2012 (2 GB) with torchvision's downloader and its checksum."""
    from weakseg.dataset.download import download_voc

    download_voc(root)
