"""HDF5 shards of attention, saliency and class-score maps.

One file per shard, one group per image, one data set per map at the network's own resolution:

    /2007_000392/horse    h×w uint8, 0…255 stands for 0…1
    /2007_000392/person   h×w uint8

The file ends with a checksum (`storage/seal.py`), which is verified before HDF5 opens it.

Attention has only present classes. A segmenter's scores are `float16` logits. Nothing is pickled;
`h5py.File(path)["2007_000392/horse"][:]` reads one map. A `/` in an image id is written `%2F`, so that the groups
stay flat.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from weakseg.errors import REMAKE, InputError
from weakseg.storage.atomic import atomic_file
from weakseg.storage.seal import check, seal

FORMAT = "weakseg-maps-2"
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError)  # h5py's errors for a damaged file
Maps = Mapping[str, np.ndarray]
"""Map name → h×w: floats in [0, 1], stored as `uint8`, or `float16` values of any range, stored unchanged."""


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Round [0, 1] floats to 0…255."""
    rounded: np.ndarray = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return rounded


def write_shard(
    path: Path, maps: Iterable[tuple[str, Maps]], attributes: Mapping[str, int | str] | None = None
) -> None:
    """Write (image id, maps) pairs to one shard, atomically; only one image is in memory at a time.

    `attributes` are stored in the file.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    with atomic_file(path) as handle:
        with h5py.File(handle, "w") as file:
            file.attrs["format"] = FORMAT
            file.attrs.update(attributes or {})
            for image_id, named in maps:
                handle.raise_failure()  # HDF5 writes late; stop early if the disk is full
                group = file.create_group(_group_name(image_id))
                for name, values in named.items():
                    group.create_dataset(
                        name, data=_stored(values), compression="gzip", compression_opts=6, shuffle=True
                    )
        seal(handle)


def _group_name(image_id: str) -> str:
    return image_id.replace("%", "%25").replace("/", "%2F")


def _stored(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.float16 else to_uint8(values)


def _loaded(values: np.ndarray) -> np.ndarray:
    scale = 255.0 if values.dtype == np.uint8 else 1.0
    return values.astype(np.float32) / np.float32(scale)


class ShardReader:
    """Maps of many shards, looked up by image id.

    Every byte of every file is checked when it is opened.

    Raises:
        InputError: a file is missing, damaged, or not a shard of this format.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[h5py.File] = []
        self._shard: dict[str, int] = {}
        for number, path in enumerate(paths):
            file, groups = _open(path)
            self._files.append(file)
            self._shard.update((group, number) for group in groups)

    def __contains__(self, image_id: str) -> bool:
        return _group_name(image_id) in self._shard

    def read(self, image_id: str) -> dict[str, np.ndarray]:
        """All maps of one image, name → h×w float32.

        Raises:
            InputError: no shard holds this image, or its maps are damaged.
        """
        if image_id not in self:
            raise InputError(
                f"no map of image '{image_id}' was found in the given shards; every image of the index needs "
                "one: delete the shards and run the maps stage again."
            )
        file = self._files[self._shard[_group_name(image_id)]]
        try:
            group = file[_group_name(image_id)]
            return {name: _loaded(group[name][:]) for name in group}
        except _DAMAGE as error:
            raise InputError(
                f"the maps of image '{image_id}' in {file.filename} are damaged ({error}), although the file was "
                f"intact when it was opened; {REMAKE}."
            ) from error

    def attribute(self, name: str) -> int | str:
        """An attribute of the first shard.

        Raises:
            InputError: it has none of this name.
        """
        value = self._files[0].attrs.get(name)
        if value is None:
            raise InputError(f"{self._files[0].filename} lacks the attribute {name}; {REMAKE}.")
        return value if isinstance(value, str) else int(value)

    def close(self) -> None:
        """Close every file."""
        for file in self._files:
            file.close()


def _open(path: Path) -> tuple[h5py.File, list[str]]:
    """The open file and the names of its groups."""
    try:
        check(path)
        file = h5py.File(
            path, "r", locking=False
        )  # the file is finished, and some file systems have no locks
        found, groups = str(file.attrs.get("format")), list(file)
    except _DAMAGE as error:
        raise InputError(f"{path} cannot be opened as HDF5 ({error}); {REMAKE}.") from error
    if found != FORMAT:
        file.close()
        raise InputError(f"{path} is not a {FORMAT} shard; {REMAKE}.")
    return file, groups
