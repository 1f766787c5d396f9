"""Commands on whole runs: `weakseg evaluate summary`, `evaluate supervision`, `show`, `compare` and `report-bug`."""

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from weakseg.errors import InputError

FILE = click.Path(path_type=Path)
run_option = click.option(
    "--run", type=FILE, required=True, metavar="RUN", help="Folder of a run, such as results/demo."
)


@click.command()
@run_option
@click.option("--out", type=FILE, help="The ledger (JSON).  [default: RUN/evaluation/supervision.json]")
def supervision(run: Path, out: Path | None) -> None:
    """Write the supervision ledger of a run, file by file and in one line."""
    from weakseg.evaluation.score import write_json
    from weakseg.report.ledger import ledger
    from weakseg.run.entered import entered
    from weakseg.run.opened import open_table

    table = open_table(run)
    result = ledger(entered(table), table.config.supervision)
    write_json(table.evaluation("supervision.json") if out is None else out, asdict(result))
    click.echo(result.line)


@click.command()
@run_option
def summary(run: Path) -> None:
    """Write the report's tables and figures into RUN/evaluation and print the score table."""
    from weakseg.report.summary import write_summary
    from weakseg.run.opened import open_table

    click.echo(write_summary(open_table(run)))


@click.command()
@click.argument("run", type=FILE)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--out", type=FILE, help="The picture (PNG).  [default: shown in the terminal]")
def show(run: Path, ids: tuple[str, ...], out: Path | None) -> None:
    """Show all finished stages of some images of a RUN (a folder such as results/demo).

    ID is the first column of the run's dataset/index.csv.
    """
    from weakseg.report.figures.terminal import choose, encode

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
    from weakseg.report.figures.montage import draw_montage, find
    from weakseg.report.figures.sources import open_sources
    from weakseg.report.progress import located
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
    """Compare runs (folders such as results/demo), finished or not: scores, time, memory."""
    from weakseg.report.compare import read_run, write_comparison

    click.echo(write_comparison([read_run(folder) for folder in runs], out))


@click.command("report-bug")
@click.argument("run", type=FILE, required=False)
@click.option("--out", type=FILE, help="The text (Markdown).  [default: printed]")
def report_bug(run: Path | None, out: Path | None) -> None:
    """Write the text of a bug report: versions, machine and, of a RUN, configuration, health and failed logs.

    Folders are left out; read the text before you send it.
    """
    from weakseg.report.bug import bug_report
    from weakseg.storage.atomic import write_text

    text = bug_report(run)
    if out is None:
        click.echo(text, nl=False)
        return
    write_text(out, text)
    click.echo(f"wrote {out}; read it, add what happened, and send it as an issue.")
