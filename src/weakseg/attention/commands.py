"""`weakseg attention …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.attention.settings import AttentionConfig, MapsConfig
from weakseg.dataset.data_options import data_options
from weakseg.options import (
    ManyValues,
    classes_option,
    config_option,
    index_option,
    out_option,
    shard_option,
    state_option,
)
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.attention.maps import Attended
    from weakseg.dataset.index import Index
    from weakseg.dataset.records import Record

PATH = click.Path(path_type=Path)


@click.group()
def attention() -> None:
    """Train a classifier on image-level labels and write its attention maps."""


@attention.command("train", cls=ManyValues)
@config_option
@index_option
@classes_option
@click.option(
    "--targets", type=PATH, multiple=True, help="Shards of accumulated maps that it learns from (oaa_plus)."
)
@state_option
@out_option
def train_command(
    config: Path, index: Path, classes: Path, targets: tuple[Path, ...], state: Path, out: Path
) -> None:
    """Train the attention network on the training split; resumes what STATE holds."""
    from weakseg.attention.held_out import HeldOut
    from weakseg.attention.network import build, enrol
    from weakseg.attention.networks.classifier import Classifier
    from weakseg.attention.samples import LabelledImages
    from weakseg.backbones.weights import read_initial_weights
    from weakseg.dataset.index import read_index
    from weakseg.errors import InputError
    from weakseg.storage.shards import ShardReader
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, AttentionConfig)
    method = settings.method
    if not settings.trains:
        raise InputError(
            f"attention.method is '{method}', which trains nothing; its maps are read as they are."
        )
    if settings.own.learns_from and not targets:
        raise InputError(
            f"attention.method is '{method}' but no --targets were given; give the maps of "
            f"'{settings.own.learns_from}'."
        )
    data = read_index(index, classes)
    backbone = settings.backbone
    initial = read_initial_weights(backbone.weights, backbone.normalization, backbone.architecture)

    def samples(network: Classifier) -> LabelledImages:
        enrol(network, data)
        # A memory normalises over whole images.
        crops = Crops(settings.training, network.backbone.fill, whole=network.memory is not None)
        maps = ShardReader(targets) if targets else None
        return LabelledImages(data, data.split("train"), crops, network.memory, maps)

    train_stage(
        "attention",
        settings,
        lambda: build(settings, len(data.classes), initial),
        samples,
        inputs=[index, classes, *targets],
        classes=list(data.classes),
        initial=initial.provenance if initial else {"source": "none"},
        state=state,
        out=out,
        measure=lambda network: HeldOut.of(data, settings.training, network.backbone.fill),
    )


@attention.command("maps")
@config_option
@data_options
@click.option("--weights", type=PATH, help="Trained attention network.")
@click.option("--folder", type=PATH, help="Instead of weights: maps made elsewhere (method folder).")
@shard_option
@click.option("--class-scores", type=PATH, required=True, help="CSV of the classifier's scores to write.")
@out_option
def maps_command(
    config: Path,
    data: "Index",
    weights: Path | None,
    folder: Path | None,
    shard: str,
    class_scores: Path,
    out: Path,
) -> None:
    """Write the attention maps of one shard of the training and validation images."""
    from weakseg.dataset.index import proxy_records
    from weakseg.dataset.index import shard as part
    from weakseg.errors import InputError
    from weakseg.storage.manifest import write_manifest
    from weakseg.storage.progress import tracked
    from weakseg.storage.shards import write_shard

    settings = read_stage(config, MapsConfig)
    records = part(proxy_records(data), shard)
    rows: list[tuple[str, ...]] = []
    if folder is not None:
        from weakseg.attention.networks.folder import read_maps

        write_shard(out, ((record.id, read_maps(folder, record)) for record in tracked(records, out)))
    elif weights is not None:
        found = _computed(settings, data, records, weights)
        write_shard(out, ((item.id, item.maps) for item in _noting(tracked(found, out, len(records)), rows)))
    else:
        raise InputError("neither --weights nor --folder was given; the maps need one of them.")
    write_manifest(class_scores, ("id", *data.classes), rows)


def _computed(
    settings: MapsConfig, data: "Index", records: "list[Record]", weights: Path
) -> "Iterator[Attended]":
    from weakseg.attention.maps import attention_maps
    from weakseg.attention.network import load
    from weakseg.devices import device

    return attention_maps(load(weights, data), data, records, settings, device())


def _noting(found: "Iterator[Attended]", rows: list[tuple[str, ...]]) -> "Iterator[Attended]":
    """Pass the results on and keep their class scores."""
    for item in found:
        rows.append((item.id, *(f"{score:.4f}" for score in item.class_scores)))
        yield item
