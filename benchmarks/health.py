"""Doubt of proxy labels against masks: fitted on every second training image, reported on the others.

    python benchmarks/health.py results/voc-animals

The target is an image's intersection over union of the refined proxy label with its mask: over the classes that the
label names, pixels that are undecided as wrong, then the mean. Masks are read here, never by `weakseg evaluate health`.
Prints the weights of `weakseg.evaluation.health.doubt`, and Spearman's rank correlation of each signal and of the doubt
with the target on the other half.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from weakseg.dataset.index import Index, read_index
from weakseg.dataset.records import Record
from weakseg.evaluation.health.doubt import SIGNALS, doubt_of, signals
from weakseg.evaluation.health.inputs import Artefacts
from weakseg.storage.labels import UNDECIDED
from weakseg.storage.shards import ShardReader

RIDGE = 1.0
"""Weight of the squared weights in the fit, so that signals that say the same share it."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--used", multiple=True, help="Signals of the fit.  [default: those of doubt.py]")
@click.option("--out", type=click.Path(path_type=Path), help="The figures as JSON.")
def main(run: Path, used: tuple[str, ...], out: Path | None) -> None:
    """Fit on one half of the training images of RUN, report on the other."""
    index = read_index(run / "dataset" / "index.csv", run / "dataset" / "classes.csv")
    names, values, wanted, decided, doubt = _measured(run, index)
    fit, rest = np.arange(len(wanted)) % 2 == 0, np.arange(len(wanted)) % 2 == 1
    chosen = [names.index(name) for name in used or SIGNALS]
    base, weights = fitted(values[fit][:, chosen], wanted[fit])
    estimate = base + values[:, chosen] @ weights
    figures = {
        "images": len(wanted),
        "target": {"mean": float(wanted.mean()), "below 0.3": float((wanted < 0.3).mean())},
        "base": base,
        "weights": {names[place]: float(weight) for place, weight in zip(chosen, weights, strict=True)},
        "fitted half": spearman(estimate[fit], wanted[fit]),
        "other half": spearman(estimate[rest], wanted[rest]),
        "other half, undecided left out": spearman(estimate[rest], decided[rest]),
        "doubt.py on the other half": -spearman(doubt[rest], wanted[rest]),
        "each signal on the other half": {
            name: spearman(values[rest][:, place], wanted[rest]) for place, name in enumerate(names)
        },
        "other half's tenth of the highest doubt": float(
            wanted[rest][np.argsort(estimate[rest])[: rest.sum() // 10]].mean()
        ),
    }
    text = json.dumps(_rounded(figures), indent=2)
    print(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


def _measured(run: Path, index: Index) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Names of S signals, and of N images the signals N×S, the target, the same without undecided pixels, the doubt."""
    names: list[str] = []
    rows, wrong, left_out, doubt = [], [], [], []
    for record, view in _artefacts(run, index).views("train"):
        if record.mask is not None:
            found = signals(view)
            names = [*found]
            rows.append([found[name] for name in names])
            doubt.append(doubt_of(found))
            wrong.append(labelled_iou(index, record, view.refined))
            left_out.append(labelled_iou(index, record, view.refined, undecided_wrong=False))
    return names, np.array(rows), np.array(wrong), np.array(left_out), np.array(doubt)


def labelled_iou(index: Index, record: Record, labels: np.ndarray, undecided_wrong: bool = True) -> float:
    """Mean intersection over union with the mask over the classes of the label; undecided pixels are wrong or left out.

    Pixels that the mask does not score are left out. A class without a pixel in both counts as 0.
    """
    mask = index.read_mask(record)
    scored = (mask != UNDECIDED) & (undecided_wrong | (labels != UNDECIDED))
    found = []
    for name in record.labels:
        number = index.classes.index(name) + 1
        true, given = (mask == number) & scored, (labels == number) & scored
        union = (true | given).sum()
        found.append((true & given).sum() / union if union else 0.0)
    return float(np.mean(found))


def fitted(values: np.ndarray, wanted: np.ndarray) -> tuple[float, np.ndarray]:
    """Base and weights of a ridge regression of N×S signals on N targets."""
    centre = values.mean(axis=0)
    spread = values.std(axis=0) + 1e-9
    scaled = (values - centre) / spread
    matrix = scaled.T @ scaled + RIDGE * np.eye(values.shape[1])
    weights = np.linalg.solve(matrix, scaled.T @ (wanted - wanted.mean())) / spread
    return float(wanted.mean() - centre @ weights), weights


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of the ranks, equal values sharing their mean rank; 0 if one is constant."""
    first, second = ranks(one), ranks(other)
    return float(np.corrcoef(first, second)[0, 1]) if first.std() and second.std() else 0.0


def ranks(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """0, 1, 2, …; equal values share their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + last - 1) / 2)[place]


def _artefacts(run: Path, index: Index) -> Artefacts:
    attention, saliency = (sorted((run / room / "maps").glob("*.h5")) for room in ("attention", "saliency"))
    return Artefacts(
        index,
        ShardReader(attention),
        sorted((run / "attention" / "maps").glob("*.csv")),
        ShardReader(saliency),
        run / "proxy" / "refined",
        run / "proxy" / "fused",
    )


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
