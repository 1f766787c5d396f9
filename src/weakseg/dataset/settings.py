"""Where images and image-level labels come from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.dataset.dividing import SplitConfig
from weakseg.dataset.mask_formats import MasksConfig
from weakseg.dataset.sources import SOURCES
from weakseg.settings.methods import Choice
from weakseg.settings.section import ClassName


class DatasetConfig(Choice, methods=SOURCES, key="source"):
    """Where images and image-level labels come from."""

    source: str = "demo"
    """Which of the sections below is used."""
    classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in order, without background; empty means all classes of the source."""
    split: SplitConfig = SplitConfig()
    masks: MasksConfig = MasksConfig()
    bad_images: Literal["stop", "skip"] = "stop"
    """Images that cannot be used, or whose masks cannot (docs/images.md): `stop` lists them and ends, `skip` leaves
    them out. Both write `dataset/bad_images.csv`, each with its reason."""
    unlisted: Literal["refuse", "ignore"] = "refuse"
    """Labels that are neither in `classes` nor, where the source or its masks have a list of all classes, in that:
    `refuse` names them and ends; `ignore`: they do not count."""
    unlabelled: Literal["negative", "leave_out"] = "negative"
    """Training images that show none of the classes: `negative`, which the classifier and the segmenter learn as
    background, or `leave_out`. Validation images always stay."""
    same_labels: Literal["refuse", "allow"] = "refuse"
    """Training images that all have the same labels, so that the classifier has nothing to tell apart: `refuse`, or
    `allow`: it is trained all the same. Not read where no classifier is trained."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        sections = (getattr(self, name, None) for name in SOURCES)
        for names in (self.classes, *(getattr(section, "all_classes", []) for section in sections)):
            check_names(names)
        return self


def check_names(names: list[str]) -> None:
    """Refuse class names that no run can have.

    Raises:
        ValueError: two are equal, or one is a folder to every file system, or class 0.
    """
    if len(set(names)) != len(names):
        raise ValueError(f"class names must differ, found {names}")
    if {".", ".."} & set(names):
        raise ValueError("'.' and '..' are folders to every file system; give the class another name")
    if "background" in names:
        raise ValueError("'background' is class 0 of every data set; leave it out of the list of classes")
