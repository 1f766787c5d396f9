"""`weakseg`: one command group per room. Heavy imports wait until a command runs."""

import sys
import warnings

import click

from weakseg import __version__
from weakseg.attention.commands import attention
from weakseg.dataset.commands import dataset
from weakseg.errors import InputError
from weakseg.evaluation.commands import compare, evaluate, show
from weakseg.inspector.commands import inspect
from weakseg.proxy.commands import proxy
from weakseg.saliency.commands import saliency
from weakseg.segmenter.commands import segmenter
from weakseg.segmenter.tools import export, predict


@click.group()
@click.version_option(__version__)
def weakseg() -> None:
    """From image-level labels to a segmentation model.

    The chain is run by `snakemake --cores all`; every step of it is one of these commands.
    """


for _command in (
    *(dataset, saliency, attention, proxy, segmenter, evaluate),
    *(predict, export, show, inspect, compare),
):
    weakseg.add_command(_command)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit status 2, never a traceback."""
    warnings.filterwarnings(
        "ignore", module=r"PIL\."
    )  # source lines of it, about metadata and sizes of good images
    try:
        weakseg()
    except InputError as error:
        click.echo(f"weakseg: {error}", err=True)
        sys.exit(2)
