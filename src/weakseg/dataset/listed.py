"""Makes the records of an index from the entries of a source: what all sources have in common."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from weakseg.dataset import masking
from weakseg.dataset.check import check_ids
from weakseg.dataset.dividing import SplitConfig, divided, division_line, groups_of
from weakseg.dataset.entries import TEST, TRAIN, VAL, Entry, Found
from weakseg.dataset.faults import BadImage, Faults, bad_image
from weakseg.dataset.folders import Names, file_of, left_out, need_folder, none_found, stem_length
from weakseg.dataset.image_names import check_id, file_names
from weakseg.dataset.index import Index, Listing
from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked
from weakseg.dataset.masks import found_line
from weakseg.dataset.negatives import without_negatives
from weakseg.dataset.records import Record
from weakseg.dataset.unlisted import Unlisted
from weakseg.dataset.wording import counted, examples, shown
from weakseg.errors import InputError
from weakseg.settings.section import ClassName

if TYPE_CHECKING:
    from weakseg.dataset.settings import DatasetConfig

MOST_CLASSES = 254
_NAME: TypeAdapter[str] = TypeAdapter(ClassName)


@dataclass(frozen=True, slots=True)
class _Placed:
    """An entry whose file exists: its id, its file, and the chosen ones of its classes."""

    entry: Entry
    id: str
    file: Path
    labels: tuple[str, ...]


def listed(found: Found, settings: "DatasetConfig", folder: Path) -> Listing:
    """List a source's images without opening them.

    Args:
        found: what the source says.
        settings: of the data set.
        folder: of the index.

    Raises:
        InputError: labels, names, files or the split are wrong.
    """
    for key, root in found.folders.items():
        need_folder(root, found.key, "images", [item.image for item in found.entries if item.folder == key])
    entries = [entry for entry in found.entries if entry.split != TEST]
    classes, known = _classes(found, entries, settings.classes)
    chosen: MaskFormat = settings.masks.own
    values = chosen.classes(known)
    _check_values(chosen, classes, values)
    names = {key: found.files(key) for key in found.folders}
    cells = Unlisted(
        classes, [*dict.fromkeys((*known, *values))], ignore=settings.unlisted == "ignore", noun="image"
    )
    placed, bad = _placed(found, entries, names, cells)
    check_ids(item.id for item in placed)
    splits, about = _splits(found, placed, settings.split)
    images = [Unmasked(item.id, item.file, item.entry, item.labels) for item in placed]
    masks, drawing = masking.find(chosen, images, found, known, folder)
    records = [
        Record(item.id, item.file, split, item.labels, mask)
        for item, split, mask in zip(placed, splits, masks, strict=True)
    ]
    notes = [*cells.notes(), *found.notes, *_tests(found, entries), *about]
    if settings.unlabelled == "leave_out":
        records, about = without_negatives(records)
        notes += about
    notes.append("no masks: nothing is scored" if chosen.name == "none" else found_line(records))
    index = Index(
        records=tuple(records),
        classes=tuple(classes),
        mask_values=(0, *(values.index(name) + 1 for name in classes)),
        bad=bad,
        notes=[*notes, *(_unnamed(found, names, records) if found.whole else [])],
    )
    return Listing(index, len(values), "" if chosen.draws else chosen.key(), drawing=drawing)


def _check_values(chosen: MaskFormat, classes: Sequence[str], values: Sequence[str]) -> None:
    lacking = [name for name in classes if name not in values]
    if lacking:
        raise InputError(
            f"the chosen class '{lacking[0]}' is not in {chosen.key()}.all_classes, {examples(values, most=20)}: "
            "correct one of the two."
        )


def _classes(
    found: Found, entries: Sequence[Entry], chosen: Sequence[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """The classes of the run, and all that labels may name, in the order of the source.

    Raises:
        InputError: one of them cannot be a class, or a chosen one is not among the source's.
    """
    if found.classes:
        unknown = [name for name in chosen if name not in found.classes]
        if unknown:
            near = difflib.get_close_matches(unknown[0], found.classes, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {examples(found.classes, most=20)}."
            raise InputError(
                f"dataset.classes has '{unknown[0]}', which is not a class of {found.where}; {hint}"
            )
        known = found.classes if chosen else check_classes(found, found.classes)
        return chosen or known, known
    if chosen:
        return chosen, chosen
    shows = {unicodedata.normalize("NFC", name) for entry in entries for name in entry.labels}
    names = check_classes(found, sorted(shows))
    if not names:
        raise InputError(
            f"{found.where} names no class; what each of its {counted(len(entries), 'image')} shows was expected: add "
            "labels."
        )
    return names, names


def check_classes(found: Found, names: Sequence[str]) -> Sequence[str]:
    """The names of a source as classes of a run.

    Raises:
        InputError: one cannot be a class's name, two differ in capitals alone, or there are too many.
    """
    spelled: dict[str, str] = {}
    for name in names:
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(
                f"{found.where} has the class {shown(name)!r}: {reason}; rename it there, or leave it out of "
                "dataset.classes."
            ) from None
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{found.where} has the classes '{other}' and '{name}'; one spelling was expected: rename one of them."
            )
    if "background" in spelled:
        raise InputError(
            f"{found.where} has the class '{spelled['background']}'; background is class 0 of every image: list the "
            "other classes in dataset.classes."
        )
    if len(names) > MOST_CLASSES:
        raise InputError(
            f"{found.where} has {len(names):,} classes; at most {MOST_CLASSES} were expected: list those of interest "
            "in dataset.classes."
        )
    return names


def _placed(
    found: Found, entries: Sequence[Entry], names: dict[str, Names], cells: Unlisted
) -> tuple[list[_Placed], list[BadImage]]:
    """The entries whose file exists; the others with the reason.

    Raises:
        InputError: labels or names are wrong, or no file exists.
    """
    placed: list[_Placed] = []
    bad: list[BadImage] = []
    faults = Faults("image")
    for entry in entries:
        labels: tuple[str, ...] = ()
        try:
            labels = cells.of(entry.labels, entry.image)
            check_id(entry.image)
        except InputError as error:
            faults.add(entry.image, error)
            continue
        try:
            path = _file(names[entry.folder], entry.image)
        except InputError as error:
            bad.append(bad_image(entry.image, error))
            continue
        below = f"{entry.folder}/{path}" if entry.folder else path
        file = names[entry.folder].root / path
        placed.append(_Placed(entry, below[: stem_length(below)], file, labels))
    try:
        cells.refuse(found.where)
    except InputError as error:
        faults.add(cells.first, error)
    faults.refuse(found.where)
    if bad and not placed:
        first = next(iter(names.values()))
        raise none_found(first, found.where, [item.id for item in bad], found.key)
    return placed, bad


def _file(names: Names, image: str) -> str:
    """The path of an entry's file below its folder; one of its first folders may be missing there.

    Raises:
        InputError: there is none.
    """
    there = names.first((image,))
    if there is not None:
        return there
    for tail in _tails(image):
        there = names.first(file_names(tail))
        if there is not None:
            return there
    return file_of(names, image)


def _tails(path: str) -> Iterator[str]:
    """`a/b/c`, `b/c`, `c`."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _splits(found: Found, placed: Sequence[_Placed], config: SplitConfig) -> tuple[list[str], list[str]]:
    """The split of each image, and a line about it.

    Raises:
        InputError: some images have no split, or they cannot be divided.
    """
    given = Counter(item.entry.split for item in placed)
    if given[None] and len(given) > 1:
        ids = [item.id for item in placed if item.entry.split is None]
        raise InputError(
            f"{found.where} gives {counted(len(ids), 'image')} no split ({examples(ids)}), and the other "
            f"{len(placed) - len(ids):,} one; a split for all or for none was expected: correct it."
        )
    if given[VAL]:
        if config != SplitConfig():
            raise InputError(
                f"dataset.split has other values than its defaults, but {found.where} itself gives {given[TRAIN]:,} "
                f"images for training and {given[VAL]:,} for validation; leave dataset.split out."
            )
        return [item.entry.split or "" for item in placed], []
    return _divided(found, placed, config)


def _divided(found: Found, placed: Sequence[_Placed], config: SplitConfig) -> tuple[list[str], list[str]]:
    """The same where the source gives no validation images."""
    groups: list[str] | None = None
    if config.group is not None:
        groups = groups_of([item.entry.image for item in placed], config.group)
    elif any(item.entry.group for item in placed):
        groups = [item.entry.group or item.id for item in placed]
    if groups is not None and len(set(groups)) == 1:
        raise InputError(
            f"all {counted(len(placed), 'image')} of {found.where} are of one group, '{shown(groups[0])}', and no "
            "group is divided; two or more were expected: add images of another, or correct dataset.split.group."
        )
    ids = [item.id for item in placed]
    split_of = divided(
        {item.id: item.labels for item in placed},
        config.val,
        config.seed,
        None if groups is None else dict(zip(ids, groups, strict=True)),
    )
    splits = [split_of[name] for name in ids]
    if placed and VAL not in splits:
        raise InputError(
            f"dataset.split keeps none of the {counted(len(placed), 'image')} of {found.where} for validation; four or "
            "more of a class, in two or more groups, were expected: add images."
        )
    return splits, [division_line(splits, groups, config)]


def _tests(found: Found, entries: Sequence[Entry]) -> list[str]:
    """One line about the images for tests, if there are any."""
    count = len(found.entries) - len(entries)
    return [f"{counted(count, 'image')} of {found.where} in the split test, left out"] if count else []


def _unnamed(found: Found, names: dict[str, Names], records: Sequence[Record]) -> list[str]:
    """Lines about images of the folders that the source does not name, masks apart."""
    lines = []
    first = next((record.mask for record in records if record.mask is not None), None)
    for key, files in names.items():
        below = first is not None and first.is_relative_to(files.root)
        masks = files.root / first.relative_to(files.root).parts[0] if first is not None and below else None
        tails = (tail for entry in found.entries if entry.folder == key for tail in _tails(entry.image))
        lines += left_out(files, masks, tails, found.where)
    return lines
