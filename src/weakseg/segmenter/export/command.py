"""`weakseg export`."""

from pathlib import Path

import click

from weakseg.errors import InputError

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--run", type=PATH, required=True, help="Folder of a finished run, such as results/demo.")
@click.option("--format", "kind", type=click.Choice(["onnx"]), default="onnx", show_default=True)
@click.option("--out", type=PATH, help="The file to write.  [default: <run>/segmenter/model.onnx]")
def export(run: Path, kind: str, out: Path | None) -> None:
    """Write the trained segmenter as an ONNX model that knows its classes and normalisation.

    It is written only if onnxruntime and torch agree on images of several sizes.
    """
    from weakseg.storage.run import open_run

    opened = open_run(run)
    path = run / "segmenter" / f"model.{kind}" if out is None else out
    if path.suffix.lower() != f".{kind}":
        raise InputError(f"--out {path} was given; a file that ends in .{kind} was expected: rename it.")
    from weakseg.segmenter.export.onnx_export import export_onnx

    worst = export_onnx(opened, path)
    click.echo(f"wrote {path}; its logits differ from torch's by at most {worst:.1g}")
