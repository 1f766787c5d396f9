"""`weakseg attention …`."""

from pathlib import Path

import click

from weakseg.config import AttentionConfig, MapsConfig, read_stage
from weakseg.options import (
    classes_option,
    config_option,
    index_option,
    out_option,
    shard_option,
    state_option,
)


@click.group()
def attention() -> None:
    """Train a classifier on image-level labels and write its attention maps."""


@attention.command("train")
@config_option
@index_option
@classes_option
@state_option
@out_option
def train_command(config: Path, index: Path, classes: Path, state: Path, out: Path) -> None:
    """Train the attention network on the training split; resumes what STATE holds."""
    from weakseg.attention.network import build
    from weakseg.attention.samples import LabelledImages
    from weakseg.backbones import read_initial_weights
    from weakseg.dataset.index import read_index
    from weakseg.training.augment import Augmentation
    from weakseg.training.stage import train_stage

    settings = read_stage(config, AttentionConfig)
    data = read_index(index, classes)
    backbone, training = settings.backbone, settings.training
    initial = read_initial_weights(backbone.weights, backbone.normalization)
    options = getattr(settings, settings.method).model_dump()
    train_stage(
        "attention",
        lambda: build(
            settings.method,
            backbone.architecture,
            len(data.classes),
            options,
            initial,
            backbone.frozen_stages,
        ),
        lambda network: LabelledImages(
            data, data.split("train"), Augmentation(**training.augmentation(), fill=network.backbone.fill)
        ),
        settings=settings.model_dump(
            mode="json", include={"method", "backbone", settings.method, "training"}
        ),
        identity={
            "method": settings.method,
            "backbone": backbone.model_dump(exclude={"weights"}),  # the file counts by its hash
            "options": options,
            "training": training.identity(),
        },
        optimization=training.optimization(),
        inputs=[index, classes],
        classes=list(data.classes),
        initial=initial.provenance if initial else {"source": "none"},
        state=state,
        out=out,
    )


@attention.command("maps")
@config_option
@index_option
@classes_option
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="Trained attention network.")
@shard_option
@out_option
def maps_command(config: Path, index: Path, classes: Path, weights: Path, shard: str, out: Path) -> None:
    """Write the attention maps of one shard of the training and validation images."""
    import torch

    from weakseg.attention.maps import attention_maps
    from weakseg.attention.network import load
    from weakseg.dataset.index import proxy_records, read_index
    from weakseg.dataset.index import shard as part
    from weakseg.storage.shards import write_shard

    settings = read_stage(config, MapsConfig)
    data = read_index(index, classes)
    network = load(weights, data.classes)
    records = part(proxy_records(data), shard)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    write_shard(out, attention_maps(network, data, records, device=device, **settings.model_dump()))
