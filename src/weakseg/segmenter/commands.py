"""`weakseg segmenter …`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from weakseg.segmenter.settings import PredictionConfig, SegmenterConfig
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from weakseg.dataset.index import Index
    from weakseg.dataset.records import Record

SMALLER = "lower segmenter.prediction.longest or segmenter.prediction.scales"
"""What to do about an image that does not fit into memory."""


@click.group()
def segmenter() -> None:
    """Train the segmenter on proxy labels, predict, and refine the predictions."""


@segmenter.command("train")
@config_option
@index_option
@classes_option
@click.option("--labels", type=click.Path(path_type=Path), help="Folder of the refined proxy labels.")
@click.option(
    "--review",
    type=click.Path(path_type=Path),
    help="Folder of people's decisions: rejected images are left out, corrected labels replace LABELS.",
)
@click.option("--attention", type=click.Path(path_type=Path), help="For backbone.weights 'attention'.")
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
    from weakseg.segmenter.loss import PixelLoss
    from weakseg.segmenter.network import build
    from weakseg.segmenter.samples import LabelledPixels
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, SegmenterConfig)
    data = read_index(index, classes)
    backbone = settings.backbone
    initial, provenance = read_start(
        "segmenter", backbone.architecture, backbone.weights, backbone.normalization, attention
    )
    options = getattr(settings, settings.method).model_dump()
    taught = _labels(settings, data, labels, review)
    train_stage(
        "segmenter",
        settings,
        lambda: build(
            settings.method,
            backbone.architecture,
            len(data.classes),
            options,
            initial,
            backbone.frozen_stages,
            PixelLoss(settings.loss, settings.balance),
        ),
        lambda network: LabelledPixels(
            taught.records, taught.read, Crops(settings.training, network.backbone.fill)
        ),
        inputs=[index, classes, *taught.files],
        classes=list(data.classes),
        initial=provenance,
        state=state,
        out=out,
        extra={"corrected": taught.corrected},
    )


@dataclass(frozen=True)
class _Taught:
    """The images to train on, how to read their label maps, the maps' files, and how many people corrected."""

    records: "Sequence[Record]"
    read: "Callable[[Record], np.ndarray]"
    files: list[Path]
    corrected: int


def _labels(settings: SegmenterConfig, data: "Index", folder: Path | None, review: Path | None) -> _Taught:
    from weakseg.errors import InputError
    from weakseg.storage.review import Review, read_corrected, read_review

    records = data.split("train")
    if settings.labels == "masks":
        with_mask = [record for record in records if record.mask is not None]
        if not with_mask:
            raise InputError(
                "segmenter.labels is 'masks', but no training image has one; give masks or set it to proxy."
            )
        files = [record.mask for record in with_mask if record.mask is not None]
        return _Taught(with_mask, data.read_mask, files, 0)
    if folder is None:
        raise InputError("segmenter.labels is 'proxy' but no --labels folder was given; give proxy/refined.")
    decided = Review() if review is None else read_review(review)
    if decided.rejected:
        records = [record for record in records if record.id not in decided.rejected]
        if not records:
            raise InputError(
                f"all training images were rejected in {review}/rejected.csv; take some back in 'weakseg inspect', or "
                "delete their lines."
            )
    corrected = [record for record in records if record.id in decided.corrected]
    for record in corrected:
        read_corrected(decided.corrected[record.id], data.classes)  # refused before the training starts
    files = [_file(folder, decided.corrected, record) for record in records]
    return _Taught(records, partial(_read, folder, decided.corrected), files, len(corrected))


def _file(folder: Path, corrected: "Mapping[str, Path]", record: "Record") -> Path:
    return corrected.get(record.id, folder / f"{record.id}.png")


def _read(folder: Path, corrected: "Mapping[str, Path]", record: "Record") -> "np.ndarray":
    """A function of the module, which pickles: data workers may be processes that start anew."""
    from weakseg.storage.labels import read_labels

    return read_labels(_file(folder, corrected, record))


@segmenter.command("predict")
@config_option
@index_option
@classes_option
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="Trained segmenter.")
@split_option
@shard_option
@labels_option
@out_option
def predict_command(
    config: Path,
    index: Path,
    classes: Path,
    weights: Path,
    split: str,
    shard: str,
    labels: Path,
    out: Path,
) -> None:
    """Write LABELS/<id>.png for one shard of a split, and the class scores to OUT."""
    import torch

    from weakseg.crf.size import shrunk
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import read_index
    from weakseg.dataset.index import shard as part
    from weakseg.devices import device
    from weakseg.segmenter.grid import attributes
    from weakseg.segmenter.network import load
    from weakseg.segmenter.predict import labels_of, predict_scores
    from weakseg.storage.labels import write_labels
    from weakseg.storage.shards import write_shard
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, PredictionConfig)
    data = read_index(index, classes)
    network = load(weights, data.classes).eval()
    network.to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    stride, aligned = int(network.stride), str(network.aligned)  # type: ignore[arg-type]
    options = settings.model_dump(include={"scales", "flip", "precision"})

    def maps() -> "Iterator[tuple[str, dict[str, np.ndarray]]]":
        for record in part(data.split(split), shard):
            image = read_image(record.image)
            seen = shrunk(image, settings.longest)
            with on_image(record.id, SMALLER):
                scores = predict_scores(network, seen, device=device(), **options)
                found = labels_of(scores, seen, image.shape, stride, aligned)
            write_labels(labels / f"{record.id}.png", found)
            yield record.id, dict(zip(("background", *data.classes), scores, strict=True))

    write_shard(out, maps(), attributes(stride, aligned))


@segmenter.command("refine")
@config_option
@index_option
@classes_option
@split_option
@shard_option
@click.option("--scores", type=click.Path(path_type=Path), required=True, help="The shard's class scores.")
@labels_option
@out_option
def refine_command(
    config: Path, index: Path, classes: Path, split: str, shard: str, scores: Path, labels: Path, out: Path
) -> None:
    """Apply the dense CRF to the scores of one shard, write LABELS/<id>.png and list them in OUT."""
    import numpy as np

    from weakseg.crf import chosen
    from weakseg.crf.size import shrunk
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import read_index
    from weakseg.dataset.index import shard as part
    from weakseg.segmenter.grid import USUAL
    from weakseg.segmenter.predict import labels_of
    from weakseg.storage.labels import write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.shards import ShardReader
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, PredictionConfig)
    parameters = chosen(**settings.crf.model_dump())
    data = read_index(index, classes)
    reader = ShardReader([scores])
    stride, aligned = int(reader.attribute("stride", USUAL[0])), str(reader.attribute("aligned", USUAL[1]))

    def rows() -> Iterator[tuple[str, ...]]:
        for record in part(data.split(split), shard):
            named = reader.read(record.id)
            values = np.stack([named[name] for name in ("background", *data.classes)])
            image = read_image(record.image)
            seen = shrunk(image, settings.longest)
            with on_image(record.id, SMALLER):
                refined = labels_of(values, seen, image.shape, stride, aligned, parameters)
            write_labels(labels / f"{record.id}.png", refined)
            yield record.id, f"{(refined > 0).mean():.4f}", digest(refined)

    write_manifest(out, ("id", "foreground", "digest"), rows())


@segmenter.command("relabel")
@config_option
@click.option(
    "--refine", type=click.Path(path_type=Path), required=True, help="Settings of proxy refine (JSON)."
)
@index_option
@classes_option
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="The last round's segmenter.")
@shard_option
@labels_option
@out_option
def relabel_command(
    config: Path, refine: Path, index: Path, classes: Path, weights: Path, shard: str, labels: Path, out: Path
) -> None:
    """Write the next round's LABELS/<id>.png for one shard of the training images and list them in OUT."""
    import cv2
    import torch

    from weakseg.crf import chosen
    from weakseg.crf.size import shrunk
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import read_index
    from weakseg.dataset.index import shard as part
    from weakseg.devices import device
    from weakseg.segmenter.network import load
    from weakseg.segmenter.predict import predict_scores
    from weakseg.segmenter.relabel import relabel
    from weakseg.storage.labels import write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.presence import Tally, doubted
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, PredictionConfig)
    options = settings.model_dump(include={"scales", "flip", "precision"})
    refining = read_stage(refine, RefineConfig)
    data = read_index(index, classes)
    tally = Tally(data.classes)
    network: Any = load(weights, data.classes).eval()
    network.to(device(), memory_format=torch.channels_last)

    def rows() -> Iterator[tuple[str, ...]]:
        for record in part(data.split("train"), shard):
            image = read_image(record.image)
            seen = shrunk(image, settings.longest)
            present = [data.classes.index(name) + 1 for name in record.labels]
            with on_image(record.id, SMALLER):
                found = relabel(
                    seen,
                    predict_scores(network, seen, device=device(), **options),
                    present,
                    stride=network.stride,
                    aligned=network.aligned,
                    parameters=chosen(**refining.crf.model_dump()) if refining.enabled else None,
                    confidence=refining.confidence if refining.enabled else 0.0,
                )
            found = cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            lost = tally.add(record.id, found, present)
            if refining.missing_class == "undecided":
                found = doubted(found, present)
            write_labels(labels / f"{record.id}.png", found)
            shares = (found == 255).mean(), ((found > 0) & (found < 255)).mean()
            yield record.id, *(f"{share:.4f}" for share in shares), lost, digest(found)

    write_manifest(out, ("id", "undecided", "foreground", "missing", "digest"), rows())
    click.echo(
        tally.line("relabelled", f"proxy.refine.missing_class: their background is {refining.of_missing}")
    )
