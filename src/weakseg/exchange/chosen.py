"""Which label maps a user means: those of a stage of a run, or the PNGs of a folder."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from weakseg.dataset.image_names import find_image
from weakseg.dataset.images import image_size
from weakseg.dataset.index import proxy_records, read_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.formats.items import Images, Item
from weakseg.report.progress import located, predictions
from weakseg.run.opened import CONFIG, open_table
from weakseg.run.table import Table
from weakseg.storage.labels import read_classes, read_labels
from weakseg.storage.review import LISTS, Review, read_corrected, read_review

REFINED = "proxy_refine"


@dataclass(frozen=True)
class Chosen:
    """Label maps that are to be written.

    Attributes:
        classes: names without background.
        title: what they are, for users.
        count: how many they are.
        items: reads them one by one.
    """

    classes: Sequence[str]
    title: str
    count: int
    items: Callable[[], Iterator[Item]]


def is_run(folder: Path) -> bool:
    """Whether a folder is one of a run."""
    return (folder / CONFIG).is_file()


def run_images(table: Table) -> tuple[Sequence[str], dict[str, Record]]:
    """The classes of a run and its training and validation images by their ids, with paths from here.

    Raises:
        InputError: the run has no index yet.
    """
    index = read_index(*table["dataset_index"].files)
    return index.classes, {record.id: located(table, record) for record in proxy_records(index)}


def known(records: dict[str, Record]) -> Images:
    """The images of a run for a format's reader."""
    return Images({name: record.image for name, record in records.items()}, image_size)


def of_run(folder: Path, stage: str, split: str | None, only: Collection[str] | None = None) -> Chosen:
    """The label maps of a stage of a run.

    Args:
        folder: of the run.
        stage: one of `weakseg.exchange.STAGES`.
        split: `train`, `val` or `all`; `None`: those that the stage is made for.
        only: names of the images to take.

    Raises:
        InputError: the run has none of them, or no image of a name.
    """
    table = open_table(folder)
    classes, records = run_images(table)
    review = read_review(table.folder / "review")
    if split is None:
        split = {"predictions": table.config.evaluation.split, "corrected": "all"}.get(stage, "train")
    wanted = None if only is None else {known(records).find(name) for name in only}
    taken = [
        record
        for record in records.values()
        if split in ("all", record.split)
        and (wanted is None or record.id in wanted)
        and (stage != "corrected" or record.id in review.corrected)
    ]
    if not taken:
        raise InputError(
            f"{folder} has no {stage} of the split {split}" + (" among the images asked for" if only else "")
            + "; at least one label map was expected: choose another --stage, --split or --ids."
        )  # fmt: skip
    place, title = _place(table, stage)
    corrected = review.corrected if stage in ("proxies", "corrected") else {}
    read = partial(_item, classes=classes, place=place, corrected=corrected, review=review)
    drawn = sum(record.id in corrected for record in taken)
    title += f", {drawn} of them corrected" * bool(drawn and stage == "proxies")
    return Chosen(classes, title, len(taken), lambda: (read(record) for record in taken))


def _place(table: Table, stage: str) -> tuple[Path, str]:
    """Folder of a stage's label maps, and what they are."""
    if stage == "corrected":
        return table.folder, "corrected label maps"
    if stage == "predictions":
        made = [each for each in predictions(table) if each.label_folder.is_dir()]
        if not made:
            raise InputError(
                f"{table.folder} has no predictions yet; a finished run was expected: run snakemake again, which goes "
                "on, or choose --stage proxies."
            )
        return made[0].label_folder, f"{made[0].title}"
    found = table["proxy_fuse" if stage == "fused" else REFINED]
    return found.label_folder, found.title


def _item(
    record: Record, classes: Sequence[str], place: Path, corrected: Collection[str], review: Review
) -> Item:
    if record.id in corrected:
        labels = read_corrected(review.corrected[record.id], classes)
    else:
        labels = read_labels(place / f"{record.id}.png")
    decisions = {name: record.id in getattr(review, name) for name in LISTS}
    return Item(record.id, record.image, labels, record.split, decisions)


def of_folder(
    folder: Path, classes: Sequence[str] | None, images: Path | None, only: Collection[str] | None = None
) -> Chosen:
    """The label PNGs of a folder, with all below it.

    Args:
        folder: of PNGs of one class index a pixel.
        classes: names without background; `None`: as the PNGs say.
        images: folder of the images, named like the PNGs.
        only: names of the PNGs to take, without `.png`.

    Raises:
        InputError: no PNG, no image, or the names of the classes are not known.
    """
    found = {
        file.relative_to(folder).as_posix()[: -len(".png")]: file for file in sorted(folder.rglob("*.png"))
    }
    missing = sorted({*(only or ())} - {*found})
    if not found or missing:
        what = f"no {missing[0]}.png" if missing else "no PNG"
        raise InputError(
            f"{folder} holds {what}; a run, such as results/demo, or a folder of label PNGs was expected: correct "
            "the path."
        )
    taken = {name: file for name, file in found.items() if only is None or name in only}
    names = _named_alike(taken, folder) if classes is None else classes

    def items() -> Iterator[Item]:
        for name, file in taken.items():
            image = None if images is None else find_image(images, name)
            yield Item(name, image, _checked(read_labels(file), names, file))

    return Chosen(names, f"label maps of {folder}", len(taken), items)


def _named_alike(files: dict[str, Path], folder: Path) -> Sequence[str]:
    """The classes that all PNGs name.

    Raises:
        InputError: one names none, or others.
    """
    named: dict[tuple[str, ...] | None, Path] = {}
    for file in files.values():
        read_labels(file)
        classes = read_classes(file)
        named.setdefault(None if classes is None else tuple(classes), file)
    if None in named:
        raise InputError(
            f"{named[None]} does not name its classes; the names were expected: give them in order, without "
            "background, by --classes cat,dog."
        )
    if len(named) > 1:
        one, other = list(named.values())[:2]
        raise InputError(
            f"{one} and {other} name different classes; the same were expected in all of {folder}: write them to two "
            "files, or give --classes."
        )
    return next(iter(named)) or ()


def _checked(labels: np.ndarray, classes: Sequence[str], file: Path) -> np.ndarray:
    highest = int(labels[labels < 255].max(initial=0))
    if highest > len(classes):
        raise InputError(
            f"{file} holds the index {highest}, but {len(classes)} classes are named; give a name for each by "
            "--classes."
        )
    return labels
