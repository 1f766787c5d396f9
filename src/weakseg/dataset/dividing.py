"""Divides images into training and validation where their source does not: a seeded share, and no group is torn.

Frames of one video, slices of one patient and shots of one burst are nearly the same image. If some are trained on and
others scored, the score says too much. So a group is in one split as a whole.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field, field_validator

from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError
from weakseg.settings.section import Section, Seed

DIVIDED = "divided by dataset.split"
"""Start of the line that says how images were divided."""
FEWEST = 4
"""Images of a class from which one is kept for validation."""


class SplitConfig(Section):
    """How images are divided where their source does not say so."""

    val: float = Field(0.1, gt=0.0, lt=1.0)
    """Share of each class that is for validation, from which no network learns."""
    seed: Seed = 0
    """Another seed chooses other images."""
    group: str | None = Field(None, max_length=1000)
    """Regular expression over an image's path below its folder, whose first group names what belongs together: a burst,
    patient, slide or video, such as `^(patient_[0-9]+)/`. A group is in one split as a whole. `null`: the source's own
    groups, else each image alone."""

    @field_validator("group")
    @classmethod
    def _has_a_group(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            groups = re.compile(text).groups
        except re.error as error:
            raise ValueError(f"it is no regular expression ({error})") from None
        if not groups:
            raise ValueError(
                "it has no group; write parentheses around the part that names the patient or video"
            )
        return text


def groups_of(paths: Sequence[str], expression: str) -> list[str]:
    """The group of each image by a regular expression over its path.

    Raises:
        InputError: it does not fit some of them.
    """
    pattern = re.compile(expression)
    found = [pattern.search(path) for path in paths]
    groups = [(match[1] or "") if match else "" for match in found]
    lacking = [path for path, group in zip(paths, groups, strict=True) if not group]
    if lacking:
        raise InputError(
            f"dataset.split.group {expression!r} finds no group in {len(lacking):,} of {len(paths):,} images "
            f"({examples(lacking)}); one in each was expected: correct the expression."
        )
    return groups


def divided(
    labels: Mapping[str, Sequence[str]],
    share: float = 0.1,
    seed: int = 0,
    groups: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Image → `train` or `val`: a share of each class, at least one image of each class with four or more.

    The same names, labels, groups and seed give the same split, in any order and on any machine. The classes are served
    from the rarest on. Of groups of several images, those that fit best into what a class lacks are taken first, and
    one that holds all images of a class is never taken.

    Args:
        labels: image → its classes; images without one are treated as a class.
        share: part of each class that is for validation.
        seed: another seed chooses other images.
        groups: image → its group; `None`: each image is one.
    """
    shows = _content(labels, groups)
    order = sorted(shows, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    holding: dict[str, list[str]] = {}
    for name in order:
        for each in shows[name]:
            holding.setdefault(each, []).append(name)
    count = {each: sum(shows[name][each] for name in names) for each, names in holding.items()}
    chosen: set[str] = set()
    held: Counter[str] = Counter()
    for each in sorted(count, key=lambda each: (count[each], each)):
        wanted = max(round(count[each] * share), int(count[each] >= FEWEST)) - held[each]
        # Groups that fit first, in the seed's order; a larger one only where no other can be taken.
        free = sorted(holding[each], key=lambda name: max(0, shows[name][each] - max(0, wanted)))
        for name in free:
            size = shows[name][each]
            if wanted <= 0:
                break
            if name in chosen or (size > wanted and held[each]):
                continue
            if all(held[other] + shows[name][other] < count[other] for other in shows[name]):
                chosen.add(name)
                held.update(shows[name])
                wanted -= size
    belongs = groups or {}
    return {image: "val" if belongs.get(image, image) in chosen else "train" for image in labels}


def _content(
    labels: Mapping[str, Sequence[str]], groups: Mapping[str, str] | None
) -> dict[str, Counter[str]]:
    """Group → how many of its images show each class."""
    shows: dict[str, Counter[str]] = {}
    for image, names in labels.items():
        group = image if groups is None else groups[image]
        shows.setdefault(group, Counter()).update(names or [""])
    return shows


def division_line(splits: Sequence[str], groups: Sequence[str] | None, config: SplitConfig) -> str:
    """`divided by dataset.split: 81 images of 27 groups train, 9 of 3 groups val`."""
    parts = []
    for split in ("train", "val"):
        places = [number for number, name in enumerate(splits) if name == split]
        held = "" if groups is None else f" of {counted(len({groups[place] for place in places}), 'group')}"
        parts.append(f"{counted(len(places), 'image')}{held} {split}")
    return f"{DIVIDED} (seed {config.seed}): {', '.join(parts)}"
