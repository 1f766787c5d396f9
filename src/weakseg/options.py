"""Command-line options that many commands share."""

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)

config_option = click.option("--config", type=_PATH, required=True, help="The stage's settings (JSON).")
index_option = click.option("--index", type=_PATH, required=True, help="The data set's index.csv.")
classes_option = click.option("--classes", type=_PATH, required=True, help="The data set's classes.csv.")
shard_option = click.option("--shard", required=True, help="Which part of the images, such as 2-of-8.")
state_option = click.option(
    "--state", type=_PATH, required=True, help="Folder of the training state, for resuming."
)
labels_option = click.option("--labels", type=_PATH, required=True, help="Folder of the label PNGs.")
split_option = click.option(
    "--split", type=click.Choice(["train", "val"]), required=True, help="Which images of the index."
)
out_option = click.option("--out", type=_PATH, required=True, help="The file to write.")
