"""`weakseg weights …`."""

from pathlib import Path

import click

from weakseg.errors import InputError
from weakseg.weights.known import KNOWN, Known, near

PATH = click.Path(path_type=Path)
accept_option = click.option(
    "--accept-license",
    "accepted",
    multiple=True,
    metavar="NAME",
    help="A licence without commercial use that you accept.",
)


@click.group()
def weights() -> None:
    """Published weights that a configuration may name: list them, fetch them, add files by hand."""


@weights.command("list")
def list_command() -> None:
    """Show all names: size, licence, training data, and where each file lies."""
    from weakseg.weights.cache import folder, locate

    rows = [("name", "size", "licence", "trained on", "file")]
    for known in KNOWN.values():
        licence = known.licence if known.commercial else f"{known.licence} (not commercial)"
        rows.append(
            (known.name, known.megabytes, licence, known.trained_on, str(locate(known) or "not fetched"))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        first = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        click.echo("  ".join([*first, row[-1]]))
    click.echo(f"\nfetched files lie in {folder()}; WEAKSEG_CACHE names another folder")


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@accept_option
def fetch_command(names: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    """Fetch weights into the cache, such as before working offline."""
    from weakseg.weights.cache import fetch, locate, verified

    for known in [_named(name) for name in names]:
        path = locate(known)
        click.echo(fetch(known, accepted) if path is None else verified(known, path))


@weights.command("add")
@click.argument("name")
@click.argument("file", type=PATH)
def add_command(name: str, file: Path) -> None:
    """Copy a FILE that you fetched elsewhere into the cache as NAME."""
    from weakseg.weights.cache import add

    click.echo(add(_named(name), file))


@weights.command("stamp")
@click.argument("name")
@accept_option
@click.option("--out", type=PATH, required=True, help="The file to write.")
def stamp_command(name: str, accepted: tuple[str, ...], out: Path) -> None:
    """Fetch weights if the cache lacks them, check them, and write their name and SHA-256 into a file."""
    import json

    from weakseg.storage.atomic import write_text
    from weakseg.weights.cache import digest, fetch, locate, verified

    known = _named(name)
    path = locate(known)
    path = fetch(known, accepted, out) if path is None else verified(known, path)
    stamp = {"name": known.name, "sha256": digest(path), "licence": known.licence}
    write_text(out, json.dumps(stamp, indent=2) + "\n")


def _named(name: str) -> Known:
    if name not in KNOWN:
        raise InputError(f"no weights are known by the name {name}; did you mean {near(name)}?")
    return KNOWN[name]
