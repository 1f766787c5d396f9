"""`weakseg predict`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.raster_options import bands_option, stretch_option
from weakseg.errors import InputError
from weakseg.formats import FORMATS
from weakseg.formats.options import image_url_option, tolerance_option
from weakseg.segmenter.prediction.settings import LONGEST, PRECISIONS

if TYPE_CHECKING:
    from weakseg.segmenter.prediction.geotiff import Bands

PATH = click.Path(path_type=Path)


def _numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """`0.75,1` → (0.75, 1.0)."""
    try:
        return None if value is None else tuple(float(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} was given; numbers such as 0.75,1 were expected.", context, option
        ) from None


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--run", type=PATH, help="Folder of a finished run, such as results/demo.")
@click.option("--onnx", type=PATH, help="Instead of --run: a model written by `weakseg export`.")
@click.option(
    "--out",
    type=PATH,
    required=True,
    help="Folder of the label maps, palette PNGs; with another --format, that file or folder.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, "geotiff"]),
    default="png",
    show_default=True,
    help="Of OUT: what other tools read, such as coco or cvat; geotiff: where the input lies, by windows.",
)
@tolerance_option
@image_url_option
@bands_option
@stretch_option
@click.option("--overlays", type=PATH, help="Folder of pictures with the classes laid over (JPEG).")
@click.option("--scores", type=PATH, help="File of the class scores (HDF5).")
@click.option("--summary", type=PATH, help="File of the area of every class in every image (JSON).")
@click.option("--crf", is_flag=True, help="Refine by the run's dense CRF.")
@click.option(
    "--scales", callback=_numbers, help="Sizes to average over, such as 0.75,1,1.25.  [default: the run's]"
)
@click.option("--flip/--no-flip", default=None, help="Average with the mirror image.  [default: the run's]")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Arithmetic of the network.  [default: the run's]",
)
@click.option(
    "--longest",
    type=click.IntRange(1),
    help=f"Longer side, in pixels, above which an image is shrunk for the network.  [default: the run's, or {LONGEST}]",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    help="Instead of shrinking: predict in overlapping windows of this side, in pixels, at the image's own size.",
)
@click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Images of one size at once."
)
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
def predict(
    inputs: tuple[str, ...],
    run: Path | None,
    onnx: Path | None,
    out: Path,
    form: str,
    tolerance: float,
    image_url: str,
    bands: tuple[int, ...],
    stretch: str | None,
    overlays: Path | None,
    scores: Path | None,
    summary: Path | None,
    crf: bool,
    scales: tuple[float, ...] | None,
    flip: bool | None,
    precision: str | None,
    longest: int | None,
    window: int | None,
    batch: int,
    overwrite: bool,
) -> None:
    """Segment images: files, folders (with all below them) or quoted patterns such as 'photos/*.jpg'.

    OUT/<name>.png has the image's size and one class index per pixel, 0 background. An image that cannot be read
    is named, the others are done, and the exit status is 2.
    """
    from weakseg.formats.items import Options
    from weakseg.segmenter.prediction.inputs import Outputs, check_outputs, gather, left_out, left_out_line

    source = _source(run, onnx)
    how = _bands_of(form, bands, stretch, [overlays, scores])
    found, others = gather(inputs), left_out(inputs)
    outputs = Outputs(out, overlays, scores, summary, form, Options(tolerance, image_url))
    check_outputs(outputs, found, overwrite)

    from tqdm import tqdm

    from weakseg.segmenter.prediction.files import predict_files
    from weakseg.segmenter.prediction.geotiff import WINDOW, predict_scenes
    from weakseg.segmenter.prediction.model import load

    side = WINDOW if how and not window else window
    model = load(source, crf=crf, scales=scales, flip=flip, precision=precision, longest=longest, window=side)
    with tqdm(total=len(found), unit="image", disable=None) as bar:  # a bar on terminals only

        def done(problem: str | None) -> None:
            if problem is not None:
                tqdm.write(f"weakseg: {problem}", file=sys.stderr)
            bar.update()

        if how:
            report = predict_scenes(model, found, outputs, how, done, others)
        else:
            report = predict_files(model, found, outputs, batch, done, others)
    if others:
        click.echo(f"weakseg: {left_out_line(others)}", err=True)
    click.echo(f"predicted {len(report.areas)} of {len(found)} images into {out}")
    for line in report.written.lines() if report.written else ():
        click.echo(line)
    if report.failures:
        raise InputError(
            f"{len(report.failures)} of {len(found)} images could not be predicted and have no result (named above, "
            f"first {next(iter(report.failures))}); replace them or leave them out."
        )


def _bands_of(
    form: str, bands: tuple[int, ...], stretch: str | None, unbounded: Sequence[Path | None]
) -> "Bands | None":
    """What is predicted of scenes; `None`: of images.

    Raises:
        InputError: options that belong to the other of the two.
    """
    if form != "geotiff":
        if bands or stretch is not None:
            raise InputError(
                f"--bands or --stretch was given with --format {form}; they are for rasters: add --format geotiff."
            )
        return None
    if any(unbounded):
        raise InputError(
            "--overlays or --scores was given with --format geotiff; a scene is too large for them: leave them out, or "
            "cut it into windows by `weakseg tiles`."
        )
    from weakseg.dataset.rasters import parse_stretch
    from weakseg.segmenter.prediction.geotiff import Bands

    return Bands(bands, None if stretch is None else parse_stretch(stretch))


def _source(run: Path | None, onnx: Path | None) -> Path:
    """The one of the two that was given.

    Raises:
        InputError: none, both, or not an ONNX file.
    """
    if (run is None) == (onnx is None):
        found = "neither --run nor --onnx was" if run is None else "both --run and --onnx were"
        raise InputError(f"{found} given; one model was expected: give --run results/<run> or --onnx FILE.")
    if onnx is not None and onnx.suffix.lower() != ".onnx":
        raise InputError(
            f"--onnx {onnx} was given; a file that ends in .onnx was expected: rename or correct it."
        )
    chosen = run if onnx is None else onnx
    assert chosen is not None
    return chosen
