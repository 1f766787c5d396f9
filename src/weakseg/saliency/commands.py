"""`weakseg saliency …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.config import SaliencyConfig, read_stage
from weakseg.options import (
    classes_option,
    config_option,
    index_option,
    out_option,
    shard_option,
    state_option,
)

if TYPE_CHECKING:
    import numpy as np

    from weakseg.saliency.sources import Source


@click.group()
def saliency() -> None:
    """Train a small saliency network, or write saliency maps of any source."""


@saliency.command("train")
@config_option
@index_option
@classes_option
@state_option
@out_option
def train_command(config: Path, index: Path, classes: Path, state: Path, out: Path) -> None:
    """Train the small network on the saliency split; resumes what STATE holds."""
    from weakseg.dataset.index import read_index
    from weakseg.saliency.samples import SaliencyImages
    from weakseg.saliency.small import SmallSaliency
    from weakseg.training.augment import Augmentation
    from weakseg.training.stage import train_stage

    settings = read_stage(config, SaliencyConfig)
    training = settings.small.training
    data = read_index(index, classes)
    train_stage(
        "saliency",
        SmallSaliency,
        lambda network: SaliencyImages(
            data.split("saliency"), Augmentation(**training.augmentation(), fill=network.backbone.fill)
        ),
        settings=settings.model_dump(mode="json", include={"method", "small"}),
        identity={"method": settings.method, "training": training.identity()},
        optimization=training.optimization(),
        inputs=[index],
        classes=[],
        initial={"source": "none"},
        state=state,
        out=out,
    )


@saliency.command("maps")
@config_option
@index_option
@classes_option
@click.option("--weights", type=click.Path(path_type=Path), help="Trained network (method small).")
@shard_option
@out_option
def maps_command(
    config: Path, index: Path, classes: Path, weights: Path | None, shard: str, out: Path
) -> None:
    """Write the saliency maps of one shard of the training and validation images."""
    from weakseg.dataset.index import proxy_records, read_index
    from weakseg.dataset.index import shard as part
    from weakseg.storage.shards import write_shard

    records = part(proxy_records(read_index(index, classes)), shard)
    source = _source(read_stage(config, SaliencyConfig), weights)

    def maps() -> "Iterator[tuple[str, dict[str, np.ndarray]]]":
        for record in records:
            yield record.id, {"saliency": source(record)}

    write_shard(out, maps())


def _source(settings: SaliencyConfig, weights: Path | None) -> "Source":
    from weakseg.errors import InputError
    from weakseg.saliency.sources import folder_source, network_source, onnx_source

    if settings.method == "onnx":
        return onnx_source(Path(settings.onnx.file), settings.onnx.preset, settings.onnx.size)
    if settings.method == "folder":
        return folder_source(Path(settings.folder.folder))
    if weights is None:
        raise InputError("saliency.method is 'small' but no --weights were given; train the network first.")
    return network_source(weights)
