"""Where images with masks of what stands out come from."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import model_validator

from weakseg.settings.section import ClassName, FilePath, Section


class SaliencyData(Section):
    """Images with masks of what stands out: pixel labels. Keys of other sources than the chosen one are refused."""

    beside = frozenset({"images", "masks", "davis", "videos"})  # their files count by a digest

    source: Literal["split", "folder", "davis", "videos"] = "split"
    """`split`: the images of the index in the split `saliency` (the demo has one); `folder`: `images` and `masks`;
    `davis`: a folder in DAVIS's layout; `videos`: a list of data sets in YAML, as RCRNet's authors keep it."""
    images: FilePath = "images"
    """`folder`: folder of the images, which may have folders in it."""
    masks: FilePath = "masks"
    """`folder`: folder of PNGs named like the images. Images without one are left out."""
    davis: FilePath = "davis"
    """`davis`: folder that holds `JPEGImages/480p`, `Annotations/480p` and `ImageSets/480p`."""
    videos: FilePath = "videos.yaml"
    """`videos`: the list; a data set lies in the folder of its name beside the list, if it names no other."""
    video_split: ClassName = "train"
    """`davis` and `videos`: which videos: `train`, `val`, `test` or whatever the list has."""
    foreground: Literal["bright", "nonzero"] = "bright"
    """What is the object in a mask: `bright`, 128 and more of 255, as salient-object data sets have it; `nonzero`,
    any value but 0 and 255 (255 is not scored), as in masks of class indices. A `split` is always `nonzero`."""

    def places(self) -> tuple[str, ...]:
        """The keys of the source that name files or folders outside of the run."""
        return tuple(key for key in _READ[self.source] if key in self.beside)

    @model_validator(mode="after")
    def _of_the_source(self) -> Self:
        read = {"source", *_READ[self.source]}
        refuse_unread(self, set(type(self).model_fields) - read, f"source '{self.source}'")
        return self


_READ = {
    "split": (),
    "folder": ("images", "masks", "foreground"),
    "davis": ("davis", "video_split", "foreground"),
    "videos": ("videos", "video_split", "foreground"),
}
"""Source → the keys that it reads."""


def refuse_unread(section: Section, unread: Iterable[str], reason: str) -> None:
    """Refuse a value that differs from its default and that nothing reads.

    Raises:
        ValueError: there is one; `reason` is why it is not read.
    """
    for key in sorted(unread):
        value, usual = getattr(section, key), type(section).model_fields[key].default
        if value != usual:
            shown = "other values" if isinstance(value, Section) else f"'{value}'"
            raise ValueError(f"{key} has {shown}, which nothing reads with {reason}; remove {key}")
