"""`weakseg detector …`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.detector.settings import BoxPredictionConfig, DetectorConfig
from weakseg.options import (
    classes_option,
    config_option,
    index_option,
    out_option,
    shard_option,
    split_option,
    state_option,
)
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index

PATH = click.Path(path_type=Path)


@click.group()
def detector() -> None:
    """Train a detector on the boxes of proxy labels, and find boxes."""


@detector.command("train")
@config_option
@index_option
@classes_option
@click.option("--boxes", type=PATH, required=True, help="What 'weakseg proxy boxes' wrote.")
@click.option("--attention", type=PATH, help="For backbone.weights 'attention'.")
@state_option
@out_option
def train_command(
    config: Path, index: Path, classes: Path, boxes: Path, attention: Path | None, state: Path, out: Path
) -> None:
    """Train Faster R-CNN on the boxes of the training images; resumes what STATE holds."""
    from weakseg.backbones.start import read_start
    from weakseg.dataset.index import read_index
    from weakseg.detector.boxes import read_boxes
    from weakseg.detector.network import build
    from weakseg.detector.samples import BoxedImages
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, DetectorConfig)
    data = read_index(index, classes)
    backbone = settings.backbone
    initial, provenance = read_start(
        "detector", backbone.architecture, backbone.weights, backbone.normalization, attention
    )
    found = read_boxes(boxes, data.classes)
    train_stage(
        "detector",
        settings,
        lambda: build(settings, len(data.classes), initial),
        lambda network: BoxedImages(
            data.split("train"), found, Crops(settings.training, network.features.backbone.fill)
        ),
        inputs=[index, classes, boxes],
        classes=list(data.classes),
        initial=provenance,
        state=state,
        out=out,
    )


@detector.command("predict")
@config_option
@data_options
@click.option("--weights", type=PATH, required=True, help="Trained detector.")
@split_option
@shard_option
@out_option
def predict_command(config: Path, data: "Index", weights: Path, split: str, shard: str, out: Path) -> None:
    """Write the boxes of one shard of a split to OUT in COCO's results format.

    `image_id` is the image's place in the split, counted from 1, and `category_id` the class's number.
    """
    import json

    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import shard as part
    from weakseg.detector.network import load
    from weakseg.detector.predict import coco_results, find_boxes
    from weakseg.devices import device
    from weakseg.storage.atomic import write_text
    from weakseg.storage.progress import tracked
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, BoxPredictionConfig)
    network = load(weights, data.classes).to(device())
    records = data.split(split)
    numbers = {record.id: number for number, record in enumerate(records, start=1)}
    images, results = part(records, shard), []
    for record in tracked(images, out):
        with on_image(record.id, "lower detector.prediction.size"):
            found = find_boxes(network, read_image(record.image), settings, device())
        results += coco_results(numbers[record.id], found)
    write_text(out, json.dumps(results) + "\n")
    click.echo(f"wrote {len(results)} boxes of {len(images)} {split} images to {out}")
