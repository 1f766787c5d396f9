"""Label maps as PNGs with the VOC palette."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from weakseg.errors import InputError
from weakseg.storage.labels import read_labels, voc_palette, write_labels


@given(labels=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("labels") / "deep" / "a.png"
    write_labels(path, labels)
    found = read_labels(path)
    assert found.dtype == np.uint8
    assert np.array_equal(found, labels)
    with Image.open(path) as image:
        shown = np.asarray(image.convert("RGB"))
    assert np.array_equal(shown, voc_palette()[labels])  # what a viewer shows


def test_palette_is_voc_s(tmp_path: Path) -> None:
    colours = voc_palette()
    assert colours[0].tolist() == [0, 0, 0]
    assert colours[1].tolist() == [128, 0, 0]
    assert colours[15].tolist() == [192, 128, 128]  # person
    assert colours[20].tolist() == [0, 64, 128]  # tvmonitor
    assert colours[255].tolist() == [224, 224, 192]  # VOC's border
    assert len(np.unique(colours, axis=0)) == 256
    write_labels(tmp_path / "a.png", np.full((2, 3), 15, np.uint8))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert image.size == (3, 2)


def test_grey_png_is_read_as_indices(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(labels).save(tmp_path / "a.png")
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)


@pytest.mark.parametrize(
    "labels", [np.zeros((2, 2), np.int64), np.zeros((2, 2, 3), np.uint8), np.zeros(4, np.uint8)]
)
def test_only_label_maps_are_written(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="H×W uint8"):
        write_labels(tmp_path / "a.png", labels)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "I;16", "LA"])
def test_other_pixel_modes_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(
        InputError, match=rf"pixel mode {mode} of \d+ bits; a label map holds one class index"
    ):
        read_labels(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(60, 80), (500, 400)])
def test_a_flipped_bit_is_refused_or_changes_no_label(tmp_path: Path, size: tuple[int, int]) -> None:
    """What is let through lies in the last chunk, which holds nothing."""
    rng, path = np.random.default_rng(0), tmp_path / "a.png"
    labels = np.zeros(size, np.uint8)
    for top, left in rng.integers(0, min(size), (30, 2)):
        labels[top : top + 40, left : left + 50] = rng.integers(0, 21)
    write_labels(path, labels)
    whole = path.read_bytes()
    places = [*range(40), *range(40, len(whole) - 40, 5), *range(len(whole) - 40, len(whole))]
    passed = []
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = read_labels(path)
        except InputError as error:
            assert "cannot be read as a PNG" in str(error)
            assert "shard-*.csv" in str(error)
        else:
            assert np.array_equal(found, labels)
            passed.append(place)
    assert all(place >= len(whole) - 12 for place in passed)


def test_missing_and_cut_files(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(InputError, match="is missing"):
        read_labels(path)
    rng = np.random.default_rng(0)
    write_labels(path, rng.integers(0, 256, (20, 20), dtype=np.uint8))
    whole = path.read_bytes()
    for length in [*range(0, 60), *range(60, len(whole) - 20, 40)]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="cannot be read as a PNG"):
            read_labels(path)


def test_what_is_no_image_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(InputError, match=r"cannot be read as a PNG \(it is not a PNG\)"):
        read_labels(tmp_path / "a.png")
