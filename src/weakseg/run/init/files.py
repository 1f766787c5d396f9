"""Writes the files of `weakseg init`: all or none, and never over existing ones unless that is asked for."""

from collections.abc import Mapping
from pathlib import Path

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path


def refuse_existing(paths: Mapping[Path, str], force: bool) -> None:
    """Refuse to replace files.

    Raises:
        InputError: one exists and `force` is false.
    """
    existing = [str(path) for path in paths if path.exists()]
    if existing and not force:
        raise InputError(
            f"{', '.join(existing)} exists already and is not replaced; give the run another name, or --force."
        )


def write(texts: Mapping[Path, str], force: bool) -> list[Path]:
    """Write texts, after a look whether one would replace a file; the paths.

    Raises:
        InputError: one exists and `force` is false, or a file cannot be written.
    """
    refuse_existing(texts, force)
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [*texts]
