"""`weakseg proxy …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.options import config_option, labels_option, out_option, shard_option, split_option
from weakseg.proxy.settings import ProxyConfig, RefineConfig
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index
    from weakseg.dataset.records import Record
    from weakseg.proxy.boxes import Region


@click.group()
def proxy() -> None:
    """Fuse attention and saliency into proxy labels and refine them with a dense CRF."""


@proxy.command("fuse")
@config_option
@data_options
@shard_option
@click.option(
    "--attention", type=click.Path(path_type=Path), required=True, help="The shard's attention maps."
)
@click.option("--saliency", type=click.Path(path_type=Path), required=True, help="The shard's saliency maps.")
@labels_option
@out_option
def fuse_command(
    config: Path, data: "Index", shard: str, attention: Path, saliency: Path, labels: Path, out: Path
) -> None:
    """Write LABELS/<id>.png for one shard and list them in OUT."""
    from weakseg.dataset.images import image_size
    from weakseg.dataset.index import without_nodata
    from weakseg.proxy.stages import fuse
    from weakseg.storage.labels import write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.presence import Tally
    from weakseg.storage.progress import tracked
    from weakseg.storage.shards import ShardReader

    settings = read_stage(config, ProxyConfig)
    records = _shard(data, shard)
    attention_maps, saliency_maps = ShardReader([attention]), ShardReader([saliency])
    tally = Tally(data.classes)

    def rows() -> Iterator[tuple[str, ...]]:
        for record in tracked(records, out):
            maps = attention_maps.read(record.id)
            salient = saliency_maps.read(record.id)["saliency"]
            size = image_size(record.image)
            fused = without_nodata(fuse(size, salient, maps, data.classes, settings.own), record)
            write_labels(labels / f"{record.id}.png", fused)
            lost = tally.add(record.id, fused, _present(data, record))
            shares = (fused == 255).mean(), ((fused > 0) & (fused < 255)).mean()
            yield record.id, *(f"{share:.4f}" for share in shares), lost, digest(fused)

    write_manifest(out, ("id", "undecided", "foreground", "missing", "digest"), rows())
    click.echo(tally.line("fused", "refine does what proxy.refine.missing_class says"))


@proxy.command("refine")
@config_option
@data_options
@shard_option
@click.option("--fused", type=click.Path(path_type=Path), required=True, help="Folder of the fused labels.")
@labels_option
@out_option
def refine_command(config: Path, data: "Index", shard: str, fused: Path, labels: Path, out: Path) -> None:
    """Write the refined LABELS/<id>.png for one shard and list them in OUT."""
    from weakseg.dataset.images import read_image
    from weakseg.dataset.index import without_nodata
    from weakseg.proxy.stages import refine
    from weakseg.storage.labels import read_labels, write_labels
    from weakseg.storage.manifest import digest, write_manifest
    from weakseg.storage.presence import Tally, doubted
    from weakseg.storage.progress import tracked

    settings = read_stage(config, RefineConfig)
    records = _shard(data, shard)
    tally = Tally(data.classes)

    def rows() -> Iterator[tuple[str, ...]]:
        for record in tracked(records, out):
            before = after = read_labels(fused / f"{record.id}.png")
            present = _present(data, record)
            if settings.enabled:
                after = refine(read_image(record.image), before, present, settings)
            lost = tally.add(record.id, after, present)
            if settings.missing_class == "undecided":
                after = doubted(after, present)
            after = without_nodata(after, record)
            write_labels(labels / f"{record.id}.png", after)
            shares = (after == 255).mean(), (after != before).mean()
            yield record.id, *(f"{share:.4f}" for share in shares), lost, digest(after)

    write_manifest(out, ("id", "undecided", "changed", "missing", "digest"), rows())
    click.echo(
        tally.line("refined", f"proxy.refine.missing_class: their background is {settings.of_missing}")
    )


def _present(data: "Index", record: "Record") -> list[int]:
    """Indices of the image's own classes."""
    return [data.classes.index(name) + 1 for name in record.labels]


def _shard(data: "Index", item: str) -> "list[Record]":
    from weakseg.dataset.index import proxy_records, shard

    return shard(proxy_records(data), item)


@proxy.command("boxes")
@data_options
@split_option
@labels_option
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Share of the image below which a region is left out.",
)
@click.option(
    "--review",
    type=click.Path(path_type=Path),
    help="Folder of people's decisions: rejected images are left out, corrected labels replace LABELS.",
)
@out_option
def boxes_command(
    data: "Index", split: str, labels: Path, least: float, review: Path | None, out: Path
) -> None:
    """Write a box for each connected region of the label maps of a split to OUT, as COCO's JSON."""
    import json

    from weakseg.proxy.boxes import coco, regions
    from weakseg.storage.atomic import write_text
    from weakseg.storage.labels import read_labels
    from weakseg.storage.progress import tracked
    from weakseg.storage.review import Review, read_corrected, read_review

    decided = Review() if review is None else read_review(review)

    def images() -> "Iterator[tuple[str, str, tuple[int, int], list[Region]]]":
        for record in tracked(data.split(split), out):
            if record.id in decided.rejected:
                continue
            corrected = decided.corrected.get(record.id)
            found = (
                read_labels(labels / f"{record.id}.png")
                if corrected is None
                else read_corrected(corrected, data.classes)
            )
            size = (int(found.shape[0]), int(found.shape[1]))
            yield record.id, str(record.image), size, regions(found, least)

    content = coco(data.classes, images())
    write_text(out, json.dumps(content, ensure_ascii=False) + "\n")
    click.echo(
        f"wrote {len(content['annotations'])} boxes of {len(content['images'])} {split} images to {out}"
    )
