"""`weakseg tiles`."""

from pathlib import Path

import click

from weakseg.dataset.raster_options import bands_option, stretch_option

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("scenes", nargs=-1, required=True, type=PATH, metavar="SCENE...")
@click.option("--out", type=PATH, required=True, help="New folder of the windows and their table.")
@click.option("--window", type=click.IntRange(16), default=512, show_default=True, help="Side, in pixels.")
@click.option("--stride", type=click.IntRange(1), help="Pixels from one to the next.  [default: the window]")
@bands_option
@stretch_option
@click.option(
    "--labels", default="", help="Of every window, such as 'crop|forest'; without it the cells are empty."
)
def tiles(
    scenes: tuple[Path, ...],
    out: Path,
    window: int,
    stride: int | None,
    bands: tuple[int, ...],
    stretch: str | None,
    labels: str,
) -> None:
    """Cut large scenes (GeoTIFF) into windows, PNGs, with a table to label them.

    Writes OUT/<scene>/<row>_<column>.png, OUT/labels.csv and OUT/tiles.json.
    """
    from tqdm import tqdm

    from weakseg.dataset.rasters import parse_stretch
    from weakseg.dataset.tiles import TABLE, cut_scenes

    chosen = None if stretch is None else parse_stretch(stretch)
    with tqdm(total=len(scenes), unit="scene", disable=None) as bar:
        written, empty = cut_scenes(
            scenes,
            out,
            window=window,
            stride=stride or window,
            bands=bands,
            stretch=chosen,
            labels=labels,
            done=lambda: bar.update(),
        )
    without = f"; {empty:,} more show nothing but nodata" if empty else ""
    click.echo(f"wrote {written:,} windows of {len(scenes):,} scenes{without}")
    click.echo(f"Next: {'check' if labels else 'fill in'} the column labels of {out / TABLE}")
