"""`weakseg segmenter …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.options import (
    classes_option,
    config_option,
    index_option,
    labels_option,
    out_option,
    shard_option,
    split_option,
    state_option,
)
from weakseg.proxy.settings import RefineConfig
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    import numpy as np

    from weakseg.dataset.index import Index
    from weakseg.dataset.records import Record

SMALLER = "lower segmenter.prediction.longest or segmenter.prediction.scales"
"""What to do about an image that does not fit into memory."""
PATH = click.Path(path_type=Path)


@click.group()
def segmenter() -> None:
    """Train the segmenter on proxy labels, predict, and refine the predictions."""


@segmenter.command("train")
@config_option
@index_option
@classes_option
@click.option("--labels", type=PATH, help="Folder of the refined proxy labels.")
@click.option(
    "--review",
    type=PATH,
    help="Folder of people's decisions: rejected images are left out, corrected labels replace LABELS.",
)
@click.option("--attention", type=PATH, help="For backbone.weights 'attention'.")
@state_option
@out_option
def train_command(
    config: Path,
    index: Path,
    classes: Path,
    labels: Path | None,
    review: Path | None,
    attention: Path | None,
    state: Path,
    out: Path,
) -> None:
    """Train the segmenter on the training split; resumes what STATE holds."""
    from weakseg.backbones.start import read_start
    from weakseg.dataset.index import read_index
    from weakseg.errors import InputError
    from weakseg.segmenter.network import build
    from weakseg.segmenter.samples import LabelledPixels
    from weakseg.segmenter.supervision import masks, proxies
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, SegmenterConfig)
    data = read_index(index, classes)
    backbone = settings.backbone
    initial, provenance = read_start(
        "segmenter", backbone.architecture, backbone.weights, backbone.normalization, attention
    )
    if settings.labels == "masks":
        supervision = masks(data)
    elif labels is None:
        raise InputError("segmenter.labels is 'proxy' but no --labels folder was given; give proxy/refined.")
    else:
        supervision = proxies(data, labels, review)
    train_stage(
        "segmenter",
        settings,
        lambda: build(settings, len(data.classes), initial),
        lambda network: LabelledPixels(
            supervision.records,
            supervision.read,
            Crops(settings.training, network.backbone.fill),
            settings.negatives,
            supervision.corrected,
            settings.corrected_share,
        ),
        inputs=[index, classes, *supervision.files, *_drawn(settings, supervision.corrected)],
        classes=list(data.classes),
        initial=provenance,
        state=state,
        out=out,
        extra={"corrected": len(supervision.corrected)},
    )


def _drawn(settings: SegmenterConfig, corrected: frozenset[str]) -> list[str]:
    """What the order of the samples depends on besides the files: which of them people drew."""
    return [] if settings.corrected_share is None else ["corrected", *sorted(corrected)]


def _images(
    data: "Index", split: str, shard: str, longest: int | None, out: Path
) -> "Iterator[tuple[Record, np.ndarray, np.ndarray]]":
    """Of each image of a shard its record, the image, and the image as the network sees it; `out` is made of them."""
    from weakseg.crf.size import shrunk
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import shard as part
    from weakseg.storage.progress import tracked

    for record in tracked(part(data.split(split), shard), out):
        image = read_image(record.image)
        yield record, image, shrunk(image, longest)


@segmenter.command("predict")
@config_option
@data_options
@click.option("--weights", type=PATH, required=True, help="Trained segmenter.")
@split_option
@shard_option
@labels_option
@out_option
def predict_command(
    config: Path, data: "Index", weights: Path, split: str, shard: str, labels: Path, out: Path
) -> None:
    """Write LABELS/<id>.png for one shard of a split, and the class scores to OUT."""
    from weakseg.devices import device
    from weakseg.segmenter.network import load
    from weakseg.segmenter.prediction.predict import labels_of, predict_scores
    from weakseg.storage.labels import write_labels
    from weakseg.storage.shards import write_shard
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, PredictionConfig)
    network = load(weights, data.classes)
    stride, aligned = network.stride, network.aligned

    def maps() -> "Iterator[tuple[str, dict[str, np.ndarray]]]":
        for record, image, seen in _images(data, split, shard, settings.longest, out):
            with on_image(record.id, SMALLER):
                scores = predict_scores(network, seen, settings, device())
                found = labels_of(scores, seen, image.shape, stride, aligned)
            write_labels(labels / f"{record.id}.png", found)
            yield record.id, dict(zip(("background", *data.classes), scores, strict=True))

    write_shard(out, maps(), {"stride": stride, "aligned": aligned})


@segmenter.command("refine")
@config_option
@data_options
@split_option
@shard_option
@click.option("--scores", type=PATH, required=True, help="The shard's class scores.")
@labels_option
@out_option
def refine_command(
    config: Path, data: "Index", split: str, shard: str, scores: Path, labels: Path, out: Path
) -> None:
    """Apply the dense CRF to the scores of one shard, write LABELS/<id>.png and list them in OUT."""
    import numpy as np

    from weakseg.segmenter.prediction.predict import labels_of
    from weakseg.storage.labels import write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.shards import ShardReader
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, PredictionConfig)
    reader = ShardReader([scores])
    stride, aligned = int(reader.attribute("stride")), str(reader.attribute("aligned"))

    def rows() -> Iterator[tuple[str, ...]]:
        for record, image, seen in _images(data, split, shard, settings.longest, out):
            named = reader.read(record.id)
            values = np.stack([named[name] for name in ("background", *data.classes)])
            with on_image(record.id, SMALLER):
                refined = labels_of(values, seen, image.shape, stride, aligned, settings.crf)
            write_labels(labels / f"{record.id}.png", refined)
            yield record.id, f"{(refined > 0).mean():.4f}", digest(refined)

    write_manifest(out, ("id", "foreground", "digest"), rows())


@segmenter.command("relabel")
@config_option
@click.option("--refine", type=PATH, required=True, help="Settings of proxy refine (JSON).")
@data_options
@click.option("--weights", type=PATH, required=True, help="The last round's segmenter.")
@shard_option
@labels_option
@out_option
def relabel_command(
    config: Path, refine: Path, data: "Index", weights: Path, shard: str, labels: Path, out: Path
) -> None:
    """Write the next round's LABELS/<id>.png for one shard of the training images and list them in OUT."""
    import cv2

    from weakseg.dataset.index import without_nodata
    from weakseg.devices import device
    from weakseg.segmenter.network import load
    from weakseg.segmenter.prediction.predict import predict_scores
    from weakseg.segmenter.relabel import relabel
    from weakseg.storage.labels import write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.presence import Tally, doubted
    from weakseg.training.exhausted import on_image

    settings, refining = read_stage(config, PredictionConfig), read_stage(refine, RefineConfig)
    tally = Tally(data.classes)
    network = load(weights, data.classes)

    def rows() -> Iterator[tuple[str, ...]]:
        for record, image, seen in _images(data, "train", shard, settings.longest, out):
            present = [data.classes.index(name) + 1 for name in record.labels]
            with on_image(record.id, SMALLER):
                found = relabel(
                    seen,
                    predict_scores(network, seen, settings, device()),
                    present,
                    stride=network.stride,
                    aligned=network.aligned,
                    crf=refining.crf if refining.enabled else None,
                    confidence=refining.confidence if refining.enabled else 0.0,
                )
            found = cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            lost = tally.add(record.id, found, present)
            if refining.missing_class == "undecided":
                found = doubted(found, present)
            found = without_nodata(found, record)
            write_labels(labels / f"{record.id}.png", found)
            shares = (found == 255).mean(), ((found > 0) & (found < 255)).mean()
            yield record.id, *(f"{share:.4f}" for share in shares), lost, digest(found)

    write_manifest(out, ("id", "undecided", "foreground", "missing", "digest"), rows())
    click.echo(
        tally.line("relabelled", f"proxy.refine.missing_class: their background is {refining.of_missing}")
    )
