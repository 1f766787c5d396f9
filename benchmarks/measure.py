"""Measure weakseg on this machine: every figure is a ratio within this process, or says what it is per image.

    python benchmarks/measure.py --out benchmarks/results/0.1.0-some-machine.json
    python benchmarks/measure.py --only crf --images VOC2012/JPEGImages

Run it alone: another busy process slows an OpenMP training several times.
"""

import json
import resource
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import cv2
import torch
from machine import describe
from maps import maps
from methods import methods
from setting import BATCH, Setting

from crf import agreement, crf
from training import training
from weakseg.dataset.sources.demo import draw
from workflow import workflow

SECTIONS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "training": training,
    "methods": methods,
    "maps": maps,
    "crf": crf,
    "agreement": agreement,
    "workflow": workflow,
}


def lines(found: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested figures as (dotted name, number) rows."""
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += lines(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows


def _photographs(folder: Path | None, out: Path) -> list[Path]:
    """The images of a folder, or generated ones of 500×375 pixels."""
    if folder is not None:
        files = sorted(folder.glob("*.jpg"))[:100]
        if len(files) < BATCH:
            raise click.ClickException(
                f"{folder} holds {len(files)} JPEG files; at least {BATCH} were expected."
            )
        return files
    files = []
    for number in range(2 * BATCH):
        image, _ = draw(0, "train", number, 500)
        files.append(out / f"{number}.jpg")
        cv2.imwrite(str(files[-1]), image[:375, :, ::-1])
    return files


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(SECTIONS)), help="Measure these parts alone.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of photographs; else generated ones.",
)
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write.")
def main(only: tuple[str, ...], images: Path | None, out: Path | None) -> None:
    """Measure, print a table, and write JSON."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found: dict[str, Any] = {"machine": describe()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        setting = Setting(device, _photographs(images, folder), folder)
        for name in only or SECTIONS:
            found[name] = SECTIONS[name](setting)
            found[name]["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            for row, value in lines({name: found[name]}):
                click.echo(f"{row:55} {value}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
