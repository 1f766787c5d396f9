"""Command-line options of everything that writes a format."""

import click

tolerance_option = click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Of polygons, in pixels: how far a dropped corner may lie from the line that replaces it.",
)
image_url_option = click.option(
    "--image-url",
    default="/data/local-files/?d=",
    show_default=True,
    help="Of label-studio: what stands before the images' names.",
)
