"""`weakseg affinity …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.affinity.settings import AffinityConfig, WalkConfig
from weakseg.dataset.data_options import data_options
from weakseg.options import config_option, labels_option, out_option, shard_option, state_option
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index

PATH = click.Path(path_type=Path)
SMALLER = "lower affinity.walk.longest"
"""What to do about an image that does not fit into memory."""


@click.group()
def affinity() -> None:
    """Learn from fused proxies which neighbours belong together, and spread the proxies by it."""


@affinity.command("train")
@config_option
@click.option("--index", type=PATH, required=True, help="The data set's index.csv.")
@click.option("--classes", type=PATH, required=True, help="The data set's classes.csv.")
@click.option("--fused", type=PATH, required=True, help="Folder of the fused labels.")
@click.option("--attention", type=PATH, help="For backbone.weights 'attention'.")
@state_option
@out_option
def train_command(
    config: Path, index: Path, classes: Path, fused: Path, attention: Path | None, state: Path, out: Path
) -> None:
    """Train the affinity network on the decided pixels of the fused labels; resumes what STATE holds."""
    from weakseg.affinity.network import build
    from weakseg.affinity.samples import LabelledCells
    from weakseg.backbones.start import read_start
    from weakseg.dataset.index import proxy_records, read_index
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, AffinityConfig)
    data = read_index(index, classes)
    backbone = settings.backbone
    initial, provenance = read_start(
        "affinity", backbone.architecture, backbone.weights, backbone.normalization, attention
    )
    records = [record for record in proxy_records(data) if record.split == "train"]
    train_stage(
        "affinity",
        settings,
        lambda: build(settings, initial),
        lambda network: LabelledCells(records, fused, Crops(settings.training, network.backbone.fill)),
        inputs=[index, classes, *(fused / f"{record.id}.png" for record in records)],
        classes=list(data.classes),
        initial=provenance,
        state=state,
        out=out,
    )


@affinity.command("walk")
@config_option
@data_options
@shard_option
@click.option("--weights", type=PATH, required=True, help="Trained affinity network.")
@click.option("--fused", type=PATH, required=True, help="Folder of the fused labels.")
@click.option("--attention", type=PATH, required=True, help="The shard's attention maps.")
@labels_option
@out_option
def walk_command(
    config: Path,
    data: "Index",
    shard: str,
    weights: Path,
    fused: Path,
    attention: Path,
    labels: Path,
    out: Path,
) -> None:
    """Write LABELS/<id>.png for one shard and list them in OUT."""
    from weakseg.affinity.network import load
    from weakseg.affinity.spread import spread
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import proxy_records, without_nodata
    from weakseg.dataset.index import shard as part
    from weakseg.storage.labels import read_labels, write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.presence import Tally
    from weakseg.storage.progress import tracked
    from weakseg.storage.shards import ShardReader
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, WalkConfig)
    network, maps = load(weights), ShardReader([attention])
    tally = Tally(data.classes)

    def rows() -> Iterator[tuple[str, ...]]:
        for record in tracked(part(proxy_records(data), shard), out):
            before = read_labels(fused / f"{record.id}.png")
            with on_image(record.id, SMALLER):
                image = read_image(record.image)
                found = spread(network, image, before, maps.read(record.id), data.classes, settings)
            after = without_nodata(found, record)
            write_labels(labels / f"{record.id}.png", after)
            present = [data.classes.index(name) + 1 for name in record.labels]
            lost = tally.add(record.id, after, present)
            shares = (after == 255).mean(), (after != before).mean()
            yield record.id, *(f"{share:.4f}" for share in shares), lost, digest(after)

    write_manifest(out, ("id", "undecided", "changed", "missing", "digest"), rows())
    click.echo(tally.line("spread", "refine does what proxy.refine.missing_class says"))
