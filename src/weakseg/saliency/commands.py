"""`weakseg saliency …`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weakseg.options import config_option, out_option, shard_option, state_option
from weakseg.saliency.settings import SaliencyConfig
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    import numpy as np

    from weakseg.dataset.records import Record
    from weakseg.saliency.maps import Source
    from weakseg.saliency.settings import NetworkSection
    from weakseg.saliency.videos import Video
    from weakseg.storage.weights import Weights

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

    settings = read_stage(config, SaliencyConfig)
    section = settings.network()
    if not settings.trains:
        raise InputError(
            f"saliency.method is '{settings.method}', for which nothing is trained here; small, rcrnet, rcrnet_video "
            "or srm without 'trained' was expected."
        )
    if section is None:
        _train_small(settings, index, classes, state, out)
    else:
        _train_network(settings, section, index, classes, state, out)


def _train_small(
    settings: SaliencyConfig, index: Path | None, classes: Path | None, state: Path, out: Path
) -> None:
    from weakseg.saliency.samples import SaliencyImages
    from weakseg.saliency.small import SmallSaliency
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    records, inputs = _split(index, classes)
    train_stage(
        "saliency",
        settings,
        SmallSaliency,
        lambda network: SaliencyImages(records, Crops(settings.training, network.backbone.fill)),
        inputs=inputs,
        classes=[],
        initial={"source": "none"},
        state=state,
        out=out,
        extra={"trained_on": SPLIT_MASKS},
    )


def _train_network(
    settings: SaliencyConfig,
    section: "NetworkSection",
    index: Path | None,
    classes: Path | None,
    state: Path,
    out: Path,
) -> None:
    from weakseg.backbones.weights import read_initial_weights
    from weakseg.saliency.data import digest
    from weakseg.saliency.network import build
    from weakseg.training.augment import Crops
    from weakseg.training.stage import train_stage

    material = _material(section, index, classes)
    options, backbone = section.options(), section.backbone
    start, provenance = _start(settings.method, section)
    initial = None
    if start is None:
        initial = read_initial_weights(backbone.weights, "auto", backbone.architecture)
        provenance = initial.provenance if initial else {"source": "none"}
    train_stage(
        "saliency",
        settings,
        lambda: build(settings.method, options, initial, backbone.frozen_stages, start),
        lambda network: material.samples(
            Crops(section.training, network.backbone.fill),
            getattr(section, "clip", None),
        ),
        inputs=[*material.inputs, digest(record for video in material.videos for record in video.frames)],
        classes=[],
        initial=provenance,
        state=state,
        out=out,
        extra={"options": options, "trained_on": material.trained_on},
    )


def _start(method: str, section: "NetworkSection") -> "tuple[Weights | None, dict[str, str]]":
    """The trained network that a training starts from, and where it comes from."""
    from weakseg.saliency.network import load_start
    from weakseg.storage.weights import file_sha256

    if section.start is None:
        return None, {}
    path = Path(section.start)
    weights = load_start(path, method, section.options())
    provenance = {"source": str(path), "sha256": file_sha256(path)}
    provenance["trained_on"] = str(weights.settings.get("trained_on", SPLIT_MASKS))
    data = weights.settings.get(str(weights.settings.get("method")), {}).get("data", {})
    if data.get("source") == "folder":
        provenance["masks"] = data["masks"]
    if weights.initial.get("source", "none") != "none":
        provenance |= {f"initial_{name}": value for name, value in weights.initial.items()}
    return weights, provenance


# ------------------------------------------------------------------------------------------ what is learnt from

SPLIT_MASKS = "masks of the split 'saliency'"


@dataclass(frozen=True)
class _Material:
    """Images with masks as videos; single images are one video, never cut into clips."""

    videos: "list[Video]"
    are_clips: bool
    foreground: str
    inputs: list[Path]
    trained_on: str

    def samples(self, crops: Any, clip: int | None) -> Any:
        """Clips for a video model that has videos, else images."""
        from weakseg.saliency.data import READERS
        from weakseg.saliency.samples import SaliencyClips, SaliencyImages

        read_mask = READERS[self.foreground]
        if clip is not None and self.are_clips:
            return SaliencyClips(self.videos, crops, clip, read_mask)
        frames = [record for video in self.videos for record in video.frames]
        if self.are_clips:
            frames = [record for record in frames if record.mask is not None]
        return SaliencyImages(frames, crops, read_mask)


def _material(section: "NetworkSection", index: Path | None, classes: Path | None) -> _Material:
    from weakseg.saliency.data import folder_records
    from weakseg.saliency.videos import Video, read_davis, read_video_list

    data = section.data
    if data.source == "split":
        records, inputs = _split(index, classes)
        return _Material([Video("split", tuple(records))], False, "nonzero", inputs, SPLIT_MASKS)
    if data.source == "folder":
        records = folder_records(Path(data.images), Path(data.masks))
        text = f"masks in {data.masks}"
        return _Material([Video("folder", tuple(records))], False, data.foreground, [], text)
    if data.source == "davis":
        videos = read_davis(Path(data.davis), data.video_split)
        return _Material(videos, True, data.foreground, [], f"DAVIS {data.video_split} masks")
    videos = read_video_list(Path(data.videos), data.video_split)
    names = ", ".join(dict.fromkeys(video.name.partition("/")[0] for video in videos))
    text = f"{names} {data.video_split} masks"
    return _Material(videos, True, data.foreground, [Path(data.videos)], text)


def _split(index: Path | None, classes: Path | None) -> "tuple[Sequence[Record], list[Path]]":
    from weakseg.dataset.index import read_index
    from weakseg.errors import InputError

    if index is None or classes is None:
        raise InputError("data.source is 'split' but no --index and --classes were given; give both.")
    records = [record for record in read_index(index, classes).split("saliency") if record.mask is not None]
    return records, [index, *(record.mask for record in records if record.mask is not None)]


# ---------------------------------------------------------------------------------------------------------- maps


@saliency.command("maps")
@config_option
@click.option("--index", type=PATH, required=True, help="The data set's index.csv.")
@click.option("--classes", type=PATH, required=True, help="The data set's classes.csv.")
@click.option("--weights", type=PATH, help="Trained network (methods that train one).")
@shard_option
@out_option
def maps_command(
    config: Path,
    index: Path,
    classes: Path,
    weights: Path | None,
    shard: str,
    out: Path,
) -> None:
    """Write the saliency maps of one shard of the training and validation images."""
    from weakseg.dataset.index import proxy_records, read_index
    from weakseg.dataset.index import shard as part
    from weakseg.saliency.maps import Flatness
    from weakseg.storage.shards import write_shard
    from weakseg.training.exhausted import on_image

    settings = read_stage(config, SaliencyConfig)
    records = part(proxy_records(read_index(index, classes)), shard)
    source, flatness = _source(settings, weights), Flatness()
    is_sized = "size" in type(getattr(settings, settings.method)).model_fields
    advice = f"lower saliency.{settings.method}.size" if is_sized else "shrink the image"

    def maps() -> "Iterator[tuple[str, dict[str, np.ndarray]]]":
        for record in records:
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


def _source(settings: SaliencyConfig, weights: Path | None) -> "Source":
    from weakseg.errors import InputError
    from weakseg.saliency.folder_maps import folder_source
    from weakseg.saliency.sources import network_source, onnx_source, unsupervised_source

    if settings.method == "onnx":
        onnx = settings.onnx
        return onnx_source(Path(onnx.file), onnx.preset, onnx.size, onnx.output, settings.flip)
    if settings.method == "folder":
        return folder_source(Path(settings.folder.folder), _say)
    if settings.method == "unsupervised":
        return unsupervised_source(**settings.unsupervised.model_dump())
    network = settings.network()
    if weights is None and network is not None and network.trained is not None:
        weights = Path(network.trained)
    if weights is None:
        raise InputError(
            f"saliency.method is '{settings.method}' but no --weights were given; train the network first."
        )
    return network_source(weights, None if network is None else network.size, settings.flip)


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
    from weakseg.saliency.released import read_released
    from weakseg.storage.weights import save_weights

    save_weights(out, read_released(file, int(stride)))


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
    from weakseg.saliency.videos import read_davis, read_video_list
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
