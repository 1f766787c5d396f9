"""Labels in the names of the files, as in histopathology (WSSS4LUAD `a-[1 0 1].png`, BCSS `b[0110].png`)."""

import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from weakseg.dataset.entries import Entry, Found, images_below, no_entries, split_named
from weakseg.dataset.folders import Names, need_folder, stem_length
from weakseg.dataset.sources.declaration import EntrySource, no_class
from weakseg.dataset.wording import examples
from weakseg.errors import InputError
from weakseg.settings.section import ClassName, FilePath

_PARTS = {"labels", "flags", "split", "group"}


class NamesSource(EntrySource):
    """Labels in the names of the files, found by a regular expression."""

    name = "names"
    title = "labels in the names of the files"
    made_by = "read_names"

    images: FilePath = "images"
    """Folder of the images."""
    pattern: str = Field(r"^(?P<labels>[^/]+?)[-_ ]*[0-9]*$", max_length=1000)
    """Regular expression over an image's path below the folder, without extension. Its named groups: `labels` (names,
    between `separator`s) or `flags` (a 0 or 1 for each of `flags`), and also `split` (`train` or `val`) and `group` (of
    patient or video; see dataset.split)."""
    separator: str = Field("+", min_length=1, max_length=20)
    """Between the names in the group `labels`."""
    flags: list[ClassName] = Field(default_factory=list, max_length=254)
    """Classes in the order of the digits in the group `flags`."""
    negatives: list[str] = no_class()
    """Names in the group `labels` that stand for none of the classes, in any capitals."""

    @model_validator(mode="after")
    def _names_its_parts(self) -> Self:
        try:
            parts = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression ({error})") from None
        if len(parts & {"labels", "flags"}) != 1 or parts - _PARTS:
            raise ValueError(
                f"pattern has the named groups {sorted(parts)}; (?P<labels>…) or (?P<flags>…) was expected, and "
                "besides only split and group"
            )
        if ("flags" in parts) != bool(self.flags):
            raise ValueError(
                "the group flags of pattern and the list flags belong together; give both or none"
            )
        return self


def read_names(source: NamesSource) -> Found:
    """An entry for each image of the folder.

    Raises:
        InputError: the folder is missing or holds no image, or the pattern does not fit a name.
    """
    root, key = Path(source.images), "dataset.names.images"
    need_folder(root, key, "images")
    names = Names(root)
    paths = images_below(names)
    if not paths:
        raise no_entries(root, key, "a folder of images")
    pattern = re.compile(source.pattern)
    found = {path: pattern.search(path[: stem_length(path)]) for path in paths}
    lacking = [path for path, match in found.items() if match is None]
    if lacking:
        raise InputError(
            f"dataset.names.pattern {source.pattern!r} does not fit {len(lacking):,} of {len(paths):,} images "
            f"of {root} ({examples(lacking)}); labels in each name were expected: correct the pattern or move these."
        )
    entries = [_entry(source, path, match) for path, match in found.items() if match is not None]
    return Found(entries, {"": root}, root, key, source.flags, names={"": names})


def _entry(source: NamesSource, path: str, match: re.Match[str]) -> Entry:
    parts: dict[str, Any] = match.groupdict()
    given = parts.get("split")
    split = split_named(given) if given else None
    if given and split is None:
        raise InputError(
            f"image '{path}' has the split {given!r} in its name; train or val was expected: rename it."
        )
    return Entry(path, _labels(source, path, parts), split, parts.get("group") or None)


def _labels(source: NamesSource, path: str, parts: dict[str, Any]) -> tuple[str, ...]:
    if "flags" not in parts:
        empty = {name.casefold() for name in source.negatives}
        names = [name.strip() for name in (parts["labels"] or "").split(source.separator)]
        return tuple(name for name in names if name and name.casefold() not in empty)
    digits = re.findall(r"[0-9]", parts["flags"] or "")
    if len(digits) != len(source.flags) or set(digits) - {"0", "1"}:
        raise InputError(
            f"image '{path}' has the flags {parts['flags']!r} in its name; a 0 or 1 for each of the "
            f"{len(source.flags)} names in dataset.names.flags was expected: rename it or correct the list."
        )
    return tuple(name for name, digit in zip(source.flags, digits, strict=True) if digit == "1")
