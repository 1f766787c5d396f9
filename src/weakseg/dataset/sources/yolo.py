"""YOLO's layout: `data.yaml`, images, and for each a text file with a line for each object, the class number first.

Ultralytics' rules: the text file of `…/images/…/a.jpg` is `…/labels/…/a.txt`; an image without one, or with an empty
one, shows nothing. `path` in `data.yaml` is the folder of the data set; `train`, `val` and `test` are folders, lists of
folders, or text files that list images.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weakseg.dataset.documents import read_yaml
from weakseg.dataset.entries import TEST, TRAIN, VAL, Entry, Found, images_below, no_entries
from weakseg.dataset.faults import Fault, Faults
from weakseg.dataset.folders import Names, stem_length
from weakseg.dataset.image_names import EXTENSIONS
from weakseg.dataset.sources.declaration import EntrySource
from weakseg.dataset.spreadsheet import read_list
from weakseg.dataset.wording import counted, shown
from weakseg.errors import InputError
from weakseg.settings.section import FilePath

EXPECTED = "YOLO's data.yaml with names, train and val"
LARGEST = 1 << 24
"""Bytes of one image's text file; thousands of long polygons."""
_LEAST = 5  # numbers of a line: class, and a box


class YoloSource(EntrySource):
    """YOLO's layout for detection or segmentation: data.yaml, and a text file for each image."""

    name = "yolo"
    title = "YOLO's layout"
    made_by = "read_yolo"

    data: FilePath = "data.yaml"
    """The file with `names`, `train` and `val`."""
    root: FilePath | None = None
    """Folder of the data set, in place of `path` in data.yaml; `null`: as there, else the folder of data.yaml."""

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """A YAML file with names and train."""
        for path in [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml"))]:
            try:
                values = cls.seen_labels(path, folder)
            except InputError:
                continue
            if values is not None:
                return values
        return None

    @classmethod
    def seen_labels(cls, labels: Path, images: Path) -> dict[str, Any] | None:
        """A YAML file with names and train; the images are where it says."""
        if labels.suffix not in (".yaml", ".yml"):
            return None
        return (
            {"data": labels.as_posix()} if {"names", "train"} <= read_yaml(labels, EXPECTED).keys() else None
        )


def read_yolo(source: YoloSource) -> Found:
    """An entry for each image of the splits.

    Raises:
        InputError: data.yaml, a folder, a list or a line of a text file is wrong.
    """
    path = Path(source.data)
    held = read_yaml(path, EXPECTED)
    classes = _names(path, held)
    root = _root(source, path, held)
    folders: dict[str, Names] = {}
    entries: list[Entry] = []
    labels = _Labels(path, classes)
    for split in (TRAIN, VAL, TEST):
        for place in _places(path, held, split):
            key, images = _images(root, place, path, split, folders)
            for image in images:
                shows = () if split == TEST else labels.of(folders[key].root, image)
                entries.append(Entry(image, shows, split, folder=key))
    if not entries:
        raise no_entries(path, "dataset.yolo.data", EXPECTED)
    notes = labels.notes(sum(entry.split != TEST for entry in entries))
    roots = {key: names.root for key, names in folders.items()}
    return Found(entries, roots, path, "dataset.yolo.root", classes, notes, names=folders)


def _names(path: Path, held: dict[str, Any]) -> list[str]:
    """The classes in the order of their numbers.

    Raises:
        InputError: they are not a list or a mapping of the numbers 0, 1, ….
    """
    names = held.get("names")
    if isinstance(names, dict):
        try:
            numbered = {int(number): name for number, name in names.items()}
        except (TypeError, ValueError):
            numbered = {}
        names = [numbered[number] for number in sorted(numbered)]
        if sorted(numbered) != [*range(len(numbered))]:
            names = None
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(name, str | int) and not isinstance(name, bool) for name in names)
    ):
        raise InputError(
            f"{path} has no list of names, or numbers other than 0, 1, 2, … for them; the classes in their order were "
            "expected under 'names', yes and no in quotes: correct it."
        )
    return [str(name).strip() for name in names]


def _root(source: YoloSource, path: Path, held: dict[str, Any]) -> Path:
    """The folder of the data set."""
    if source.root is not None:
        return Path(source.root)
    given = held.get("path")
    if not isinstance(given, str) or not given:
        return path.parent
    places = (path.parent / given, Path(given))
    return next((place for place in places if place.is_dir()), path.parent)


def _places(path: Path, held: dict[str, Any], split: str) -> list[str]:
    """The folders or lists of a split."""
    given = held.get(split)
    if given is None and split == "val":
        given = held.get("valid")
    if given is None:
        if split == "train":
            raise InputError(f"{path} has no 'train'; {EXPECTED} was expected: add it.")
        return []
    places = given if isinstance(given, list) else [given]
    if not all(isinstance(place, str) and place for place in places):
        raise InputError(
            f"{path} has {shown(repr(given))} under '{split}'; a folder, a list of folders or a text file was "
            "expected: correct it."
        )
    return places


def _images(
    root: Path, place: str, path: Path, split: str, folders: dict[str, Names]
) -> tuple[str, Iterable[str]]:
    """The key of a folder, which is added to `folders`, and the paths of its images below it.

    Raises:
        InputError: neither a folder nor a list is there.
    """
    spelled = place.removeprefix("./").rstrip("/")
    # Roboflow writes ../train/images for train/images.
    for candidate in (spelled, spelled.removeprefix("../")):
        there = root / candidate
        if there.is_dir():
            key = _key(root, there, folders)
            return key, images_below(folders.setdefault(key, Names(there)))
        if there.suffix == ".txt" and there.is_file():
            folders.setdefault("", Names(root))
            return "", _of_list(root, there)
    if split == TEST:  # which is not read
        return "", []
    raise InputError(
        f"{path} names {shown(place)!r} under '{split}', which is neither a folder nor a text file in {root}: correct "
        "it, or set dataset.yolo.root to the folder that holds it."
    )


def _key(root: Path, folder: Path, folders: Mapping[str, Names]) -> str:
    """A folder as the start of ids: its path below the root, else its name."""
    inside = folder.resolve().is_relative_to(root.resolve())
    below = folder.resolve().relative_to(root.resolve()).as_posix() if inside else folder.name
    key = "" if below == "." else below
    while key in folders and folders[key].root.resolve() != folder.resolve():
        key += "-2"
    return key


def _of_list(root: Path, path: Path) -> Iterator[str]:
    """Images of a text file as paths below the root.

    Raises:
        InputError: one lies elsewhere.
    """
    for line in read_list(path):
        image = line.removeprefix("./").replace("\\", "/")
        if Path(image).is_absolute():
            try:
                image = Path(image).relative_to(root.absolute()).as_posix()
            except ValueError:
                raise InputError(
                    f"{path} names {shown(image)}, which is not in {root}; images of the data set were expected: set "
                    "dataset.yolo.root to the folder that holds them, or write paths below it."
                ) from None
        if Path(image).suffix.lower() not in EXTENSIONS:
            raise InputError(
                f"{path} has the line {shown(line)!r}; the path of an image was expected: correct it."
            )
        yield image


class _Labels:
    """Reads the text files beside images, and counts those that are missing or empty."""

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._path, self._classes = path, classes
        self._missing = self._empty = 0
        self._first = ""
        self._faults = Faults("file")

    def of(self, folder: Path, image: str) -> tuple[str, ...]:
        """The classes of an image's objects."""
        path = label_file(f"{folder.as_posix()}/{image}")
        try:
            with open(path, "rb") as file:  # noqa: PTH123 (a Path for each of 100,000 takes a second)
                content = file.read(LARGEST + 1)
        except FileNotFoundError:
            self._missing += 1
            self._first = self._first or path
            return ()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}); correct that or remove it."
            ) from None
        if not content.strip():
            self._empty += 1
            return ()
        try:
            return self._read(path, content)
        except InputError as error:
            self._faults.add(image, error)
            return ()

    def _read(self, path: str, content: bytes) -> tuple[str, ...]:
        if len(content) > LARGEST:
            raise Fault(
                f"{path} has more than {LARGEST:,} bytes; a line for each object was expected: correct it.",
                "large",
            )
        found: dict[str, None] = {}
        for number, line in enumerate(content.splitlines(), start=1):
            parts = line.split()
            if not parts:
                continue
            label = _number(parts[0])
            if len(parts) < _LEAST or label is None:
                raise Fault(
                    f"{path} line {number} is {shown(line[:60].decode(errors='replace'))!r}; a class number and a box "
                    "or polygon in shares of the image were expected: correct it.",
                    "line",
                )
            if not 0 <= label < len(self._classes):
                raise Fault(
                    f"{path} line {number} has the class {label}; {self._path} names 0 to {len(self._classes) - 1}: "
                    "correct one of them.",
                    "class",
                )
            found[self._classes[label]] = None
        return tuple(found)

    def notes(self, total: int) -> list[str]:
        """Lines on images without objects.

        Raises:
            InputError: lines of text files are wrong, or no image has a text file.
        """
        self._faults.refuse(self._path)
        if self._missing == total:
            raise InputError(
                f"none of the {counted(total, 'image')} of {self._path} has a text file of labels; {self._first} and "
                "so on were expected: put the folder labels beside the folder images."
            )
        counts = [f"{counted(self._missing, 'image')} without a text file"] if self._missing else []
        counts += [f"{counted(self._empty, 'image')} with an empty one"] if self._empty else []
        return [f"labels: {' and '.join(counts)}, which show none of the classes"] if counts else []


def label_file(image: str) -> str:
    """The text file of an image: the last folder `images` of its path becomes `labels`."""
    before, found, after = f"/{image}".rpartition("/images/")
    path = f"{before}/labels/{after}"[1:] if found else image
    return f"{path[: stem_length(path)]}.txt"


def _number(text: bytes) -> int | None:
    """A class number; some tools write `3.0`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
