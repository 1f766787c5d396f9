"""Training images without any of the classes, and what the labels let a classifier tell apart.

A classifier learns where a class is from the difference between images with and without it. Where every training image
shows a class, there is no difference; classes that always occur together cannot be told from one another.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from weakseg.dataset.records import Record
from weakseg.dataset.wording import Cases, examples
from weakseg.errors import InputError

Labels = tuple[str, ...]
_MOST_CLASSES = 10  # that a sentence lists


def without_negatives(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records without the negatives, and a line about them, if there are any."""
    kept = [record for record in records if not is_negative(record)]
    ids = [record.id for record in records if is_negative(record)]
    line = f"training images that show none of the classes, left out: {len(ids):,} ({examples(ids)})"
    return kept, [line] if ids else []


def is_negative(record: Record) -> bool:
    """Whether it is a training image that shows none of the classes."""
    return record.split == "train" and not record.labels


def negatives_line(records: Iterable[Record]) -> str | None:
    """`30 of 86 training images show none of the classes: they are negatives (a, b, c and 27 more)`."""
    cases, total = Cases(), 0
    for record in records:
        total += record.split == "train"
        if is_negative(record):
            cases.add(record.id)
    if not cases.count:
        return None
    show, are = ("shows", "it is a negative") if cases.count == 1 else ("show", "they are negatives")
    return f"{cases.count:,} of {total:,} training images {show} none of the classes: {are} ({cases})"


def refuse_same_labels(records: Iterable[Record], classes: Sequence[str], *, allow: bool = False) -> None:
    """Refuse labels from which a classifier cannot learn where any class is.

    Args:
        records: of all splits.
        classes: the chosen ones.
        allow: accept training images that all have the same labels.

    Raises:
        InputError: no training image shows any of the classes, or all have the same labels and that is not allowed.
    """
    shown = _combinations(records)
    if not shown or (any(shown) and (allow or len(shown) > 1)):
        return
    total = sum(shown.values())
    (names,) = shown
    if not names:
        raise InputError(
            f"none of the {total:,} training images shows any of the classes {_quoted(classes)}, and nothing can be "
            "learned: write into their labels what they show."
        )
    it = "it" if len(names) == 1 else "them"
    raise InputError(
        f"every training image shows {_quoted(names)}, and the classifier has nothing to tell {it} from: add images "
        f"without {it} to the split train, with empty labels, or set dataset.same_labels to allow it."
    )


def refuse_other_than_one(records: Iterable[Record]) -> None:
    """Refuse training images that do not show exactly one class, for a classifier that knows no others.

    Raises:
        InputError: there are some.
    """
    cases, total = Cases(), 0
    for record in records:
        total += record.split == "train"
        if record.split == "train" and len(record.labels) != 1:
            cases.add(record.id)
    if cases.count:
        raise InputError(
            f"{cases.count:,} of {total:,} training images show none or several of the classes ({cases}), but with "
            "attention.spg.single_label the classifier takes exactly one; set it to false."
        )


def telling_lines(records: Iterable[Record]) -> list[str]:
    """Warnings about classes whose place a classifier cannot learn, a line each."""
    shown = _combinations(records)
    total = sum(shown.values())
    places: dict[str, set[Labels]] = {}
    for names in shown:
        for name in names:
            places.setdefault(name, set()).add(names)
    everywhere = [name for name, found in places.items() if sum(shown[names] for names in found) == total]
    together: dict[frozenset[Labels], list[str]] = {}
    for name in places:
        if name not in everywhere:
            together.setdefault(frozenset(places[name]), []).append(name)
    lines = [
        f"the training images show {_quoted(names)} only together: attention cannot tell them apart; add images with "
        "one of them alone"
        for names in together.values()
        if len(names) > 1
    ]
    if everywhere:
        it, where = ("it", "it is") if len(everywhere) == 1 else ("them", "they are")
        lines.append(
            f"every training image shows {_quoted(everywhere)}: attention cannot learn where {where}; add images "
            f"without {it}"
        )
    return lines


def _combinations(records: Iterable[Record]) -> Counter[Labels]:
    """Labels of a training image → number of images that have them."""
    return Counter(record.labels for record in records if record.split == "train")


def _quoted(names: Sequence[str]) -> str:
    return examples([f"'{name}'" for name in names], most=_MOST_CLASSES)
