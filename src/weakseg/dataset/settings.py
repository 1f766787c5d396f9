"""Where images and image-level labels come from."""

from pathlib import PurePath
from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.settings.section import ClassName, FilePath, Section, Seed


class DemoDataset(Section):
    """A generated data set: textured objects on clutter, no download."""

    seed: Seed = 0
    """Seed of the generator; the same seed and package versions make the same images."""
    train: int = Field(500, ge=1, le=100_000)
    """Training images (image-level labels; their masks are used for scoring only)."""
    val: int = Field(100, ge=1, le=100_000)
    """Validation images."""
    saliency: int = Field(200, ge=1, le=100_000)
    """Images of the separate class-agnostic split on which the demo's saliency network is trained."""
    size: int = Field(128, ge=64, le=512)
    """Side of the square images in pixels."""


class VocDataset(Section):
    """PASCAL VOC layout: `JPEGImages/`, `Annotations/`, `ImageSets/Segmentation/`, `SegmentationClass/`."""

    root: FilePath = "data/VOCdevkit/VOC2012"
    """Folder that holds `JPEGImages/`."""
    train_split: Literal["train", "trainval", "train_aug"] = "train"
    """List under `ImageSets/Segmentation`; `train_aug` also needs `SegmentationClassAug/`."""
    val_split: str = Field("val", pattern=r"^[A-Za-z0-9_-]+$")
    """List of the validation images under `ImageSets/Segmentation`."""
    download: bool = False
    """Download VOC 2012 (2 GB) with torchvision if `root` does not exist."""
    skip_difficult: bool = True
    """Leave objects marked `difficult` out of the image-level labels, as the field does."""


class TableDataset(Section):
    """Your own images: a folder and a table."""

    images: FilePath = "images"
    """Folder of the images."""
    labels: FilePath = "labels.csv"
    """CSV with the columns `image`, `labels` (names joined by `|`) and `split` (`train` or `val`)."""
    masks: FilePath | None = None
    """Folder of label PNGs named like the images; used for scoring only. Images without one are not
    scored."""
    all_classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in the order of the masks' indices 1, 2, …; empty means the order of `dataset.classes`.
    Names here that are not in `dataset.classes` are known but left out: neither trained nor scored."""
    lists: dict[Literal["train", "val"], FilePath] = Field(default_factory=dict)
    """Optional text files of ids per split; they replace the table's `split` column. Both, or none."""

    @model_validator(mode="after")
    def _both_lists(self) -> Self:
        if len(self.lists) == 1:
            given, lacking = ("train", "val") if "train" in self.lists else ("val", "train")
            raise ValueError(
                f"lists has '{given}' alone, and with lists the table's column split is not read; both were expected: "
                f"add '{lacking}'"
            )
        return self


class DatasetConfig(Section):
    """Where images and image-level labels come from."""

    source: Literal["demo", "voc", "table"] = "demo"
    """Which of the three sections below is used."""
    classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in order, without background; empty means all classes of the source."""
    bad_images: Literal["stop", "skip"] = "stop"
    """Images that cannot be used, or whose masks cannot (docs/images.md): `stop` lists them and ends, `skip` leaves
    them out. Both write `dataset/bad_images.csv`, each with its reason."""
    unlisted: Literal["refuse", "ignore"] = "refuse"
    """Labels of a table that neither `classes` nor `table.all_classes` lists: `refuse` names them and ends; `ignore`:
    they do not count."""
    unlabelled: Literal["negative", "leave_out"] = "negative"
    """Training images that show none of the classes: `negative`, which the classifier and the segmenter learn as
    background, or `leave_out`. Validation images always stay."""
    same_labels: Literal["refuse", "allow"] = "refuse"
    """Training images that all have the same labels, so that the classifier has nothing to tell apart: `refuse`, or
    `allow`: it is trained all the same. Not read where no classifier is trained."""
    demo: DemoDataset = DemoDataset()
    voc: VocDataset = VocDataset()
    table: TableDataset = TableDataset()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for names in (self.classes, self.table.all_classes):
            if len(set(names)) != len(names):
                raise ValueError(f"class names must differ, found {names}")
            if {".", ".."} & set(names):
                raise ValueError("'.' and '..' are folders to every file system; give the class another name")
            if "background" in names:
                raise ValueError(
                    "'background' is class 0 of every data set; leave it out of the list of classes"
                )
        root = self.voc.root
        if self.source == "voc" and self.voc.download and not PurePath(root).match("VOCdevkit/VOC2012"):
            raise ValueError(
                f"voc.root is {root}; with voc.download a path that ends in VOCdevkit/VOC2012 was expected: change one "
                "of the two"
            )
        if self.source == "table" and not self.classes:
            raise ValueError("dataset.source 'table' needs dataset.classes, the ordered list of class names")
        return self

    def idle(self) -> set[str]:
        """The sections of the sources that were not chosen."""
        return {"demo", "voc", "table"} - {self.source}
