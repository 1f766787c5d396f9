"""Files that rules declare as inputs although no rule of the run makes them."""

from pathlib import Path

from weakseg.errors import InputError
from weakseg.run.table import Table

NAMES = ("none", "IMAGENET1K_V1", "IMAGENET1K_FEATURES")
"""Initial weights that are not files."""
ATTENTION = "attention"
"""Initial weights that this run's attention network trains."""


def outside(key: str, path: str, remedy: str = "correct the path in the configuration") -> list[str]:
    """A file or folder that a key of the configuration names; nothing for weights without a file.

    Raises:
        InputError: it does not exist.
    """
    if path in NAMES:
        return []
    if not Path(path).exists():
        raise InputError(f"{key} is {path}, which does not exist; {remedy}.")
    return [path]


def initial_weights(table: Table, room: str) -> list[str]:
    """The file that a room's backbone starts from, if it does not start from this run's attention network.

    Raises:
        InputError: it does not exist.
    """
    weights = getattr(table.config, room).backbone.weights
    if weights == ATTENTION or not table.makes(f"{room}_train"):
        return []
    return outside(f"{room}.backbone.weights", weights)


def saliency_files(table: Table, rule: str) -> list[str]:
    """The files and folders from outside that `saliency_train` or `saliency_maps` reads, where the run makes them.

    Raises:
        InputError: one does not exist.
    """
    if not table.makes(rule):
        return []
    saliency = table.config.saliency
    read = saliency.training_reads() if rule == "saliency_train" else saliency.maps_read()
    return [path for item in read.items() for path in outside(*item)]


def attention_maps_folder(table: Table) -> list[str]:
    """The folder of attention maps that were made elsewhere, if the run takes its maps from one.

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
        InputError: no attention network is trained, or its backbone is another one.
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
    """The score of the run that is trained on masks, by which the report divides; nothing without such a run.

    Raises:
        InputError: that run is not finished.
    """
    path = table.ceiling
    if path is None:
        return []
    outside("evaluation.ceiling's score", path.as_posix(), "make that run first")
    return [path]
