"""What users call for a run: `weakseg show` and `weakseg compare`."""

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
    from weakseg.evaluation.montage import draw_montage
    from weakseg.evaluation.stages import read_stages
    from weakseg.evaluation.terminal import choose, encode
    from weakseg.storage.run import open_run

    protocol = choose(os.environ, sys.stdout.isatty()) if out is None else ""
    if out is not None and out.suffix.lower() != ".png":
        raise InputError(f"--out {out} was given; the name of a PNG file was expected, such as stages.png.")
    stages = read_stages(open_run(run), ids)
    click.get_current_context().call_on_close(stages.close)
    if out is not None:
        draw_montage(stages.index, stages.records, stages.sources, out, "")
        click.echo(f"drew {len(ids)} images in {out}")
        return
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "stages.png"
        draw_montage(stages.index, stages.records, stages.sources, picture, "")
        click.echo(encode(protocol, picture.read_bytes()))


@click.command()
@click.argument("runs", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, default=Path("results"), help="Folder of compare.csv, .json and .png.")
def compare(runs: tuple[Path, ...], out: Path) -> None:
    """Put runs (folders such as results/demo) side by side, each as far as it has come: scores, time, memory."""
    from weakseg.evaluation.compare import read_run, write_comparison

    click.echo(write_comparison([read_run(folder) for folder in runs], out))
