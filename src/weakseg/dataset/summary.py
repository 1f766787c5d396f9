"""A data set in a few lines, printed before training."""

from weakseg.dataset.check import classes_without_images
from weakseg.dataset.index import Index
from weakseg.dataset.negatives import negatives_line, telling_lines
from weakseg.dataset.wording import examples

MOST_CLASSES = 25
"""Classes that a line lists."""


def summary_lines(index: Index) -> list[str]:
    """Images of each class, negatives, notes on masks and files, and classes that nothing can learn."""
    shown: dict[str, dict[str, int]] = {name: dict.fromkeys(index.classes, 0) for name in ("train", "val")}
    for split, counts in shown.items():
        for record in index.split(split):
            for name in record.labels:
                counts[name] += 1
    numbers = [f"{name} {shown['train'][name]:,}/{shown['val'][name]:,}" for name in index.classes]
    negatives = negatives_line(index.split("train"))
    lines = [f"images of each class, train/val: {examples(numbers, most=MOST_CLASSES)}"]
    lines += ([negatives] if negatives else []) + [*index.notes]
    lost = classes_without_images(index)
    if lost:
        plain = examples([f"'{name}'" for name in lost], most=MOST_CLASSES)
        which = f"class {plain} is" if len(lost) == 1 else f"classes {plain} are"
        lines.append(f"{which} in no training image: nothing can learn {'it' if len(lost) == 1 else 'them'}")
    return lines + telling_lines(index.split("train"))
