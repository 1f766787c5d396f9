"""`weakseg init`."""

import re
import sys
from pathlib import Path

import click

from weakseg.errors import InputError

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("name", required=False)
@click.option(
    "--images", type=FOLDER, metavar="FOLDER", help="Your images, or data of a known tool (see below)."
)
@click.option(
    "--labels",
    type=FOLDER,
    metavar="TABLE",
    help="CSV with the columns image, labels (joined by |) and split (train or val), or another tool's file.  "
    "[default: the CSV beside them]",
)
@click.option(
    "--masks", type=FOLDER, metavar="FOLDER", help="PNGs for scores alone.  [default: found by their names]"
)
@click.option(
    "--preset",
    help="Values for all that is not written.  [default: quick, with a GPU photographs]",
)
@click.option(
    "--demo", is_flag=True, help="The demo on generated images: NAME, images and table are not needed."
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
def init(
    name: str | None,
    images: Path | None,
    labels: Path | None,
    masks: Path | None,
    preset: str | None,
    demo: bool,
    force: bool,
) -> None:
    """Look at a folder of images and a table, and write NAME.yaml, the configuration of a run.

    Known without a table: YOLO (data.yaml), COCO, Label Studio's JSON, Hugging Face's imagefolder, PASCAL VOC, and a
    folder for each class. `weakseg init FOLDER` names the run after the folder.

    In a folder without a checkout of weakseg it also writes what `snakemake --cores all` needs there. The last line
    that it prints is the command that starts the run.
    """
    from weakseg.run.init.start import Start

    if demo and (images or labels or masks):
        raise InputError("--demo makes its own images; leave out --images, --labels and --masks.")
    if name is not None and images is None and labels is None and Path(name).is_dir() and not demo:
        images, name = (
            Path(name),
            re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).resolve().name).strip("-.") or "mine",
        )
    if name is None and not demo:
        raise InputError(
            "a name for the run was expected: weakseg init my-run --images FOLDER --labels TABLE."
        )
    start = Start((name or "demo").removesuffix(".yaml"), preset, force)
    lines = start.demo() if demo else start.images(images, labels, masks)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
