"""Saliency networks on held-out videos, beside what needs no training: a table and a strip of maps.

    python benchmarks/davis.py --davis ../shared/data/davis --network rcrnet=results/davis-rcrnet/saliency/weights.pt \
        --size 128 --out benchmarks/results/davis.json --strip docs/saliency.png

Photographs and masks of the data set are drawn into the strip with `--photographs` only: they are not ours to pass on.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from PIL import Image

from weakseg.dataset.images import read_image
from weakseg.evaluation.scores.saliency_measures import MEASURES, score_quality
from weakseg.evaluation.scores.score import write_json
from weakseg.evaluation.text import aligned, decimals
from weakseg.saliency.frames import video_maps
from weakseg.saliency.methods.unsupervised import barrier_saliency
from weakseg.saliency.network import load
from weakseg.saliency.training_data.masks import read_bright
from weakseg.saliency.training_data.videos import Video, read_davis

FILE = click.Path(path_type=Path)
WINDOW = 4  # frames, as in the training of the video model
SIDES = (160, 90)  # of a picture in the strip, pixels
SHOWN = (4, 18)  # frames of each video in the strip
Maps = Callable[[Video], Iterable[np.ndarray]]


def centre(video: Video) -> Iterator[np.ndarray]:
    """A Gaussian in the middle whose deviation is a quarter of each side: what a photographer would guess."""
    for record in video.frames:
        height, width = read_image(record.image).shape[:2]
        y, x = np.mgrid[:height, :width]
        away = ((y + 0.5) / height - 0.5) ** 2 + ((x + 0.5) / width - 0.5) ** 2
        yield np.exp(-away / (2 * 0.25**2)).astype(np.float32)


def zero(video: Video) -> Iterator[np.ndarray]:
    """Nothing stands out."""
    for record in video.frames:
        yield np.zeros(read_image(record.image).shape[:2], np.float32)


def barrier(video: Video) -> Iterator[np.ndarray]:
    """`saliency.method: unsupervised`."""
    return (barrier_saliency(read_image(record.image)) for record in video.frames)


def network(weights: Path, size: int) -> Maps:
    """A network that `weakseg saliency train` made."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trained = load(weights).to(device)
    return lambda video: (values for _, values in video_maps(trained, video.frames, WINDOW, size, device))


def strip(rows: dict[str, list[np.ndarray]]) -> np.ndarray:
    """A row of pictures for each name, H×W×3 `uint8`."""
    lines = []
    for name, pictures in rows.items():
        label = np.full((SIDES[1], 110, 3), 255, np.uint8)
        cv2.putText(
            label, name, (4, SIDES[1] // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA
        )
        lines.append(np.concatenate([label, *pictures], axis=1))
    return np.concatenate(lines)


def picture(values: np.ndarray) -> np.ndarray:
    """A map in [0, 1] or an RGB image, with a white edge."""
    if values.ndim == 2:
        values = np.repeat(np.rint(values * 255).astype(np.uint8)[..., None], 3, axis=2)
    small = cv2.resize(values, SIDES, interpolation=cv2.INTER_AREA)
    return cv2.rectangle(small, (0, 0), (SIDES[0] - 1, SIDES[1] - 1), (255, 255, 255), 2)


@click.command()
@click.option("--davis", type=FILE, required=True, help="Folder in DAVIS's layout.")
@click.option("--split", default="val", show_default=True, help="Videos no network has seen.")
@click.option(
    "--network", "networks", multiple=True, metavar="NAME=FILE", help="weights.pt of a saliency network."
)
@click.option("--size", type=int, default=448, show_default=True, help="Longest side of the frames.")
@click.option("--photographs", is_flag=True, help="Draw the frames and masks too.")
@click.option("--out", type=FILE, required=True, help="JSON of all measures, per video.")
@click.option("--strip", "drawn", type=FILE, help="PNG of some maps.")
def main(
    davis: Path,
    split: str,
    networks: tuple[str, ...],
    size: int,
    photographs: bool,
    out: Path,
    drawn: Path | None,
) -> None:
    """Score saliency maps of videos against their masks."""
    videos = read_davis(davis, split)
    methods: dict[str, Maps] = {"nothing": zero, "centre": centre, "unsupervised": barrier}
    for name, _, file in (item.partition("=") for item in networks):
        methods[name] = network(Path(file), size)

    found, rows = {}, {}
    if photographs:
        chosen = [video.frames[number] for video in videos for number in SHOWN]
        rows["frame"] = [picture(read_image(record.image)) for record in chosen]
        rows["mask"] = [
            picture(read_bright(record.mask).astype(np.float32)) for record in chosen if record.mask
        ]
    for name, maps in methods.items():
        pairs, rows[name] = [], []
        for video in videos:
            for number, (record, values) in enumerate(zip(video.frames, maps(video), strict=True)):
                assert record.mask is not None
                pairs.append((record.id, values, read_bright(record.mask)))
                if number in SHOWN:
                    rows[name].append(picture(values))
        found[name] = score_quality(pairs, sequences=True)
    write_json(out, {"size": size, "split": split, "methods": found})
    if drawn is not None:
        Image.fromarray(strip(rows)).save(drawn, optimize=True)
    table = [["", *MEASURES]]
    table += [[name, *(decimals(item["measures"][key]) for key in MEASURES)] for name, item in found.items()]
    click.echo(aligned(table))


if __name__ == "__main__":
    main()
