"""Attention maps made elsewhere: both formats, and one sentence for each mistake."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from weakseg.attention.networks.folder import read_maps
from weakseg.dataset.records import Record
from weakseg.errors import InputError

RECORD = Record("holiday/1", Path("1.jpg"), "train", ("cat", "dog"), None)
CAT = np.array([[0.0, 0.5], [1.0, 0.25]], np.float32)


def archive(folder: Path, **arrays: np.ndarray) -> Path:
    (folder / "holiday").mkdir()
    np.savez_compressed(folder / "holiday" / "1.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_archive_of_floats_and_bytes(tmp_path: Path) -> None:
    dog = np.array([[0, 51, 255]], np.uint8)
    maps = read_maps(archive(tmp_path, cat=CAT, dog=dog, horse=CAT), RECORD)
    assert set(maps) == {"cat", "dog"}  # the horse is not in the image
    np.testing.assert_array_equal(maps["cat"], CAT)
    np.testing.assert_allclose(maps["dog"], [[0.0, 0.2, 1.0]])


def test_an_image_without_a_class_needs_no_maps(tmp_path: Path) -> None:
    assert read_maps(tmp_path, Record("holiday/1", Path("1.jpg"), "train", (), None)) == {}


def test_folder_of_grey_pictures(tmp_path: Path) -> None:
    (tmp_path / "holiday" / "1").mkdir(parents=True)
    for name, value in (("cat", 255), ("dog", 51)):
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(tmp_path / "holiday" / "1" / f"{name}.png")
    maps = read_maps(tmp_path, RECORD)
    np.testing.assert_allclose(maps["dog"], np.full((2, 3), 0.2))
    assert maps["cat"].dtype == np.float32


@pytest.mark.parametrize(
    ("dog", "sentence"),
    [
        (np.full((2, 2), 1.5, np.float32), "values from 1.5 to 1.5"),
        (np.full((2, 2), np.nan, np.float32), "nan"),
        (np.zeros((2, 2, 3), np.float32), "shape"),
        (np.zeros((2, 2), np.int64), "int64"),
        (np.array([["x"]], object), "cannot be read"),
    ],
)
def test_wrong_maps(tmp_path: Path, dog: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_maps(archive(tmp_path, cat=CAT, dog=dog), RECORD)


def test_missing_class_image_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        read_maps(tmp_path, RECORD)
    with pytest.raises(InputError, match="also shows 'dog'"):
        read_maps(archive(tmp_path, cat=CAT), RECORD)
    (tmp_path / "holiday" / "1.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_maps(tmp_path, RECORD)
    (tmp_path / "holiday" / "1.npz").unlink()
    (tmp_path / "holiday" / "1").mkdir()
    with pytest.raises(InputError, match=r"one grey PNG per class: image .*cat\.png is missing"):
        read_maps(tmp_path, RECORD)
