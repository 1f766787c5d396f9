"""Command-line options of everything that reads rasters."""

import click


def _bands(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...]:
    """`4,3,2` → (4, 3, 2)."""
    try:
        return tuple(int(number) for number in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(
            f"{value!r} was given; numbers such as 4,3,2 were expected.", context, option
        ) from None


bands_option = click.option(
    "--bands",
    callback=_bands,
    help="Of rasters: numbers of the bands for red, green and blue, such as 4,3,2.  [default: the first]",
)
stretch_option = click.option(
    "--stretch",
    help="Of rasters: what becomes black and white: percentile (2 and 98 of a file), percentile:1,99, or 0,3000.",
)
