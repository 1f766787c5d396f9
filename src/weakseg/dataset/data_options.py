"""The options of commands that read the index."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from weakseg.options import classes_option, index_option


def data_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--index` and `--classes`, passed to the command as one `Index`, `data`."""

    @index_option
    @classes_option
    @wraps(command)
    def reading(index: Path, classes: Path, **others: Any) -> None:
        from weakseg.dataset.index import read_index

        command(data=read_index(index, classes), **others)

    return reading
