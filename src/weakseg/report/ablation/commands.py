"""`weakseg ablate`."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTION...]")
@click.option("--cores", default="all", show_default=True, help="As snakemake's --cores.")
@click.option(
    "--target",
    type=click.Choice(("all", "proxies")),
    default="all",
    show_default=True,
    help="`proxies` trains no segmenter: its scores end with the refined proxies.",
)
@click.option("--dry-run", "-n", is_flag=True, help="Print what would be made and taken, and make nothing.")
def ablate(file: Path, extra: tuple[str, ...], cores: str, target: str, dry_run: bool) -> None:
    """Run the variants of a configuration that FILE lists, and compare them with it.

    What a variant does not change is made once. Each run is one of Snakemake; OPTIONs behind `--` are given to it. An
    interrupted ablation goes on with the same command. The tables lie in results/ablation-<name of FILE>.
    """
    from weakseg.report.ablation.file import read_ablation
    from weakseg.report.ablation.make import make, refuse_ours
    from weakseg.report.ablation.plan import place, plan
    from weakseg.report.ablation.table import lines, read_outcomes, write_tables

    refuse_ours(extra)
    runs = plan(file, read_ablation(file), target)
    if dry_run:
        click.echo("\n".join(each.line for each in runs))
        return
    finished = make(file, runs, ("--cores", cores, *extra), target, _tell)
    if finished:
        click.echo(write_tables(lines(read_outcomes(finished)), place(file)))
        click.echo(f"Written: {place(file) / 'table.csv'} and table.md, which says what the columns are.")
    if len(finished) < len(runs):
        click.echo(
            f"{len(finished)} of {len(runs)} runs are finished; correct what snakemake says and give the same command, "
            "which goes on.",
            err=True,
        )
        sys.exit(1)


def _tell(line: str) -> None:
    click.echo(f"weakseg: {line}", err=True)
