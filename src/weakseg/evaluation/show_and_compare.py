"""`weakseg show` and `weakseg compare`: a run's images, and several runs side by side."""

import os
import sys
import tempfile
from pathlib import Path

import click

from weakseg.errors import InputError

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=FILE)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--out", type=FILE, help="The picture (PNG); without it, it appears in the terminal.")
def show(run: Path, ids: tuple[str, ...], out: Path | None) -> None:
    """Show all stages of chosen images of a RUN (a folder such as results/demo), as far as it has come.

    ID is the first column of the run's dataset/index.csv.
    """
    from weakseg.evaluation.figures.terminal import choose, encode

    protocol = choose(os.environ, sys.stdout.isatty()) if out is None else ""
    if out is not None and out.suffix.lower() != ".png":
        raise InputError(f"--out {out} was given; the name of a PNG file was expected, such as stages.png.")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "stages.png" if out is None else out
        _draw(run, ids, picture)
        shown = f"drew {len(ids)} images in {out}" if out else encode(protocol, picture.read_bytes())
    click.echo(shown)


def _draw(run: Path, ids: tuple[str, ...], picture: Path) -> None:
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.figures.montage import draw_montage, find
    from weakseg.evaluation.figures.sources import open_sources
    from weakseg.evaluation.progress import located
    from weakseg.run.opened import open_table

    table = open_table(run)
    index = read_index(*table["dataset_index"].files)
    records = [located(table, record) for record in find(index, ids)]
    with open_sources(table, table.stages) as sources:
        draw_montage(index, records, sources, picture, "")


@click.command()
@click.argument("runs", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, default=Path("results"), help="Folder of compare.csv, .json and .png.")
def compare(runs: tuple[Path, ...], out: Path) -> None:
    """Put runs (folders such as results/demo) side by side, each as far as it has come: scores, time, memory."""
    from weakseg.evaluation.report.compare import read_run, write_comparison

    click.echo(write_comparison([read_run(folder) for folder in runs], out))
