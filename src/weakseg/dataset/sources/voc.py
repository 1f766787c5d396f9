"""PASCAL VOC layout: labels from `Annotations`, splits from `ImageSets/Segmentation`, masks for scoring.

`train_aug`, the usual 10,582 training images, needs an id list and the masks of SBD (Hariharan et al., 2011). Neither
is in the VOC archive: both are added by hand.
"""

import difflib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from weakseg.dataset.sources.declaration import Ahead, MadeSource
from weakseg.settings.section import FilePath

if TYPE_CHECKING:
    from weakseg.dataset.settings import DatasetConfig


class VocSource(MadeSource):
    """PASCAL VOC layout: `JPEGImages/`, `Annotations/`, `ImageSets/Segmentation/`, `SegmentationClass/`."""

    name = "voc"
    title = "PASCAL VOC's layout"
    made_by = "list_configured"

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

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """Its folders are there."""
        there = all((folder / name).is_dir() for name in ("JPEGImages", "Annotations", "ImageSets"))
        return {"root": folder.as_posix()} if there else None

    def fetched_into(self) -> Path | None:
        """Where VOCdevkit is put, if it is to be downloaded."""
        return Path(self.root).parent.parent if self.download else None

    def ahead(self) -> Ahead:
        """PASCAL VOC 2012, segmentation."""
        text = f"PASCAL VOC (2 GB), fetched by the run into {self.root}"
        return Ahead(text, {"train": 1464, "val": 1449}, (500, 500), (375, 500))

    def check(self, section: Any) -> None:
        """A folder that is downloaded has the archive's name."""
        super().check(section)
        if self.download and not PurePath(self.root).match("VOCdevkit/VOC2012"):
            raise ValueError(
                f"voc.root is {self.root}; with voc.download a path that ends in VOCdevkit/VOC2012 was expected: "
                "change one of the two"
            )


from weakseg.dataset.check import check_records
from weakseg.dataset.faults import BadImage
from weakseg.dataset.folders import Names
from weakseg.dataset.index import Index, Listing
from weakseg.dataset.masks import found_line
from weakseg.dataset.negatives import without_negatives
from weakseg.dataset.records import Record
from weakseg.dataset.spreadsheet import read_list
from weakseg.dataset.wording import examples
from weakseg.errors import InputError

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)
"""The 20 classes in the order of the masks' indices 1…20."""

FOLDERS = ("JPEGImages", "Annotations", "ImageSets", "SegmentationClass")
"""Required folders of VOC 2012."""

AUGMENTED = "train_aug"
_AUGMENTED_LISTS = (AUGMENTED, "trainaug")  # both spellings are in circulation
_AUGMENTED_MASKS = "SegmentationClassAug"


def list_configured(source: VocSource, settings: "DatasetConfig", folder: Path) -> Listing | None:
    """The images as configured; `None` before they are downloaded."""
    root = Path(source.root)
    if source.download and not root.exists():
        return None
    return list_voc(
        root,
        settings.classes or CLASSES,
        source.train_split,
        source.val_split,
        skip_difficult=source.skip_difficult,
        unlabelled=settings.unlabelled,
    )


def list_voc(
    root: Path,
    classes: Sequence[str],
    train_split: str,
    val_split: str,
    *,
    skip_difficult: bool,
    unlabelled: str = "negative",
) -> Listing:
    """List the images of a folder in VOC layout without opening them.

    Training images whose objects of the chosen classes are all difficult, and skipped, are left out: they are neither
    labelled nor negatives. All validation images stay, since false positives in them count. Validation images need a
    mask, training images do not.

    Args:
        root: the folder that holds `JPEGImages`.
        classes: the chosen ones of `CLASSES`, in order.
        train_split: list under `ImageSets/Segmentation`; `train_aug` takes its masks from
            `SegmentationClassAug`.
        val_split: list of the validation images.
        skip_difficult: leave objects marked `difficult` out of the image-level labels.
        unlabelled: as in `DatasetConfig`.

    Raises:
        InputError: a folder, list, annotation or mask is missing or wrong, a class is not a VOC class, or an image is
            in both splits.
    """
    _check_layout(root, train_split)
    for name in classes:
        if name not in CLASSES:
            raise InputError(f"dataset.classes has '{name}', which is not a VOC class; {_hint(name)}")
    lists = {"train": _list_path(root, train_split), "val": _list_path(root, val_split)}
    ids = {split: _read_ids(path) for split, path in lists.items()}
    _check_apart(ids, lists)
    masks = {
        "train": root / (_AUGMENTED_MASKS if train_split == AUGMENTED else "SegmentationClass"),
        "val": root / "SegmentationClass",
    }
    objects = {
        image_id: _objects(root / "Annotations" / f"{image_id}.xml")
        for split in ("train", "val")
        for image_id in ids[split]
    }
    records = [
        Record(
            id=image_id,
            image=root / "JPEGImages" / f"{image_id}.jpg",
            split=split,
            labels=_labels(objects[image_id], classes, skip_difficult),
            mask=path if (path := masks[split] / f"{image_id}.png").is_file() else None,
        )
        for split in ("train", "val")
        for image_id in ids[split]
    ]
    _check_masks(masks["val"], [record.id for record in records if record.split == "val" and not record.mask])
    kept, notes = _without_doubtful(records, objects, classes)
    if unlabelled == "leave_out":
        kept, about = without_negatives(kept)
        notes += about
    there = tuple(record for record in kept if record.image.is_file())
    index = Index(
        records=there,
        classes=tuple(classes),
        mask_values=(0, *(CLASSES.index(name) + 1 for name in classes)),
        bad=tuple(
            BadImage(record.id, f"image {record.image} is missing; add it or drop its id.")
            for record in (kept if len(there) < len(kept) else ())
            if not record.image.is_file()
        ),
        notes=[found_line(kept), *notes],
    )
    check_records(index)
    return Listing(index, len(CLASSES), tolerated=objects)


def _check_layout(root: Path, train_split: str) -> None:
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            raise InputError(
                f"VOC folder {root} has no {folder}/; {', '.join(FOLDERS)} of VOC 2012 were expected: put "
                "them there, set dataset.voc.root to where they are, or set dataset.voc.download to true."
            )
    if train_split == AUGMENTED and not (root / _AUGMENTED_MASKS).is_dir():
        raise InputError(
            f"the split {AUGMENTED} needs the SBD masks, but {root / _AUGMENTED_MASKS} does not exist: put "
            "SBD's masks there as palette or grey PNGs <id>.png, or set dataset.voc.train_split to train."
        )


def _list_path(root: Path, split: str) -> Path:
    folder = root / "ImageSets" / "Segmentation"
    names = _AUGMENTED_LISTS if split == AUGMENTED else (split,)
    for name in names:
        if (folder / f"{name}.txt").is_file():
            return folder / f"{name}.txt"
    spelled = " or ".join(f"{name}.txt" for name in names)
    raise InputError(
        f"the list of the split {split} is missing: put {spelled}, one image id a line, into {folder}, "
        "or choose another list in dataset.voc."
    )


def _read_ids(path: Path) -> list[str]:
    ids = read_list(path)
    for image_id in ids:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", image_id):
            raise InputError(
                f"id list {path} has the line {image_id!r}; one bare image id such as 2007_000032 was "
                "expected: reduce every line to its id."
            )
    return ids


def _check_apart(ids: dict[str, list[str]], lists: dict[str, Path]) -> None:
    validation = set(ids["val"])
    common = [image_id for image_id in ids["train"] if image_id in validation]
    if common:
        raise InputError(
            f"{len(common)} ids of {lists['train']}, '{common[0]}' first, are in {lists['val']} too; no "
            "image may be trained and scored on: remove them from one list or choose other splits."
        )


def _objects(path: Path) -> dict[str, bool]:
    """Class → whether at least one of its objects is not marked difficult."""
    objects = _parse(path).findall("object")
    if not objects:
        raise InputError(
            f"annotation {path} has no object; at least one was expected: complete it or drop its id."
        )
    present: dict[str, bool] = {}
    for item in objects:
        name = (item.findtext("name") or "").strip()
        if name not in CLASSES:
            raise InputError(f"annotation {path} has an object named '{name}'; {_hint(name)}")
        plain = (item.findtext("difficult") or "").strip() != "1"
        present[name] = present.get(name, False) or plain
    return present


def _without_doubtful(
    records: Sequence[Record], objects: Mapping[str, Mapping[str, bool]], classes: Sequence[str]
) -> tuple[list[Record], list[str]]:
    """The records without training images that show chosen classes though their labels name none; a line about them."""
    doubtful = {
        record.id
        for record in records
        if record.split == "train" and not record.labels and {*classes} & objects[record.id].keys()
    }
    lines = [
        f"training images whose objects of the classes are all marked difficult, left out: {len(doubtful):,}"
    ]
    return [record for record in records if record.id not in doubtful], lines if doubtful else []


def _labels(objects: Mapping[str, bool], classes: Sequence[str], skip_difficult: bool) -> tuple[str, ...]:
    """The chosen classes of an image, in order."""
    return tuple(name for name in classes if name in objects and (objects[name] or not skip_difficult))


def _parse(path: Path) -> ElementTree.Element:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "<!DOCTYPE" in text:  # entities defined in one can expand to gigabytes
            raise InputError(f"annotation {path} has a DOCTYPE, which VOC files never have; remove it.")
        return ElementTree.fromstring(text)
    except FileNotFoundError:
        raise InputError(
            f"annotation {path} is missing, though a list under ImageSets/Segmentation names its image: "
            "add it or drop the id."
        ) from None
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise InputError(
            f"annotation {path} cannot be read as XML ({error}); replace it with VOC's own file."
        ) from None


def _check_masks(folder: Path, missing: Sequence[str]) -> None:
    if missing:
        others = f", as are those of {examples(missing[1:])}" if missing[1:] else ""
        raise InputError(
            f"mask {folder / missing[0]}.png is missing{others}; every validation image needs one to be scored, and "
            f"{folder.name} {Names(folder).holds()}: add what is missing or drop the ids."
        )


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, CLASSES, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known classes: {', '.join(CLASSES)}."
