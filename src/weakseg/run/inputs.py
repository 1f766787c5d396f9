"""Input files of rules that no rule of the run makes."""

from pathlib import Path

from weakseg.errors import InputError
from weakseg.run.table import Table

NAMES = ("none", "IMAGENET1K_V1", "IMAGENET1K_FEATURES")
"""Initial weights that are not files."""
ATTENTION = "attention"
"""Initial weights taken from this run's attention network."""


def outside(key: str, path: str, remedy: str = "correct the path in the configuration") -> list[str]:
    """The file or folder of a configuration key; empty for weights without a file.

    Raises:
        InputError: it does not exist.
    """
    if path in NAMES:
        return []
    if not Path(path).exists():
        raise InputError(f"{key} is {path}, which does not exist; {remedy}.")
    return [path]


def initial_weights(table: Table, room: str) -> list[str]:
    """The file of a backbone's initial weights; empty if they come from this run's attention network.

    Raises:
        InputError: it does not exist.
    """
    weights = getattr(table.config, room).backbone.weights
    if weights == ATTENTION or not table.makes(f"{room}_train"):
        return []
    return outside(f"{room}.backbone.weights", weights)


def saliency_files(table: Table, rule: str) -> list[str]:
    """The files and folders from outside that `saliency_train` or `saliency_maps` reads, if the run has that rule.

    Raises:
        InputError: one does not exist.
    """
    if not table.makes(rule):
        return []
    saliency = table.config.saliency
    read = saliency.training_reads() if rule == "saliency_train" else saliency.maps_read()
    return [path for item in read.items() for path in outside(*item)]


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
