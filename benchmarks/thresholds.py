"""Thresholds of the rule `threshold`, chosen on every second training image by its mask and scored on the others.

    python benchmarks/thresholds.py choose results/voc-animals
    python benchmarks/thresholds.py label results/voc-animals threshold.saliency_high=0.8 --out labels/
    python benchmarks/thresholds.py score results/voc-animals --labels results/voc-animals/proxy/refined

`choose` counts once how often each true class meets each saliency, attention and strongest class; the scores of all
thresholds follow from that. `score` prints the three conventions for undecided pixels on the other half.
"""

import itertools
import json
from collections.abc import Iterator
from functools import cache, partial
from multiprocessing import Pool
from pathlib import Path

import click
import numpy as np
import yaml

from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index, read_index
from weakseg.dataset.records import Record
from weakseg.evaluation.scores.confusion import ConfusionMatrix
from weakseg.proxy.settings import ProxyConfig
from weakseg.proxy.stages import enlarge, fuse, refine
from weakseg.settings.reading import parse
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.presence import doubted, missing
from weakseg.storage.shards import ShardReader

LEVELS = 20
"""Steps of 0.05 in which saliency and attention are counted."""
LOW, HIGH, LEAST, BACKGROUND, RESCUE = (
    (1, 2, 3, 4, 6),
    (6, 8, 10, 12, 14, 16, 18, 19),
    (0, 2, 4),
    (4, 6, 8, 10, 12, 20),
    (14, 16, 18, 20),
)
"""Thresholds that are tried, in steps of 0.05; 20 switches the last two off."""
PATH = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Choose thresholds on one half, score on the other."""


@main.command()
@click.argument("run", type=PATH)
@click.option("--undecided", default=0.2, help="Largest share of undecided pixels.")
def choose(run: Path, undecided: float) -> None:
    """The ten best thresholds on every second training image, by fused mIoU with undecided pixels left out."""
    index = _index(run)
    counts = _counted(run, index)
    rows = []
    for low, high, least, background, rescue in itertools.product(LOW, HIGH, LEAST, BACKGROUND, RESCUE):
        if high < low or (background >= rescue and background < LEVELS):
            continue
        matrix = _matrix(index, counts, low, high, least, background, rescue)
        row = [
            matrix.miou,
            matrix.miou_undecided_wrong,
            matrix.miou_undecided_background,
            matrix.undecided_share,
        ]
        rows.append([low, high, least, background, rescue, *row])
    names = ("saliency_low", "saliency_high", "attention_least", "background_attention", "rescue")
    for measure, place in (("left out", 5), ("wrong", 6), ("background", 7)):
        print(f"best with undecided {measure}, at most {undecided:.0%} undecided:")
        best = sorted((row for row in rows if row[8] <= undecided), key=lambda row: -row[place])
        for row in best[:5]:
            values = ", ".join(
                f"{name} {value / LEVELS:.2f}" for name, value in zip(names, row[:5], strict=True)
            )
            print(f"  {values}: {row[5]:.3f}, {row[6]:.3f}, {row[7]:.3f}, {row[8]:.1%} undecided")


@main.command()
@click.argument("run", type=PATH)
@click.argument("values", nargs=-1)
@click.option("--out", type=PATH, required=True, help="Folder of the refined label maps.")
def label(run: Path, values: tuple[str, ...], out: Path) -> None:
    """Refined labels of the other half, by the run's proxy settings with VALUES such as threshold.saliency_low=0.1."""
    settings = json.loads((run / "configs" / "proxy-fuse.json").read_text())
    settings["refine"] = json.loads((run / "configs" / "proxy-refine.json").read_text())
    for value in values:
        key, _, text = value.partition("=")
        section, name = key.split(".")
        settings[section][name] = yaml.safe_load(text)
    config = parse(ProxyConfig, settings, "the run's settings")
    lacking = 0
    with Pool(2) as pool:
        for name, refined, lacks in pool.imap_unordered(
            partial(_labelled, run, config, _index(run)), _half(_index(run), 1)
        ):
            write_labels(out / f"{name}.png", refined)
            lacking += lacks
    print(f"in {lacking} images a labelled class has no pixel")


def _labelled(run: Path, config: ProxyConfig, index: Index, record: Record) -> tuple[str, np.ndarray, bool]:
    image = read_image(record.image)
    maps, saliency = _maps(run, record)
    fused = fuse(image.shape[:2], saliency, maps, index.classes, config.own)
    present = [index.classes.index(name) + 1 for name in record.labels]
    refined = refine(image, fused, present, config.refine)
    lacks = bool(missing(refined, present))
    if config.refine.missing_class == "undecided":
        refined = doubted(refined, present)
    return record.id, refined, lacks


@cache
def _shards(run: Path, room: str) -> ShardReader:
    return ShardReader(sorted((run / room / "maps").glob("*.h5")))


def _maps(run: Path, record: Record) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return _shards(run, "attention").read(record.id), _shards(run, "saliency").read(record.id)["saliency"]


@main.command()
@click.argument("run", type=PATH)
@click.option("--labels", type=PATH, required=True, help="Folder of label maps.")
def score(run: Path, labels: Path) -> None:
    """Score label maps on the other half of the training images, in all three conventions."""
    index = _index(run)
    matrix = ConfusionMatrix(index.classes)
    for record in _half(index, 1):
        matrix.update(index.read_mask(record), read_labels(labels / f"{record.id}.png"))
    print(
        json.dumps(
            {
                "left_out": round(matrix.miou, 4),
                "wrong": round(matrix.miou_undecided_wrong, 4),
                "background": round(matrix.miou_undecided_background, 4),
                "undecided": round(matrix.undecided_share, 4),
            }
        )
    )


def _index(run: Path) -> Index:
    return read_index(run / "dataset" / "index.csv", run / "dataset" / "classes.csv")


def _half(index: Index, first: int) -> Iterator[Record]:
    return (record for record in list(index.split("train"))[first::2] if record.mask is not None)


def _counted(run: Path, index: Index) -> np.ndarray:
    """Pixels by true class, strongest class, saliency and attention: (C+1)×(C+1)×L×L."""
    size = len(index.classes) + 1
    total = np.zeros(size * size * LEVELS * LEVELS, np.int64)
    for record in _half(index, 0):
        truth = index.read_mask(record)
        named, salient = _maps(run, record)
        maps = np.stack([enlarge(named[name], truth.shape) for name in record.labels])
        present = np.array([index.classes.index(name) + 1 for name in record.labels])
        strongest = present[maps.argmax(axis=0)]
        saliency = enlarge(salient, truth.shape)
        levels = [
            np.minimum((values * LEVELS).astype(int), LEVELS - 1) for values in (saliency, maps.max(axis=0))
        ]
        scored = truth != 255
        place = np.ravel_multi_index(
            [truth[scored].astype(int), strongest[scored], levels[0][scored], levels[1][scored]],
            (size, size, LEVELS, LEVELS),
        )
        total += np.bincount(place, minlength=total.size)
    return total.reshape(size, size, LEVELS, LEVELS)


def _matrix(
    index: Index, counts: np.ndarray, low: int, high: int, least: int, background: int, rescue: int
) -> ConfusionMatrix:
    """The confusion matrix of the rule `threshold` with these thresholds."""
    saliency, attention = np.mgrid[:LEVELS, :LEVELS]
    unsure = (saliency >= low) & ((saliency < high) | (attention < least))
    unsure |= (saliency < low) & (attention >= background)
    rescued = attention >= rescue
    unsure &= ~rescued
    is_class = ~unsure & ((saliency >= low) | rescued)
    matrix = ConfusionMatrix(index.classes)
    matrix.counts += (counts * is_class).sum(axis=(2, 3))
    matrix.counts[:, 0] += (counts * ~(is_class | unsure)).sum(axis=(1, 2, 3))
    matrix.undecided += (counts * unsure).sum(axis=(1, 2, 3))
    return matrix


if __name__ == "__main__":
    main()
