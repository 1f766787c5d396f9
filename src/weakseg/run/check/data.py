"""Facts and warnings about a run's images and labels."""

from collections import Counter
from dataclasses import dataclass

from weakseg.config import Config
from weakseg.dataset.check import classes_without_images
from weakseg.dataset.dividing import DIVIDED
from weakseg.dataset.index import Index
from weakseg.dataset.indexing import CheckedData
from weakseg.dataset.masks import found_line
from weakseg.dataset.negatives import is_negative, telling_lines
from weakseg.dataset.pictures import alike
from weakseg.dataset.wording import Cases, counted, examples

FEW = 20
"""Training images of a class below which it is named."""
_MOST_CLASSES = 12  # that a line lists


@dataclass(frozen=True)
class Facts:
    """Names and texts for the screen, and warnings."""

    lines: list[tuple[str, str]]
    warnings: list[str]


def facts(data: CheckedData) -> Facts:
    """What the images and labels are, and what looks wrong about them."""
    index = data.index
    noted = [note for note in index.notes if not note.startswith(("no masks", "training images that show"))]
    noted = [note for note in noted if " masks found" not in note and not note.startswith(DIVIDED)]
    divided = [note.removeprefix("divided by ") for note in index.notes if note.startswith(DIVIDED)]
    lines = [
        ("images", _images(index)),
        *(("split", text) for text in divided),
        ("classes", _classes(index)),
        ("masks", _masks(index)),
        ("sizes", _sizes(index)),
    ]
    return Facts(lines, [*noted, *_few(index), *telling_lines(index.split("train")), *_copies(data)])


def planned(config: Config) -> Facts:
    """The images of a run that makes or fetches them itself."""
    return Facts([("images", config.dataset.own.ahead().text)], [])


def _images(index: Index) -> str:
    counts = ", ".join(
        f"{len(found):,} {name}" for name in ("train", "val", "saliency") if (found := index.split(name))
    )
    negatives = sum(is_negative(record) for record in index.records)
    return counts + (f"; {negatives:,} of train show none of the classes (negatives)" if negatives else "")


def _classes(index: Index) -> str:
    train, val = (_by_class(index, split) for split in ("train", "val"))
    return "train/val " + examples(
        [f"{name} {train[name]:,}/{val[name]:,}" for name in index.classes], most=_MOST_CLASSES
    )


def _by_class(index: Index, split: str) -> Counter[str]:
    return Counter(name for record in index.split(split) for name in record.labels)


def _masks(index: Index) -> str:
    if not any(record.mask for record in index.records):
        return "none: nothing is scored"
    return found_line(index.records).removesuffix(" masks found").replace(" masks found", "")


def _sizes(index: Index) -> str:
    """The size of the median area, the smallest and the largest, width×height."""
    sizes = sorted((item.size for item in index.pictures.values()), key=lambda size: size[0] * size[1])
    small, middle, large = (
        f"{width}×{height}" for height, width in (sizes[0], sizes[len(sizes) // 2], sizes[-1])
    )
    return f"{middle} pixels" + (f", from {small} to {large}" if small != large else " each")


def _few(index: Index) -> list[str]:
    """Classes with too few training images, or none."""
    train, lost = _by_class(index, "train"), classes_without_images(index)
    few = [f"{name} ({train[name]:,})" for name in index.classes if 0 < train[name] < FEW]
    unseen = [name for name in index.classes if not _by_class(index, "val")[name] and name not in lost]
    lines = []
    if lost:
        them = "it" if len(lost) == 1 else "them"
        lines.append(f"in no training image: {examples(lost, most=_MOST_CLASSES)}; nothing can learn {them}")
    if few:
        lines.append(
            f"fewer than {FEW} training images: {examples(few, most=_MOST_CLASSES)}; {FEW} of a class are a start, "
            "200 are good"
        )
    if unseen:
        lines.append(
            f"in no image of val: {examples(unseen, most=_MOST_CLASSES)}; their score will be missing"
        )
    return lines


def _copies(data: CheckedData) -> list[str]:
    """Images that occur twice, and pictures of val that are nearly in train."""
    index = data.index
    by_content: dict[str, list[int]] = {}
    for number, files in enumerate(data.found):
        by_content.setdefault(files.image.sha256, []).append(number)
    same, differ, both = Cases(), Cases(), Cases()
    for numbers in by_content.values():
        records = [index.records[number] for number in numbers]
        for other in records[1:]:
            pair = f"{records[0].id} and {other.id}"
            same.add(pair)
            if {records[0].split, other.split} == {"train", "val"}:
                both.add(pair)
            if records[0].labels != other.labels:
                differ.add(pair)
    lines = []
    if same.count:
        more = f", {differ.count:,} with other labels" if differ.count else ""
        more += f", {both.count:,} across train and val" if both.count else ""
        lines.append(
            f"{counted(same.count, 'image')} the same as another{more}: {same}; drop one row of each"
        )
    near = _near(data)
    if near.count:
        lines.append(
            f"{near.count:,} of val nearly the same as an image of train: {near}; scores on them say too much, put "
            "both into one split"
        )
    return lines


def _near(data: CheckedData) -> Cases:
    """Images of val that look like one of train, with other content."""
    index = data.index
    content = {record.id: files.image.sha256 for record, files in zip(index.records, data.found, strict=True)}
    val, train = (
        [record for record in index.split(split) if record.id in index.pictures] for split in ("val", "train")
    )
    pairs = alike(*([index.pictures[record.id] for record in records] for records in (val, train)))
    near, told = Cases(), set()
    for first, second in pairs:
        one, other = val[first].id, train[second].id
        if content[one] != content[other] and one not in told:
            told.add(one)
            near.add(f"{one} and {other}")
    return near
