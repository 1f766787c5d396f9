"""`weakseg export-masks` and `weakseg review …`."""

from collections.abc import Sequence
from pathlib import Path

import click

from weakseg.errors import InputError
from weakseg.exchange import STAGES
from weakseg.formats import FORMATS, READ
from weakseg.formats.options import image_url_option, tolerance_option

PATH = click.Path(path_type=Path)
SHOWN = 40
"""Images that a table on the screen lists."""


@click.command("export-masks")
@click.argument("source", type=PATH, metavar="RUN|FOLDER")
@click.option("--format", "form", type=click.Choice([*FORMATS]), required=True, help="What they are for.")
@click.option("--out", type=PATH, required=True, help="The file or folder to write.")
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default=STAGES[0],
    show_default=True,
    help="Of a run: `proxies` are the refined ones, with corrected label maps in their places.",
)
@click.option(
    "--split", type=click.Choice(["train", "val", "all"]), help="Of a run.  [default: that of the stage]"
)
@click.option(
    "--ids", type=PATH, help="Only these images: a list, a line each, such as RUN/review/flagged.csv."
)
@click.option("--classes", help="Of a folder: names in order, without background, such as cat,dog.")
@click.option("--images", type=PATH, help="Of a folder: the images, named like the PNGs.")
@tolerance_option
@image_url_option
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
def export_masks(
    source: Path,
    form: str,
    out: Path,
    stage: str,
    split: str | None,
    ids: Path | None,
    classes: str | None,
    images: Path | None,
    tolerance: float,
    image_url: str,
    overwrite: bool,
) -> None:
    """Write label maps for another tool: those of a RUN, or the PNGs of a FOLDER.

    Says what was written and what the format has no place for. Corrections come back by `weakseg review import`.
    """
    from weakseg.exchange.chosen import is_run, of_folder, of_run
    from weakseg.exchange.lists import read_names
    from weakseg.formats.items import Options
    from weakseg.formats.write import check_out, write

    chosen_format = FORMATS[form]
    check_out(chosen_format, out, overwrite)
    only = None if ids is None else read_names(ids)
    if is_run(source):
        if classes is not None or images is not None:
            raise InputError(
                f"{source} is a run, which knows its classes and images; leave --classes and --images out."
            )
        chosen = of_run(source, stage, split, only)
    else:
        if chosen_format.names_images and images is None:
            raise InputError(
                f"{source} is no run, and {form} names the image of each label map; give the folder of the images by "
                "--images."
            )
        chosen = of_folder(source, None if classes is None else classes.split(","), images, only)

    from tqdm import tqdm

    items = tqdm(chosen.items(), total=chosen.count, unit="image", disable=None)
    written = write(chosen_format, out, items, chosen.classes, Options(tolerance, image_url))
    click.echo(
        f"wrote {written.images:,} label maps ({chosen.title}) with {written.regions:,} regions to {out} ({form})"
    )
    for line in written.lines():
        click.echo(line)
    if is_run(source) and chosen_format.reads_back:
        click.echo(
            f"corrected there, they come back by: weakseg review import FILE --run {source} --format {form}"
        )


@click.group()
def review() -> None:
    """What people decided about a run's images: corrected, accepted, rejected."""


@review.command("import")
@click.argument("source", type=PATH, metavar="FILE|FOLDER")
@click.option("--run", type=PATH, required=True, help="Folder of a run, such as results/demo.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*READ, "list"]),
    required=True,
    help="Of SOURCE; `list`: ids, a line each, to be accepted, rejected or flagged.",
)
@click.option(
    "--as",
    "decision",
    type=click.Choice(["corrected", "accepted", "rejected", "flagged"]),
    default="corrected",
    show_default=True,
    help="`corrected`: the label maps replace the proxies; the others take the names of the images only.",
)
@click.option("--skip-bad", is_flag=True, help="Take the good ones where some cannot be taken.")
@click.option(
    "--undecided",
    type=click.Choice(["keep", "background"]),
    default="keep",
    show_default=True,
    help="What undecided pixels are where the format shows them as background and nobody painted them.",
)
def import_command(source: Path, run: Path, form: str, decision: str, skip_bad: bool, undecided: str) -> None:
    """Take corrected label maps, or decisions, into RUN/review; the next snakemake trains accordingly.

    Every image is checked first: nothing is taken where one cannot be, unless --skip-bad. What equals the run's own
    labels changes nothing.
    """
    from weakseg.exchange.corrections import import_corrections
    from weakseg.exchange.lists import import_decisions

    if decision != "corrected":
        click.echo(import_decisions(run, source, form, decision, skip_bad))
        return
    if form == "list":
        raise InputError(
            "--format list has names only; give --as accepted, rejected or flagged, or another format."
        )
    report = import_corrections(run, source, form, keep_undecided=undecided == "keep", skip_bad=skip_bad)
    _show(report.rows())
    click.echo(report.line())


def _show(rows: Sequence[Sequence[str]]) -> None:
    """A table on the screen, cut off at `SHOWN` rows."""
    shown = rows[:SHOWN]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))] if shown else []
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if len(rows) > SHOWN:
        click.echo(f"… and {len(rows) - SHOWN:,} more")


@review.command("list")
@click.argument("run", type=PATH)
def list_command(run: Path) -> None:
    """Show what was decided about a RUN's images."""
    from weakseg.run.opened import open_table
    from weakseg.storage.review import LISTS, read_review

    found = read_review(open_table(run).folder / "review")
    rows = [(name, image_id) for name in LISTS for image_id in sorted(getattr(found, name))]
    _show([*rows, *(("corrected", image_id) for image_id in found.corrected)])
    counts = [f"{len(getattr(found, name)):,} {name}" for name in (*LISTS, "corrected")]
    click.echo(", ".join(counts))
