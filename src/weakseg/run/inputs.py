"""Input files of rules that lie outside of the run: files and folders, and published weights by name."""

import difflib
from collections.abc import Collection
from pathlib import Path

from weakseg.errors import InputError, started_in
from weakseg.run.table import Table
from weakseg.weights.cache import refuse_licence
from weakseg.weights.known import Known, find, near

SUFFIXES = (".onnx", ".pth", ".pt", ".safetensors", ".npz", ".h5")
"""A value that ends so is meant as a file."""
ROOMS = ("saliency", "attention", "affinity", "segmenter", "detector")
NONE, ATTENTION = "none", "attention"
"""Initial weights that are no file: none, and those of this run's attention network."""


def outside(key: str, path: str, remedy: str = "correct the path in the configuration") -> list[str]:
    """The file or folder of a configuration key.

    Raises:
        InputError: it does not exist.
    """
    if not Path(path).exists():
        meant = _neighbour(Path(path))
        advice = f"did you mean {meant}?" if meant else f"{remedy}."
        raise InputError(f"{key} is {path}, which does not exist{started_in(Path(path))}; {advice}")
    return [path]


def _neighbour(path: Path) -> Path | None:
    """A file or folder beside a path with nearly the same name."""
    try:
        beside = sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return None
    found = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.8)
    return path.parent / found[0] if found else None


def initial_weights(table: Table, room: str) -> list[str]:
    """The file of a backbone's initial weights; empty if they come from this run's attention network.

    Raises:
        InputError: it does not exist.
    """
    if not table.makes(f"{room}_train"):
        return []
    backbone = getattr(table.config, room).backbone
    return _weights(table, f"{room}.backbone.weights", backbone.weights, backbone.architecture)


def saliency_files(table: Table, rule: str) -> list[str]:
    """The files and folders from outside that `saliency_train` or `saliency_maps` reads, if the run has that rule.

    Raises:
        InputError: one does not exist.
    """
    if not table.makes(rule):
        return []
    saliency = table.config.saliency
    read = saliency.training_reads() if rule == "saliency_train" else saliency.maps_read()
    found = []
    for key, value in read.items():
        if key.endswith("backbone.weights"):
            found += _weights(table, key, value, saliency.own.architecture)
        else:
            found += _weights(table, key, value) if key == "saliency.onnx.file" else outside(key, value)
    return found


def stamp(table: Table, known: Known) -> str:
    """The file of a run that says that published weights were fetched and verified."""
    return (table.folder / "weights" / f"{known.name}.json").as_posix()


def known_weights(table: Table, rooms: Collection[str] = ROOMS) -> list[Known]:
    """The published weights that these rooms of the run read, by name.

    Raises:
        InputError: a licence was not accepted.
    """
    named = (_named(table, room) for room in ROOMS if room in rooms)
    found = {known.name: known for known in named if known is not None}
    for known in found.values():
        refuse_licence(known, table.config.accept_licenses, f"set accept_licenses: [{known.licence}]")
    return list(found.values())


def _named(table: Table, room: str) -> Known | None:
    """The published weights that a room reads."""
    saliency = table.config.saliency
    if room == "saliency" and table.makes("saliency_maps") and not saliency.trains:
        named: Known | None = saliency.own.known()
        return named
    if not table.makes(f"{room}_train"):
        return None
    if room != "saliency":
        backbone = getattr(table.config, room).backbone
        return find(backbone.weights, backbone.architecture)
    weights = saliency.training_reads().get(f"saliency.{saliency.method}.backbone.weights")
    return None if weights is None else find(weights, saliency.own.architecture)


def _weights(table: Table, key: str, value: str, architecture: str = "") -> list[str]:
    """A file of weights or, of published ones, the stamp of their download.

    Raises:
        InputError: it is neither a file nor a name.
    """
    if value in (NONE, ATTENTION):
        return []
    known = find(value, architecture)
    if known is not None:
        return [stamp(table, known)]
    if not Path(value).exists() and "/" not in value and Path(value).suffix not in SUFFIXES:
        raise InputError(
            f"{key} is {value}, which is neither a file nor the name of published weights; correct it: "
            f"{near(value, architecture)}."
        )
    return outside(key, value)


def attention_maps_folder(table: Table) -> list[str]:
    """The folder of precomputed attention maps, if the run uses one.

    Raises:
        InputError: it does not exist.
    """
    if "attention_train" in table or not table.makes("attention_maps"):
        return []
    return outside("attention.folder.folder", table.config.attention.own.folder)


def true_boxes(table: Table) -> list[str]:
    """The file or folder of true boxes, if boxes are not scored against the masks.

    Raises:
        InputError: it does not exist.
    """
    boxes = table.config.evaluation.boxes
    return [] if boxes == "masks" else outside("evaluation.boxes", boxes)


def attention_weights(table: Table, room: str) -> list[Path]:
    """The attention network's weights, if a room's backbone starts from them.

    Raises:
        InputError: no attention network is trained, or it has another backbone.
    """
    backbone, attention = getattr(table.config, room).backbone, table.config.attention
    if backbone.weights != ATTENTION:
        return []
    if "attention_train" not in table:
        raise InputError(
            f"{room}.backbone.weights is attention, but attention.method is {attention.method}, which trains no "
            "network; set it to none or to a file."
        )
    found = attention.backbone.architecture
    if found != backbone.architecture:
        raise InputError(
            f"{room}.backbone.weights is attention, whose backbone is {found}, but {room}.backbone.architecture is "
            f"{backbone.architecture}; make them the same, or set the weights to none or a file."
        )
    return [table["attention_train"].weights]


def ceiling(table: Table) -> list[Path]:
    """The score of the run trained on masks (`evaluation.ceiling`), by which the report divides; empty without one.

    Raises:
        InputError: that run is not finished.
    """
    path = table.ceiling
    if path is None:
        return []
    outside("evaluation.ceiling's score", path.as_posix(), "make that run first")
    return [path]
