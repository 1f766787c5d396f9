"""What is read of images that are not 8-bit RGB."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.images import ORIENTATION, image_size, read_grey, read_image
from weakseg.errors import InputError

WIDE = np.random.default_rng(0).integers(0, 65_536, (5, 7, 3), dtype=np.uint16)


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_of_sixteen_bits_the_upper_eight_count(tmp_path: Path, extension: str) -> None:
    grey, colour = tmp_path / f"grey.{extension}", tmp_path / f"colour.{extension}"
    Image.fromarray(WIDE[..., 0]).save(grey)
    cv2.imwrite(str(colour), WIDE[..., ::-1])  # OpenCV writes 16-bit colour, Pillow does not
    np.testing.assert_array_equal(read_image(grey), np.repeat(WIDE[..., :1] >> 8, 3, axis=2))
    np.testing.assert_array_equal(read_image(colour), WIDE >> 8)


def test_black_and_white_stay_so(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65_535]], np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255]


def test_sixteen_bits_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(WIDE[..., 0]).save(tmp_path / "a.png", exif=exif)
    assert image_size(tmp_path / "a.png") == (7, 5)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], np.rot90(WIDE[..., 0] >> 8, -1))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_without_a_known_white(tmp_path: Path, kind: type) -> None:
    Image.fromarray(np.ones((4, 4), kind)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif has pixel mode [IF]; .* 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


def test_more_pixels_than_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"a\.png has more pixels than the 2,000 that are read"):
        read_image(tmp_path / "a.png")


def test_a_jpeg_is_decoded_smaller_when_that_will_do(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:400, :600]
    pixels = np.stack([rows // 2, columns // 3, 0 * rows], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    small = read_image(tmp_path / "a.jpg", at_least=90)
    assert small.shape == (150, 100, 3)
    np.testing.assert_allclose(small, cv2.resize(read_image(tmp_path / "a.png"), (100, 150)), atol=8)
    assert read_image(tmp_path / "a.png", at_least=90).shape == (600, 400, 3)


def test_grey_maps_by_the_same_rules(tmp_path: Path) -> None:
    Image.fromarray(WIDE[..., 0]).save(tmp_path / "a.png")  # Pillow's own conversion would make it white
    np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), WIDE[..., 0] >> 8)
    Image.fromarray((WIDE >> 8).astype(np.uint8)).save(tmp_path / "b.png")
    assert read_grey(tmp_path / "b.png").shape == WIDE.shape[:2]
    (tmp_path / "c.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(InputError, match=r"c\.png is not in a supported image format"):
        read_grey(tmp_path / "c.png")


def test_grey_maps_are_compared_with_their_checksums(tmp_path: Path) -> None:
    path, passed = tmp_path / "a.png", []
    Image.fromarray((WIDE[..., 0] >> 8).astype(np.uint8)).save(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            read_grey(path)
        except InputError:
            continue
        passed.append(place)
    assert all(place >= len(whole) - 12 for place in passed)  # the last chunk, which holds nothing


def test_the_size_of_a_gigantic_file_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"a\.png has more pixels"):
        image_size(tmp_path / "a.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(InputError, match=r"a\.png cannot be opened \(Permission denied\)"):
        read_image(tmp_path / "a.png")
