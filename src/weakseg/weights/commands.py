"""`weakseg weights …`."""

from pathlib import Path

import click

from weakseg.errors import InputError
from weakseg.weights.known import FAMILY, KNOWN, Known, alike, named, of_architecture

_HEAD = ("name", "size", "licence", "trained on", "file")
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
@click.argument("part", default="", metavar="[PART]")
def list_command(part: str) -> None:
    """Show names: size, licence, training data, and where each file lies.

    PART of a name or of an architecture leaves out the others; the whole architecture of a model of timm, such as
    timm/resnet50, shows all weights that timm publishes of it.
    """
    from weakseg.weights.cache import folder

    every = of_architecture(part) if part.startswith(FAMILY) else []
    shown = every or [each for each in KNOWN.values() if part in each.name or part in each.architecture]
    if not shown:
        raise InputError(
            f"no weights have {part} in their name or architecture; weakseg weights list shows all."
        )
    rows = [("", *_HEAD), *((_group(known), *_row(known)) for known in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    group = ""
    for row in rows:
        if row[0] != group:
            group = row[0]
            click.echo(f"\n{group}")
        cells = (cell.ljust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True))
        click.echo("  ".join([*cells, row[-1]]))
    click.echo(f"\nfetched files lie in {folder()}; WEAKSEG_CACHE names another folder")
    if not part:
        click.echo("any other weights of timm have a name too: weakseg weights list timm/MODEL")


def _group(known: Known) -> str:
    if known.architecture.startswith(FAMILY):
        return "backbones of timm (architecture: timm/MODEL)"
    return "backbones" if known.architecture else "saliency networks"


def _row(known: Known) -> tuple[str, str, str, str, str]:
    from weakseg.weights.cache import locate

    return known.name, known.megabytes, known.terms, known.trained_on, str(locate(known) or "not fetched")


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
    from weakseg.weights.cache import fetch, locate, provenance, verified

    known = _named(name)
    path = locate(known)
    path = fetch(known, accepted, out) if path is None else verified(known, path)
    found = provenance(known, path)
    stamp = {"name": found.pop("source"), **found, "licence": known.licence}
    write_text(out, json.dumps(stamp, indent=2) + "\n")


def _named(name: str) -> Known:
    known = named(name)
    if known is None:
        raise InputError(f"no weights are known by the name {name}; did you mean {alike(name)}?")
    return known
