"""COCO's format: one JSON file of images, categories and annotations; an image shows the categories of its objects."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from weakseg.dataset.documents import Key, read_json
from weakseg.dataset.entries import TRAIN, VAL, Entry, Found
from weakseg.dataset.sources.declaration import EntrySource
from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError
from weakseg.settings.section import FilePath

EXPECTED = "COCO's JSON of images, annotations and categories"


class CocoSource(EntrySource):
    """COCO's format (instances): `root` and `year` for COCO itself, or files and folders of your own."""

    name = "coco"
    title = "COCO's format"
    made_by = "read_coco"
    usual_classes = 80

    root: FilePath | None = None
    """Folder of COCO itself: `annotations/instances_train2017.json`, `train2017/` and the same of `val`."""
    year: Literal[2014, 2017] = 2017
    """Which year's files are in `root`."""
    train: FilePath | None = None
    """JSON of the training images, or of all images; not with `root`."""
    val: FilePath | None = None
    """JSON of the validation images; `null`: the images of `train` are divided by dataset.split."""
    train_images: FilePath = "images"
    """Folder of the images of `train`."""
    val_images: FilePath | None = None
    """Folder of the images of `val`; `null`: the same folder."""
    crowd: bool = True
    """Whether regions that hold many objects (`iscrowd`) count as labels."""

    def check(self, section: Any) -> None:
        """One way to name the files."""
        super().check(section)
        if (self.root is None) == (self.train is None):
            raise ValueError(
                "dataset.source 'coco' needs coco.root, the folder of COCO itself, or coco.train: one of them"
            )
        if self.root is not None and (self.val, self.val_images, self.train_images) != (None, None, "images"):
            raise ValueError(
                "coco.root has its own files; leave out coco.val, coco.train_images and coco.val_images"
            )

    def files(self) -> dict[str, tuple[Path, Path]]:
        """Split → JSON and folder of images."""
        if self.root is not None:
            root = Path(self.root)
            return {
                split: (root / f"annotations/instances_{split}{self.year}.json", root / f"{split}{self.year}")
                for split in (TRAIN, VAL)
            }
        files = {TRAIN: (Path(self.train or ""), Path(self.train_images))}
        if self.val is not None:
            files[VAL] = (Path(self.val), Path(self.val_images or self.train_images))
        return files

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """COCO's own folder, or JSON of its format with the images near it."""
        for year in (2017, 2014):
            if (folder / f"annotations/instances_train{year}.json").is_file():
                return {"root": folder.as_posix(), "year": year}
        return _seen_elsewhere(folder)

    @classmethod
    def seen_labels(cls, labels: Path, images: Path) -> dict[str, Any] | None:
        """JSON of its format."""
        is_coco = labels.suffix == ".json" and _is_coco(labels)
        return {"train": labels.as_posix(), "train_images": images.as_posix()} if is_coco else None


class Image(msgspec.Struct, gc=False):
    """An image of the JSON."""

    id: Key
    file_name: str


class Category(msgspec.Struct, gc=False):
    """A category of the JSON."""

    id: Key
    name: str


class Annotation(msgspec.Struct, gc=False):
    """An object of the JSON, without its polygon."""

    image_id: Key
    category_id: Key
    iscrowd: int | bool | None = 0


class Coco(msgspec.Struct):
    """What is read of the JSON."""

    images: list[Image]
    categories: list[Category]
    annotations: list[Annotation] = []


def read_coco(source: CocoSource) -> Found:
    """An entry for each image of the JSON files.

    Raises:
        InputError: a file is missing or wrong, or holds no image.
    """
    files = source.files()
    roots = {split: images for split, (_, images) in files.items()}
    keys = _keys(roots)
    entries: list[Entry] = []
    classes: dict[str, None] = {}
    notes: list[str] = []
    for split, (path, _) in files.items():
        held = read_json(path, Coco, EXPECTED)
        if not held.images:
            raise InputError(f"{path} lists no image; {EXPECTED} was expected: export it again.")
        classes |= dict.fromkeys(category.name for category in held.categories)
        entries += _entries(path, held, split, keys[split], source.crowd)
        notes += _crowd_line(path, held) if not source.crowd else []
    key = "dataset.coco.root" if source.root else "dataset.coco.train_images"
    folders = {keys[split]: folder for split, folder in roots.items()}
    origins = {split: path for split, (path, _) in files.items()}
    return Found(entries, folders, files[TRAIN][0], key, [*classes], notes, origins=origins)


def _keys(roots: Mapping[str, Path]) -> dict[str, str]:
    """Split → start of its images' ids: the name of their folder, nothing where all are in one."""
    if len(set(roots.values())) == 1:
        return dict.fromkeys(roots, "")
    names = {split: folder.name for split, folder in roots.items()}
    return names if len(set(names.values())) == len(names) else {split: split for split in roots}


def _entries(path: Path, held: Coco, split: str, folder: str, crowd: bool) -> Iterator[Entry]:
    """The images with the names of their categories.

    Raises:
        InputError: ids occur twice, or annotations name ids that are not there.
    """
    names = _by_id(path, "category", [(category.id, category.name) for category in held.categories])
    _by_id(path, "image", [(image.id, image.file_name) for image in held.images])
    shown: dict[Key, dict[str, None]] = {image.id: {} for image in held.images}
    strange: Counter[str] = Counter()
    for item in held.annotations:
        if item.iscrowd and not crowd:
            continue
        try:
            shown[item.image_id][names[item.category_id]] = None
        except KeyError:
            strange[f"{'image' if item.image_id not in shown else 'category'} {_either(item, shown)}"] += 1
    if strange:
        raise InputError(
            f"{counted(sum(strange.values()), 'annotation')} of {path} name what it does not list "
            f"({examples([*strange])}); ids of its images and categories were expected: export it again."
        )
    for image in held.images:
        yield Entry(image.file_name, tuple(shown[image.id]), split, folder=folder)


def _either(item: Annotation, shown: Mapping[Key, Any]) -> Key:
    return item.image_id if item.image_id not in shown else item.category_id


def _by_id(path: Path, what: str, items: Sequence[tuple[Key, str]]) -> dict[Key, str]:
    """Id → name.

    Raises:
        InputError: an id occurs twice.
    """
    found = dict(items)
    if len(found) < len(items):
        twice = [str(key) for key, count in Counter(key for key, _ in items).items() if count > 1]
        raise InputError(
            f"{path} has several of the {what} ids {examples(twice)}; each once was expected: export it again."
        )
    return found


def _crowd_line(path: Path, held: Coco) -> list[str]:
    count = sum(bool(item.iscrowd) for item in held.annotations)
    return (
        [f"{counted(count, 'region')} of {path} hold many objects and do not count (dataset.coco.crowd)"]
        if count
        else []
    )


def _seen_elsewhere(folder: Path) -> dict[str, Any] | None:
    """One or two JSON files of COCO's format in a folder or its folder `annotations`."""
    for place in (folder / "annotations", folder):
        found = [path for path in sorted(place.glob("*.json")) if _is_coco(path)]
        named = {split: [path for path in found if split in path.stem.lower()] for split in (TRAIN, VAL)}
        train = named[TRAIN] if len(named[TRAIN]) == 1 else found
        if len(train) != 1:
            continue
        values: dict[str, Any] = {"train": train[0].as_posix(), "train_images": _images_of(train[0], folder)}
        if len(named[VAL]) == 1 and named[VAL] != train:
            values |= {"val": named[VAL][0].as_posix(), "val_images": _images_of(named[VAL][0], folder)}
        return values
    return None


def _is_coco(path: Path) -> bool:
    try:
        return bool(read_json(path, Coco, EXPECTED).images)
    except InputError:
        return False


def _images_of(path: Path, folder: Path) -> str:
    """The folder that holds the first image of a JSON: below the given one, or it itself."""
    first = read_json(path, Coco, EXPECTED).images[0].file_name
    places = [folder, *sorted(place for place in folder.rglob("*") if place.is_dir())]
    return next((place for place in places if (place / first).is_file()), folder).as_posix()
