"""A folder for each class, as torchvision's ImageFolder, Keras and CVAT's export for ImageNet have it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weakseg.dataset.entries import Entry, Found, images_below, no_entries, split_named
from weakseg.dataset.folders import Names, need_folder
from weakseg.dataset.sources.declaration import EntrySource, no_class
from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError
from weakseg.settings.section import FilePath


class FoldersSource(EntrySource):
    """A folder for each class: `cat/1.jpg`, or `train/cat/1.jpg` where folders also divide the images."""

    name = "folders"
    title = "a folder for each class"
    made_by = "read_folders"
    doubt = "Each folder was taken for a class; if they are none, give a table of labels by --labels."

    images: FilePath = "images"
    """Folder that holds the classes' folders, or the folders of the splits (`train`, `val`, `test`) with these."""
    negatives: list[str] = no_class()
    """Folders whose images show none of the classes, in any capitals; they are no classes."""

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """Two or more folders hold images, and none lies beside them."""
        parts = [path.split("/") for path in images_below(Names(folder))]
        classes = {names[-2] for names in parts if len(names) > 1}
        deep = bool(parts) and min(map(len, parts)) > 1
        return {"images": folder.as_posix()} if deep and len(classes) > 1 else None


def read_folders(source: FoldersSource) -> Found:
    """An entry for each image below the classes' folders.

    Raises:
        InputError: the folder is missing, holds no image, or images lie beside the classes' folders.
    """
    root = Path(source.images)
    key = "dataset.folders.images"
    need_folder(root, key, "a folder for each class")
    names = Names(root)
    entries = [*by_folders(root, images_below(names), {name.casefold() for name in source.negatives})]
    if not entries:
        raise no_entries(root, key, "a folder of images for each class")
    empty = sorted({_class_of(entry) for entry in entries if not entry.labels})
    notes = (
        [f"images in the folders {examples(empty)} show no class (dataset.folders.negatives)"]
        if empty
        else []
    )
    return Found(entries, {"": root}, root, key, notes=notes, names={"": names})


def by_folders(root: Path, paths: list[str], negatives: Iterable[str] = ()) -> Iterable[Entry]:
    """The entry of each path `class/…` or `split/class/…`.

    Raises:
        InputError: an image lies in no class's folder, or folders of splits lie beside others.
    """
    first = {path.partition("/")[0] for path in paths if "/" in path}
    divided = {name for name in first if split_named(name)}
    if len(divided) > 1 and divided != first:
        raise InputError(
            f"{root} has folders of splits ({examples(sorted(divided))}) beside others "
            f"({examples(sorted(first - divided))}); folders of classes alone, or of splits with these in each, were "
            "expected: move them."
        )
    is_divided = bool(first) and divided == first
    depth = 2 if is_divided else 1
    shallow = [path for path in paths if path.count("/") < depth]
    if shallow:
        where = "split/class/image.jpg" if is_divided else "class/image.jpg"
        raise InputError(
            f"{counted(len(shallow), 'image')} of {root} in no class's folder ({examples(shallow)}); {where} was "
            "expected: move them into the folder of what they show, or into one named none."
        )
    for path in paths:
        parts = path.split("/")
        label = parts[depth - 1]
        labels = () if label.casefold() in negatives else (label,)
        yield Entry(path, labels, split_named(parts[0]) if is_divided else None)


def _class_of(entry: Entry) -> str:
    parts = entry.image.split("/")
    return parts[0] if entry.split is None else parts[1]
