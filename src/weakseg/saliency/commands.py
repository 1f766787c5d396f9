"""`weakseg saliency …`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.options import config_option, out_option, shard_option, state_option
from weakseg.saliency.settings import SaliencyConfig
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    import numpy as np

    from weakseg.dataset.index import Index

PATH = click.Path(path_type=Path)
LONGEST = 448
"""Longest side of frames, unless told otherwise: RCRNet's."""


@click.group()
def saliency() -> None:
    """Train a saliency network, or write saliency maps of any source."""


@saliency.command("train")
@config_option
@click.option("--index", type=PATH, help="The data set's index.csv (data.source split).")
@click.option("--classes", type=PATH, help="The data set's classes.csv (data.source split).")
@state_option
@out_option
def train_command(config: Path, index: Path | None, classes: Path | None, state: Path, out: Path) -> None:
    """Train a saliency network on images or clips with masks; resumes what STATE holds."""
    from weakseg.errors import InputError
    from weakseg.saliency.network import build, read_start
    from weakseg.saliency.training_data.material import read_material
    from weakseg.saliency.training_data.settings import SaliencyData
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    settings = read_stage(config, SaliencyConfig)
    own = settings.own
    if not own.trains:
        raise InputError(
            f"saliency.method is '{own.name}', for which nothing is trained here; a method that trains a network was "
            "expected, without its value 'trained'."
        )
    material, start = read_material(getattr(own, "data", SaliencyData()), index, classes), read_start(own)
    train_stage(
        "saliency",
        settings,
        lambda: build(own, start),
        lambda network: material.samples(
            Crops(own.training, network.backbones()[0].fill), getattr(own, "clip", None)
        ),
        inputs=material.inputs,
        classes=[],
        initial=start.provenance,
        state=state,
        out=out,
        extra={"trained_on": material.trained_on},
    )


@saliency.command("maps")
@config_option
@data_options
@click.option("--weights", type=PATH, help="Trained network (methods that train one).")
@shard_option
@out_option
def maps_command(config: Path, data: "Index", weights: Path | None, shard: str, out: Path) -> None:
    """Write the saliency maps of one shard of the training and validation images."""
    from weakseg.dataset.index import proxy_records
    from weakseg.dataset.index import shard as part
    from weakseg.saliency.maps import Flatness
    from weakseg.saliency.network import source_of
    from weakseg.storage.progress import tracked
    from weakseg.storage.shards import write_shard
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, SaliencyConfig)
    records = part(proxy_records(data), shard)
    source, flatness = source_of(settings, weights, _say), Flatness()
    is_sized = "size" in type(settings.own).model_fields
    advice = f"lower saliency.{settings.method}.size" if is_sized else "shrink the image"

    def maps() -> "Iterator[tuple[str, dict[str, np.ndarray]]]":
        for record in tracked(records, out):
            with on_image(record.id, advice):
                values = source(record)
            flatness.see(values)
            yield record.id, {"saliency": values}

    write_shard(out, maps())
    sentence = flatness.sentence(shard, f"saliency.{settings.method}")
    if sentence is not None:
        _say(sentence)


def _say(sentence: str) -> None:
    click.echo(f"weakseg: {sentence}", err=True)


@saliency.command("released")
@click.option(
    "--file", type=PATH, required=True, help="RCRNet's image_pretrained_model.pth or video_best_model.pth."
)
@click.option(
    "--stride", type=click.Choice(["8", "16"]), default="16", show_default=True, help="Output stride."
)
@out_option
def released_command(file: Path, stride: str, out: Path) -> None:
    """Write RCRNet's released weights as a weights.pt, for `trained` or `start`."""
    from weakseg.saliency.methods.rcrnet_released import read_released
    from weakseg.storage.weights import save_weights

    save_weights(out, read_released(file, 8 if stride == "8" else 16))


@saliency.command("frames")
@click.option("--weights", type=PATH, required=True, help="Trained network, of any method.")
@click.option("--davis", type=PATH, help="Folder in DAVIS's layout.")
@click.option("--videos", type=PATH, help="Instead: a list of data sets (YAML).")
@click.option("--split", default="val", show_default=True, help="Which videos.")
@click.option("--clip", type=int, default=4, show_default=True, help="Frames of a window of a video model.")
@click.option("--size", type=int, default=LONGEST, show_default=True, help="Longest side of the frames.")
@click.option("--out", type=PATH, required=True, help="Folder of the maps: <video>/<frame>.png.")
def frames_command(
    weights: Path, davis: Path | None, videos: Path | None, split: str, clip: int, size: int, out: Path
) -> None:
    """Write the saliency maps of videos as grey PNGs, which `saliency.method: folder` reads."""
    from weakseg.devices import device
    from weakseg.errors import InputError
    from weakseg.saliency.frames import video_maps
    from weakseg.saliency.network import load
    from weakseg.saliency.training_data.videos import read_davis, read_video_list
    from weakseg.storage.labels import write_grey

    if (davis is None) == (videos is None):
        raise InputError("one of --davis and --videos was expected; give the one that names your videos.")
    if clip < 1 or size < 32:
        raise InputError(f"--clip is {clip} and --size {size}; at least 1 frame and 32 pixels were expected.")
    found = read_davis(davis, split) if davis else read_video_list(videos or Path(), split)
    network = load(weights).to(device())
    for video in found:
        for record, values in video_maps(network, video.frames, clip, size, device()):
            write_grey(out / f"{record.id}.png", values)
        click.echo(f"{video.name}: {len(video.frames)} frames")
