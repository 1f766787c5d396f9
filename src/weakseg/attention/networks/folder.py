"""Attention maps made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.attention.networks.declaration import AttentionMethod
from weakseg.settings.section import FilePath

if TYPE_CHECKING:
    from weakseg.attention.settings import AttentionConfig


class FolderSettings(AttentionMethod):
    """Attention maps made elsewhere, by CLIP or a transformer, say."""

    name = "folder"
    made_by = "read_maps"
    trains = False

    folder: FilePath = "attention"
    """Holds for each image `<id>.npz` with one array per class name, or a folder `<id>/` with one grey PNG per class
    name; any resolution. Floats lie in [0, 1], `uint8` in 0…255. Maps of absent classes are not read."""

    def check(self, section: "AttentionConfig") -> None:
        """Refuse what a network alone would read."""
        if section.stride is not None:
            raise ValueError(f"stride is {section.stride}, but method folder trains no network; leave it out")
        if section.maps.source == "gradcam":
            raise ValueError("maps.source is gradcam, but method folder has no classifier; leave it out")


import numpy as np

from weakseg.dataset.images import read_grey
from weakseg.dataset.records import Record
from weakseg.errors import InputError


def read_maps(folder: Path, record: Record) -> dict[str, np.ndarray]:
    """The maps of a record's classes, from `<id>.npz` or from the PNGs in `<id>/`.

    Returns:
        Class name → h×w float32 in [0, 1]; nothing is read for an image without a class.

    Raises:
        InputError: a present class has no map, or one does not have two dimensions and values in [0, 1].
    """
    if not record.labels:
        return {}
    archive, pictures = folder / f"{record.id}.npz", folder / record.id
    if archive.is_file():
        return _read_archive(archive, record)
    if pictures.is_dir():
        return {name: _read_picture(pictures / f"{name}.png", record) for name in record.labels}
    raise InputError(
        f"image '{record.id}' has neither {archive} nor a folder {pictures}; one of them was expected, with a map for "
        f"each of its classes ({', '.join(record.labels)}): add it or correct attention.folder.folder."
    )


def _read_archive(path: Path, record: Record) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in record.labels if name in file.files}
            found = ", ".join(file.files)
    except Exception as error:  # zipfile, zlib and numpy raise types of their own for a damaged file
        raise InputError(
            f"attention maps {path} cannot be read ({type(error).__name__}: {str(error)[:120]}); an .npz with one "
            "array per class was expected: export it again."
        ) from None
    for name in record.labels:
        if name not in arrays:
            raise InputError(
                f"attention maps {path} hold {found or 'nothing'}, but the image also shows '{name}'; add a map of "
                "that name."
            )
    return {name: _checked(values, f"'{name}' in {path}") for name, values in arrays.items()}


def _read_picture(path: Path, record: Record) -> np.ndarray:
    try:
        return _checked(read_grey(path), str(path))
    except InputError as error:
        raise InputError(f"attention of '{record.id}', one grey PNG per class: {error}") from None


def _checked(values: np.ndarray, where: str) -> np.ndarray:
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(
            f"attention map {where} has the shape {values.shape}; two dimensions, height and width, were expected."
        )
    if values.dtype == np.uint8:
        scaled: np.ndarray = values.astype(np.float32) / np.float32(255.0)
        return scaled
    if values.dtype.kind != "f":
        raise InputError(
            f"attention map {where} is of type {values.dtype}; uint8 (0…255) or floats in [0, 1] were expected."
        )
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):  # also refuses NaN
        raise InputError(
            f"attention map {where} holds values from {low:g} to {high:g}; [0, 1] was expected: normalise it."
        )
    return values.astype(np.float32)
