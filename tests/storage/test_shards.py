"""HDF5 shards of maps."""

import pickle
import random
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weakseg.errors import InputError
from weakseg.storage.seal import seal
from weakseg.storage.shards import ShardReader, to_uint8, write_shard


@given(values=arrays(np.float32, 50, elements=st.floats(0, 1, width=32)))
def test_uint8_is_off_by_half_a_step_at_most(values: np.ndarray) -> None:
    stored = to_uint8(values)
    assert stored.dtype == np.uint8
    half_a_step = 0.5 + 2**-17  # the product with 255 is itself rounded to float32
    assert np.abs(stored / 255.0 - values).max() <= half_a_step / 255


def test_uint8_keeps_the_ends_and_clips() -> None:
    assert to_uint8(np.array([0.0, 1.0, -0.5, 1.5])).tolist() == [0, 255, 0, 255]


def test_round_trip_over_several_shards(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = {
        "2007_000392": {"horse": rng.random((5, 7)), "potted plant": rng.random((5, 7))},
        "deep/er/a": {"cat": rng.random((3, 2))},
        "deep": {"er": rng.random((2, 2))},  # an id may be another's folder
        "deep%2Fer": {"cat": rng.random((4, 4))},
        "no labels/b": {},
    }
    names = list(steps)
    write_shard(tmp_path / "1.h5", ((name, steps[name]) for name in names[:2]))
    write_shard(tmp_path / "2.h5", ((name, steps[name]) for name in names[2:]))
    reader = ShardReader([tmp_path / "1.h5", tmp_path / "2.h5"])
    for name, maps in steps.items():
        found = reader.read(name)
        assert list(found) == sorted(maps)
        for key, values in maps.items():
            assert found[key].dtype == np.float32
            assert found[key].shape == values.shape
            assert np.array_equal(found[key], np.rint(values * 255).astype(np.float32) / 255)
    assert "deep/er/a" in reader
    assert "deep/er" not in reader
    assert "horse" not in reader
    reader.close()


def test_documented_access_with_plain_h5py(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", [("2007_000392", {"horse": np.full((2, 3), 0.2)})])
    with h5py.File(tmp_path / "a.h5") as file:
        values = file["2007_000392/horse"][:]
    assert values.dtype == np.uint8
    assert values.tolist() == [[51] * 3] * 2


def test_float16_scores_keep_their_range(tmp_path: Path) -> None:
    scores = np.array([[-7.25, 0.0], [13.5, 60_000.0]], np.float16)
    write_shard(tmp_path / "a.h5", [("x", {"background": scores})])
    found = ShardReader([tmp_path / "a.h5"]).read("x")["background"]
    assert found.dtype == np.float32
    assert np.array_equal(found, scores.astype(np.float32))


def test_maps_are_small_on_disk(tmp_path: Path) -> None:
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    blob = np.exp(-4 * (x**2 + y**2))
    blob[blob < 0.2] = 0
    write_shard(tmp_path / "a.h5", ((f"{number}", {"cat": blob}) for number in range(50)))
    # the goal: 1,453 images in 40 MB are 27 kB an image
    assert (tmp_path / "a.h5").stat().st_size / 50 < 5_000


def test_error_while_maps_are_made_leaves_nothing(tmp_path: Path) -> None:
    def maps():
        yield "a", {"cat": np.ones((2, 2))}
        raise InputError("image b is missing.")

    with pytest.raises(InputError, match=r"image b is missing\."):
        write_shard(tmp_path / "a.h5", maps())
    assert not list(tmp_path.iterdir())


def test_unknown_image(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", [("a", {"cat": np.ones((2, 2))})])
    with pytest.raises(InputError, match="no map of image 'b'"):
        ShardReader([tmp_path / "a.h5"]).read("b")


def sealed(path: Path) -> None:
    """Append the checksum to a file, whatever is in it."""
    with path.open("r+b", buffering=0) as file:
        seal(file)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(InputError, match=r"a\.h5 cannot be opened as HDF5 \(.*No such file"):
        ShardReader([path])
    for content in (b"", b"not HDF5", pickle.dumps({"cat": 1})):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.h5 has no checksum at its end"):
            ShardReader([path])
        sealed(path)
        with pytest.raises(InputError, match=r"a\.h5 cannot be opened as HDF5"):
            ShardReader([path])
    for mark in (None, "other-maps-1", np.arange(3)):
        with h5py.File(path, "w") as file:
            file["cat"] = np.ones(3)
            if mark is not None:
                file.attrs["format"] = mark
        sealed(path)
        with pytest.raises(InputError, match=r"a\.h5 is not a weakseg-maps-2 shard"):
            ShardReader([path])


def test_truncated_shard(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    rng = np.random.default_rng(0)
    write_shard(path, ((f"{number}", {"cat": rng.random((30, 30))}) for number in range(5)))
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 90, len(whole) - 40, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.h5 has no checksum at its end"):
            ShardReader([path])


def test_no_flipped_bit_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_shard(path, [("x", {"cat": np.random.default_rng(0).random((30, 30))})])
    whole = path.read_bytes()
    chance = random.Random(0)
    for place in [*range(0, len(whole), 5), *range(len(whole) - 82, len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.h5 .* delete it and run snakemake again"):
            ShardReader([path])


def test_map_that_is_damaged_while_it_is_open_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    rng = np.random.default_rng(1)
    write_shard(path, ((f"{number}", {"cat": rng.random((30, 30))}) for number in range(3)))
    with h5py.File(path) as file:
        chunk = file["1/cat"].id.get_chunk_info(0)
    reader = ShardReader([path])
    with path.open("r+b") as content:
        content.seek(chunk.byte_offset)
        content.write(bytes(chunk.size))
    assert reader.read("0")["cat"].shape == (30, 30)
    with pytest.raises(InputError, match=r"the maps of image '1' in .*a\.h5 are damaged"):
        reader.read("1")
    reader.close()
