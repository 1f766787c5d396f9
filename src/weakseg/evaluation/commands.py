"""`weakseg evaluate …`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.errors import InputError
from weakseg.evaluation.settings import EvaluationConfig
from weakseg.options import ManyValues, config_option, labels_option, out_option, split_option
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index
    from weakseg.storage.shards import ShardReader

FILE = click.Path(path_type=Path)


@click.group()
def evaluate() -> None:
    """Score attention maps, proxy labels and predictions; write the report."""


@evaluate.command("attention", cls=ManyValues)
@data_options
@split_option
@click.option("--maps", type=FILE, multiple=True, required=True, help="Shards of attention maps.")
@out_option
def attention_command(data: "Index", split: str, maps: tuple[Path, ...], out: Path) -> None:
    """Score attention maps at every background threshold from 0.00 to 1.00, in one pass."""
    from weakseg.evaluation.score import score_attention, write_score
    from weakseg.evaluation.table import score_line

    score = score_attention(data, split, _reader(maps))
    write_score(out, score)
    best = "" if score.threshold is None else f", at the threshold {score.threshold:.2f}"
    click.echo(score_line(score) + best)


@evaluate.command("localisation", cls=ManyValues)
@config_option
@data_options
@split_option
@click.option("--maps", type=FILE, multiple=True, required=True, help="Shards of attention maps.")
@click.option("--class-scores", type=FILE, multiple=True, help="Their tables of class scores.")
@out_option
def localisation_command(
    config: Path,
    data: "Index",
    split: str,
    maps: tuple[Path, ...],
    class_scores: tuple[Path, ...],
    out: Path,
) -> None:
    """Score boxes from attention maps against true boxes: GT-known, top-1, top-5, MaxBoxAcc."""
    from weakseg.evaluation.localisation import localise, read_cases
    from weakseg.evaluation.score import write_json

    settings = read_stage(config, EvaluationConfig)
    found = localise(split, read_cases(data, split, _reader(maps), class_scores, settings.boxes))
    write_json(out, vars(found))
    share = "–" if found.gt_known is None else f"{found.gt_known:.4f}"
    click.echo(f"localisation on {split}: {found.cases} cases, GT-known {share}")


@evaluate.command("detector", cls=ManyValues)
@config_option
@data_options
@split_option
@click.option(
    "--boxes", type=FILE, multiple=True, required=True, help="Files of boxes in COCO's results format."
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Share of the image below which a region of a mask gives no true box.",
)
@out_option
def detector_command(
    config: Path, data: "Index", split: str, boxes: tuple[Path, ...], least: float, out: Path
) -> None:
    """Score a detector's boxes and random boxes by COCO's mean average precision (needs the extra `detector`)."""
    from weakseg.evaluation.detection import detection_line, score_detector
    from weakseg.evaluation.score import write_json

    settings = read_stage(config, EvaluationConfig)
    found = score_detector(data, split, boxes, settings.boxes, least)
    write_json(out, found)
    click.echo(detection_line(found))


@evaluate.command("labels")
@data_options
@split_option
@click.option(
    "--stage", required=True, metavar="NAME", help="Name of the row in tables: fused, refined, segmenter."
)
@labels_option
@out_option
def labels_command(data: "Index", split: str, stage: str, labels: Path, out: Path) -> None:
    """Score label maps: proxies or predictions."""
    from weakseg.evaluation.score import score_labels, write_score
    from weakseg.evaluation.table import score_line

    score = score_labels(data, split, stage, labels)
    write_score(out, score)
    click.echo(score_line(score))


@evaluate.command("saliency", cls=ManyValues)
@click.option("--maps", type=FILE, help="Folder of grey PNGs, at any depth.")
@click.option("--masks", type=FILE, help="Folder of masks of the same names; with --maps.")
@click.option(
    "--foreground",
    type=click.Choice(["bright", "nonzero"]),
    default="bright",
    show_default=True,
    help="Object pixels in --masks: values from 128, or all values but 0 and 255.",
)
@click.option("--shards", type=FILE, multiple=True, help="Instead: shards of saliency maps of a run.")
@click.option("--index", type=FILE, help="The run's index.csv; with --shards.")
@click.option("--classes", type=FILE, help="The run's classes.csv; with --shards.")
@split_option
@click.option("--sequences", is_flag=True, help="Score each folder of --maps (a video), and their mean.")
@out_option
def saliency_command(
    maps: Path | None,
    masks: Path | None,
    foreground: str,
    shards: tuple[Path, ...],
    index: Path | None,
    classes: Path | None,
    split: str,
    sequences: bool,
    out: Path,
) -> None:
    """Score saliency maps: mean absolute error, F, weighted F, S and E measures (needs the extra `quality`)."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.saliency_measures import (
        folder_pairs,
        index_pairs,
        quality_text,
        score_quality,
    )
    from weakseg.evaluation.score import write_json

    if maps is not None and masks is not None:
        pairs = folder_pairs(maps, masks, foreground)
    elif shards and index is not None and classes is not None:
        pairs = index_pairs(read_index(index, classes), split, _reader(shards))
    else:
        raise InputError(
            "maps and masks were expected: give --maps and --masks, or --shards, --index and --classes."
        )
    found = score_quality(pairs, sequences)
    write_json(out, found)
    click.echo(quality_text(found))


def _reader(paths: tuple[Path, ...]) -> "ShardReader":
    """A reader that is closed when the command ends."""
    from weakseg.storage.shards import ShardReader

    reader = ShardReader(paths)
    click.get_current_context().call_on_close(reader.close)
    return reader
