"""Exports of Label Studio: JSON, JSON-MIN or CSV with choices (or the labels of boxes, polygons and brushes).

Label Studio names an image by where it was stored: an upload gets eight digits in front of its name, local files an
address `/data/local-files/?d=…`, others a URL. The file is looked for by the end of that name.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field

from weakseg.dataset.documents import cell, read_json
from weakseg.dataset.entries import Entry, Found
from weakseg.dataset.folders import Names, need_folder
from weakseg.dataset.image_names import EXTENSIONS
from weakseg.dataset.sources.declaration import EntrySource, no_class
from weakseg.dataset.spreadsheet import read_columns
from weakseg.dataset.wording import Cases, counted, examples, shown
from weakseg.errors import InputError
from weakseg.settings.section import FilePath

EXPECTED = "an export of Label Studio (JSON, JSON-MIN or CSV)"
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_KINDS = (
    "choices",
    "rectanglelabels",
    "polygonlabels",
    "brushlabels",
    "ellipselabels",
    "keypointlabels",
    "labels",
)
"""Keys of a result's value that hold names of classes."""


class LabelStudioSource(EntrySource):
    """An export of Label Studio: what annotators chose for each image."""

    name = "label_studio"
    title = "an export of Label Studio"
    made_by = "read_label_studio"

    export: FilePath = "export.json"
    """The exported file: JSON, JSON-MIN or CSV."""
    images: FilePath = "images"
    """Folder of the images: an export holds none."""
    image: str | None = Field(None, max_length=200)
    """Name of the image in the tasks' data; `null`: the only one that names an image."""
    control: str | None = Field(None, max_length=200)
    """Name of the question whose answers are labels (`from_name`), where an annotator answers several; `null`: all."""
    negatives: list[str] = no_class()
    """Choices that stand for none of the classes, in any capitals."""

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """A JSON file that holds tasks."""
        found = (cls.seen_labels(path, folder) for path in sorted(folder.glob("*.json")))
        return next((values for values in found if values is not None), None)

    @classmethod
    def seen_labels(cls, labels: Path, images: Path) -> dict[str, Any] | None:
        """JSON that holds tasks."""
        try:
            tasks = read_json(labels, list[dict[str, Any]], EXPECTED) if labels.suffix == ".json" else []
        except InputError:
            return None
        known = bool(tasks) and ("data" in tasks[0] or {"id", "annotator"} <= tasks[0].keys())
        return {"export": labels.as_posix(), "images": images.as_posix()} if known else None


def read_label_studio(source: LabelStudioSource) -> Found:
    """An entry for each task that somebody annotated.

    Raises:
        InputError: the export or the folder is wrong, or a task has no image.
    """
    path, root, key = Path(source.export), Path(source.images), "dataset.label_studio.images"
    need_folder(root, key, "images")
    names = Names(root)
    empty = {name.casefold() for name in source.negatives}
    is_table = path.suffix.lower() in (".csv", ".tsv")
    tasks = _of_table(path) if is_table else read_json(path, list[dict[str, Any]], EXPECTED)
    entries, open_tasks, differing = [], Cases(), Cases()
    for number, task in enumerate(tasks, start=1):
        where = f"{path} task {task.get('id', number)}"
        data = task["data"] if isinstance(task.get("data"), dict) else task
        image = _file(names, _image(source, data, where))
        answers = [*_answers(task, source.control, where)]
        if not answers:
            open_tasks.add(image)
            continue
        if any(set(answer) != set(answers[0]) for answer in answers):
            differing.add(image)
        labels = dict.fromkeys(name for answer in answers for name in answer if name.casefold() not in empty)
        entries.append(Entry(image, tuple(labels)))
    if not entries:
        raise InputError(
            f"{path} has no annotated task; {EXPECTED} was expected: annotate images or correct the path."
        )
    notes = []
    if open_tasks.count:
        notes.append(f"{counted(open_tasks.count, 'task')} of {path} not annotated, left out: {open_tasks}")
    if differing.count:
        notes.append(
            f"{counted(differing.count, 'task')} answered differently, all answers joined: {differing}"
        )
    return Found(entries, {"": root}, path, key, notes=notes, whole=False, names={"": names})


def _of_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV; a cell of several choices is JSON."""
    header, rows = read_columns(path, ["id"], "dataset.label_studio.export")
    return [{name: cell(value) for name, value in zip(header, row, strict=False)} for row in rows]


def _image(source: LabelStudioSource, data: Mapping[str, Any], where: str) -> str:
    """The address of a task's image.

    Raises:
        InputError: it has none, or several.
    """
    if source.image is not None:
        found = [source.image] if isinstance(data.get(source.image), str) else []
    else:
        found = [
            name for name, value in data.items() if isinstance(value, str) and _looks_like_an_image(value)
        ]
    if len(found) != 1:
        held = f"the images {examples(found)}" if found else f"no image among {examples([*data], most=10)}"
        raise InputError(f"{where} has {held}; one was expected: set dataset.label_studio.image to its name.")
    return str(data[found[0]])


def _looks_like_an_image(address: str) -> bool:
    return address.lower().partition("?")[0].endswith(EXTENSIONS) or address.lower().endswith(EXTENSIONS)


def _path(address: str) -> str:
    """The path that an address names."""
    parts = urlsplit(address) if "://" in address or "?d=" in address else None
    if parts is None:
        return unquote(address).replace("\\", "/").lstrip("/")
    local = parse_qs(parts.query).get("d")
    return (local[0] if local else unquote(parts.path)).replace("\\", "/").lstrip("/")


def _file(names: Names, address: str) -> str:
    """The file of an address, if there is one: by its longest end that is a path below the folder."""
    path = _path(address)
    tails = [path, *(path.split("/", number)[-1] for number in range(1, path.count("/") + 1))]
    plain = _UPLOADED.sub("", tails[-1])
    return names.first([*tails, plain]) or tails[-1]


def _answers(task: Mapping[str, Any], control: str | None, where: str) -> Iterator[list[str]]:
    """The names that each annotator chose.

    Raises:
        InputError: an annotation is of another form.
    """
    given = task.get("annotations", task.get("completions"))
    if not isinstance(given, list):
        given = [] if given is not None or isinstance(task.get("data"), dict) else None
    if given is None:  # JSON-MIN and CSV: the answers lie beside the image
        names = [
            name
            for key, value in task.items()
            if control in (None, key)
            for name in _plain(key, value, control)
        ]
        if names or task.get("annotation_id") or task.get("annotator"):
            yield names
        return
    for one in given:
        result = one.get("result") if isinstance(one, dict) else None
        if not isinstance(result, list):
            raise InputError(
                f"{where} has an annotation without a list 'result'; {EXPECTED} was expected: export again."
            )
        if not one.get("was_cancelled"):
            yield [name for part in result for name in _chosen(part, control, where)]


def _chosen(part: Any, control: str | None, where: str) -> list[str]:
    """The names of one result; none of another kind, such as text."""
    if not isinstance(part, dict) or not isinstance(part.get("value", {}), dict):
        raise InputError(
            f"{where} has the result {shown(repr(part))}; {EXPECTED} was expected: export again."
        )
    if control is not None and part.get("from_name") != control:
        return []
    held = [part.get("value", {}).get(kind) for kind in _KINDS]
    return [name for names in held if isinstance(names, list) for name in names if isinstance(name, str)]


def _plain(key: str, value: Any, control: str | None) -> list[str]:
    """The names in a value of JSON-MIN or CSV: one choice, several, or the labels of regions."""
    if isinstance(value, dict):
        held = value.get("choices")
        return [name for name in held if isinstance(name, str)] if isinstance(held, list) else []
    if isinstance(value, list):
        return [
            name for part in value if isinstance(part, dict) for name in _chosen({"value": part}, None, key)
        ]
    is_answer = key == control or key in ("choice", "choices", "label")
    return [value] if is_answer and isinstance(value, str) and value else []
