"""The supervision ledger of a run: the labels behind every network and file, and a summary in one line.

"Weakly supervised" says little if a saliency network or initial weights were trained on pixel masks. weakseg's own
networks record their training data, published files are known by their name or SHA-256, and the configuration
describes others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.errors import InputError
from weakseg.evaluation.settings import SupervisionConfig
from weakseg.run.entered import Entered
from weakseg.weights.known import trained_on

if TYPE_CHECKING:
    from weakseg.storage.weights import Weights

UNKNOWN = "unknown"
MASKS = "pixel masks of the training images"


@dataclass(frozen=True)
class Source:
    """A file or folder that contributes supervision to a run.

    Attributes:
        role: the room; followed by `start` for initial weights, by `corrections` for labels drawn by people.
        file: its path, or the name of published weights.
        sha256: `None` for a folder, and for weights of which only the first digits are known.
        trained_on: its training data in a few words.
        labels: the strongest labels used: `pixels`, `boxes`, `image`, `none` or `unknown`.
    """

    role: str
    file: str
    sha256: str | None
    trained_on: str
    labels: str


@dataclass(frozen=True)
class Ledger:
    """The supervision of a run.

    Attributes:
        line: summary in one line.
        pixel_labels: whether pixel labels were used anywhere; `None` if unknown.
        sources: all files and folders.
    """

    line: str
    pixel_labels: bool | None
    sources: list[Source]


def ledger(entered: Entered, described: SupervisionConfig) -> Ledger:
    """The supervision ledger of a run.

    Args:
        entered: trained networks, and files and folders from outside.
        described: descriptions of files in the configuration.

    Raises:
        InputError: a file is missing or of another kind.
    """
    from weakseg.storage.weights import file_sha256

    files = {str(Path(name)): (file.data, file.labels) for name, file in described.files.items()}
    sources: list[Source] = []
    for room, path in entered.weights.items():
        sources += _trained(room, path, files)
    for room, path in entered.outside.items():
        if not path.exists():
            raise InputError(
                f"the {room} maps come from {path}, which does not exist; give the file or folder."
            )
        digest = file_sha256(path) if path.is_file() else None
        sources.append(Source(room, str(path), digest, *_look_up(str(path), digest, files)))
    for room, known in entered.known.items():
        found = _look_up(known.name, known.sha256, files)
        sources.append(Source(room, known.name, known.whole_sha256, *found))
    sources += [Source(room, "", None, "unsupervised", "none") for room in entered.unsupervised]
    return Ledger(_line(sources), _pixels(sources), sources)


def _trained(room: str, path: Path, files: Mapping[str, tuple[str, str]]) -> list[Source]:
    """A trained network and what it started from."""
    from weakseg.storage.weights import file_sha256, load_weights

    weights = load_weights(path, room)
    sources = [Source(room, str(path), file_sha256(path), *_trained_on(room, weights, files))]
    corrected = weights.settings.get("corrected", 0)
    if corrected:
        text = f"{corrected} corrected label map{'s' if corrected > 1 else ''}"
        sources.append(Source(f"{room} corrections", "review/corrected", None, text, "pixels"))
    initial = weights.initial
    if initial.get("source", "none") in ("none", "attention"):  # this run's attention has its own entry
        return sources
    while initial:  # networks of weakseg record their own initial weights
        if "trained_on" in initial:
            masks = str(Path(initial["masks"])) if "masks" in initial else None
            known = files.get(masks or "", (initial["trained_on"], "pixels"))
        else:
            known = _look_up(initial["source"], initial.get("sha256"), files)
        sources.append(Source(f"{room} start", initial["source"], initial.get("sha256"), *known))
        initial = {
            name.removeprefix("initial_"): value
            for name, value in initial.items()
            if name.startswith("initial_")
        }
    return sources


def _trained_on(room: str, weights: "Weights", files: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    if room == "attention":
        return "image labels", "image"
    if room == "saliency":
        data = weights.settings.get(str(weights.settings.get("method")), {}).get("data", {})
        if (
            data.get("source") == "folder" and str(Path(data["masks"])) in files
        ):  # the masks may not be drawn by people
            return files[str(Path(data["masks"]))]
        return str(weights.settings.get("trained_on", "masks of the split 'saliency'")), "pixels"
    return (MASKS, "pixels") if weights.settings.get("labels") == "masks" else ("proxy labels", "none")


def _look_up(path: str, digest: str | None, files: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Training data and labels of a file, from the configuration or else from the table of published weights."""
    for key in (str(Path(path)), digest):
        if key is not None and key in files:
            return files[key]
    return (trained_on(digest, path) if digest else None) or (UNKNOWN, UNKNOWN)


def _line(sources: Sequence[Source]) -> str:
    segmenter = [source.trained_on for source in sources if source.role == "segmenter"]
    attention = [source for source in sources if source.role == "attention"]
    parts = [MASKS] if segmenter == [MASKS] else []
    if not parts or any(source.labels == "image" for source in attention):
        parts.append("image labels")
    parts += [
        f"attention maps ({source.trained_on})" for source in attention if source.trained_on != "image labels"
    ]
    parts += [f"saliency ({source.trained_on})" for source in sources if source.role == "saliency"]
    parts += [source.trained_on for source in sources if source.role.endswith(" corrections")]
    parts += [_start(source) for source in sources if source.role.endswith(" start")]
    return "supervision: " + " + ".join(dict.fromkeys(parts))


def _start(source: Source) -> str:
    return f"unknown weights ({source.file})" if source.trained_on == UNKNOWN else source.trained_on


def _pixels(sources: Iterable[Source]) -> bool | None:
    labels = {source.labels for source in sources}
    if "pixels" in labels:
        return True
    return None if UNKNOWN in labels else False


def read_ledger(path: Path) -> Ledger:
    """Read a file of `weakseg evaluate supervision`.

    Raises:
        InputError: missing, not JSON, or another file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Ledger(
            content["line"], content["pixel_labels"], [Source(**each) for each in content["sources"]]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as the ledger of 'weakseg evaluate supervision' ({error!r}); delete it and run "
            "that again."
        ) from None
