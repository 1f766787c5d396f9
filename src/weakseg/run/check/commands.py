"""`weakseg check`."""

import sys
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("files", type=PATH, nargs=-1)
@click.option("--config", "settings", multiple=True, metavar="KEY=VALUE", help="As snakemake's --config.")
@click.option(
    "--time/--no-time", default=True, help="Whether to measure for some seconds how long the run will take."
)
def check(files: tuple[Path, ...], settings: tuple[str, ...], time: bool) -> None:
    """Look at the data and the configuration of a run, as given to snakemake's --configfile, and train nothing.

    FILES are the configuration's; without one it is the run of a plain `snakemake --cores all`. The last line is the
    command that starts the run, or what to correct. Exit status 1: a run would refuse to start.
    """
    from weakseg.run.check.report import report

    lines, is_refused = report(files, settings, measured=time)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if is_refused else 0)
