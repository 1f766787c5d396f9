"""Command-line options shared by many commands."""

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
    "--split",
    type=click.Choice(["train", "val"]),
    default="train",
    show_default=True,
    help="Which images of the index.",
)
out_option = click.option("--out", type=_PATH, required=True, help="The file to write.")


class ManyValues(click.Command):
    """`--maps A B C` means `--maps A --maps B --maps C`, as Snakemake writes a list of files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat a repeatable option before each of its values."""
        many = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spread: list[str] = []
        current: str | None = None
        for word in args:
            if word.startswith("--"):
                current = word if word in many else None
            if word != current:
                spread += [word] if current is None else [current, word]
        return super().parse_args(ctx, spread)
