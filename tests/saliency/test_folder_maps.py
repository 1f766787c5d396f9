"""A folder of saliency maps: what is not a map of its image is refused, cut-outs are read by their alpha."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.maps import Source
from weakseg.saliency.methods.folder import FolderSettings

SIZE = (40, 60)
OBJECT = np.zeros(SIZE, np.uint8)
OBJECT[10:30, 15:45] = 255


def maps_of(folder: Path) -> Source:
    return FolderSettings(folder=str(folder)).source(False, print)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "maps").mkdir()
    return tmp_path / "maps"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    Image.fromarray(np.full((*SIZE, 3), 90, np.uint8)).save(tmp_path / "x.jpg")
    return Record("x", tmp_path / "x.jpg", "train", ("cat",), None)


def refusal(folder: Path, record: Record) -> str:
    with pytest.raises(InputError) as caught:
        maps_of(folder)(record)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_grey_maps_of_any_size(folder: Path, record: Record) -> None:
    for shape in (SIZE, (20, 30), (7, 10), (32, 32)):
        Image.fromarray(np.full(shape, 51, np.uint8)).save(folder / "x.png")
        np.testing.assert_allclose(maps_of(folder)(record), np.full(shape, 0.2), atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P", "I;16"])
def test_one_map_in_every_way_to_store_it(folder: Path, record: Record, mode: str) -> None:
    if mode == "I;16":
        Image.fromarray(OBJECT.astype(np.uint16) * 257).save(folder / "x.png")
    else:
        Image.fromarray(OBJECT).convert(mode).save(folder / "x.png")
    np.testing.assert_array_equal(maps_of(folder)(record) * 255, OBJECT)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_the_alpha_of_a_cut_out_is_the_map_and_is_told_once(folder: Path, record: Record, mode: str) -> None:
    dark = Image.fromarray(np.full((*SIZE, 3), 10, np.uint8))
    dark.putalpha(Image.fromarray(OBJECT))
    dark.convert(mode).save(folder / "x.png")
    said: list[str] = []
    source = FolderSettings(folder=str(folder)).source(False, said.append)
    for _ in range(2):
        np.testing.assert_array_equal(source(record) * 255, OBJECT)
    (sentence,) = said
    assert "x.png is a cut-out: its alpha channel is the saliency map" in sentence


def test_a_transparent_palette_is_a_cut_out(folder: Path, record: Record) -> None:
    indices = Image.fromarray((OBJECT // 255).astype(np.uint8), mode="P")
    indices.putpalette([200, 0, 0, 10, 60, 10])
    indices.save(folder / "x.png", transparency=0)
    np.testing.assert_array_equal(maps_of(folder)(record) * 255, OBJECT)


def test_maps_of_0_and_1_are_refused(folder: Path, record: Record) -> None:
    for name in ("x", "y"):
        Image.fromarray(OBJECT // 255).save(folder / f"{name}.png")
    assert "x.png holds no value above 1, and 255 is salient: multiply the maps by 255" in refusal(
        folder, record
    )


def test_a_dark_map_among_others_is_a_map(folder: Path, record: Record) -> None:
    """An image that shows nothing salient."""
    Image.fromarray(OBJECT // 255).save(folder / "x.png")
    Image.fromarray(OBJECT).save(folder / "y.png")
    assert maps_of(folder)(record).max() == pytest.approx(1 / 255)
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(folder / "x.png")
    assert maps_of(folder)(record).max() == 0


def test_eight_bits_in_sixteen_are_refused(folder: Path, record: Record) -> None:
    Image.fromarray(OBJECT.astype(np.uint16)).save(folder / "x.png")
    assert "holds no value above 255, and white is 65,535 in it: multiply the maps by 257" in refusal(
        folder, record
    )


def test_a_coloured_picture_of_a_map_is_refused(folder: Path, record: Record) -> None:
    blue = np.dstack([OBJECT, np.zeros_like(OBJECT), 255 - OBJECT])
    for mode in ("RGB", "RGBA"):
        Image.fromarray(blue).convert(mode).save(folder / "x.png")
        assert "x.png is in colour and opaque; a grey map" in refusal(folder, record)


def test_a_map_on_its_side_is_refused(folder: Path, record: Record) -> None:
    Image.fromarray(OBJECT.T).save(folder / "x.png")
    assert "is 40×60 pixels, its image" in refusal(folder, record)
    assert "60×40: it lies on its side; make the maps of upright images" in refusal(folder, record)


def test_a_map_of_pixels_as_a_camera_stores_them_is_refused(folder: Path, record: Record) -> None:
    """The image is upright by its EXIF orientation; whoever made the map did not look at that."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((60, 40, 3), 90, np.uint8)).save(record.image, exif=exif)
    Image.fromarray(OBJECT).save(folder / "x.png")
    assert maps_of(folder)(record).shape == SIZE
    Image.fromarray(OBJECT.T).save(folder / "x.png")
    assert "it lies on its side" in refusal(folder, record)


def test_another_aspect_ratio_is_refused(folder: Path, record: Record) -> None:
    Image.fromarray(np.zeros((40, 200), np.uint8)).save(folder / "x.png")
    assert "another aspect ratio; a map of the whole image" in refusal(folder, record)


@pytest.mark.parametrize("name", ["x.npy", "x.tif", "x.PNG", "x_saliency.png"])
def test_a_missing_map_names_the_near_match(folder: Path, record: Record, name: str) -> None:
    assert "one PNG per image: image" in refusal(folder, record)
    (folder / "xy.png").write_bytes(b"")
    assert "is there" not in refusal(folder, record)
    (folder / name).write_bytes(b"")
    assert f"({name} is there: PNGs named like the images are read)" in refusal(folder, record)


@pytest.mark.parametrize("values", [np.full(SIZE, np.nan, np.float32), np.full(SIZE, -3.0, np.float32)])
def test_floats_under_a_pngs_name_are_refused(folder: Path, record: Record, values: Any) -> None:
    Image.fromarray(values).save(folder / "x.png", format="TIFF")
    assert "has pixel mode F" in refusal(folder, record)
